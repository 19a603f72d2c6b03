"""One's own data: taken home whole, without anybody else's; the account deleted, or refused with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from flask import Flask
from sqlalchemy import select

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Purpose
from registry.core.errors import Conflict
from registry.core.ids import format_id
from registry.core.records.leaves import commitment
from registry.licences import service as licences
from registry.licences.models import Agreement, Offer
from registry.log.models import LogEntry
from registry.models import metadata
from registry.own_data import service as own_data
from registry.parties import service as parties
from registry.parties.models import LoginSession, Party
from registry.remuneration import service as remuneration
from registry.works.models import StoredFingerprint, Work
from tests.factories import PASSWORD, Clock, make_key
from tests.support.browsing import Browser, signed_in
from tests.support.usage import Trade, open_trade, row
from tests.support.works import register

Person = Any


def unpacked(data: bytes) -> dict[str, Any]:
    """The files of an export, read."""
    with ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name.removesuffix(".json"): json.loads(archive.read(name)) for name in archive.namelist()}


def exported(browser: Browser) -> dict[str, Any]:
    browser.open("/en/account")
    answer = browser.send("/en/account/export")
    assert answer.status_code == 200
    assert answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    found = unpacked(answer.data)
    answer.close()
    return found


def licensed(trade: Trade) -> Work:
    """A work of Anna's that a lab has taken a licence for, and reported."""
    work = trade.work(title="A heron")
    trade.work(trade.bert, "Somebody else’s")
    trade.claim(row(work, trade.agreement(work), units=200))
    return work


# -- export ---------------------------------------------------------------------------------------------------
def test_the_export_has_all_that_is_on_record_and_nothing_of_others(
    app: Flask, database: Database, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = format_id("work", licensed(trade).public_id)
        key = make_key(session, sources, trade.anna)
    found = exported(signed_in(app, database, sources, trade.anna))

    assert found["about"]["account"] == format_id("party", trade.anna.public_id)
    assert found["party"][0]["name"] == "Anna"
    assert [(w["id"], w["title"]) for w in found["work"]] == [(work, "A heron")]
    assert [f["version_work"] for f in found["fingerprint"]] == [work]
    assert [c["units"] for c in found["claim_row"]] == [200]
    assert found["claim_row"][0]["batch_lab"] == format_id("party", trade.lab.public_id)
    assert found["agreement"][0]["licensee"] == found["claim_row"][0]["batch_lab"]
    assert found["tariff_version"][0]["components"][0]["amount_minor"] == 40
    assert [s["party"] for s in found["share"]] == [found["about"]["account"]] * len(found["share"])
    assert len(found["login_session"]) == 1
    assert found["about"]["rows"]["work"] == 1
    whole = json.dumps(found)
    assert "Somebody else" not in whole
    assert "argon2" not in whole
    assert key not in whole

    of_lab = exported(signed_in(app, database, sources, trade.lab))
    assert of_lab["claim_row"] == found["claim_row"]
    assert of_lab["work"] == []
    assert "Anna" not in json.dumps(of_lab)


def test_an_export_is_for_who_is_signed_in_and_sent_from_our_page(
    browser: Browser, person: Callable[..., Person]
) -> None:
    browser.open("/en/sign-in")
    assert browser.send("/en/account/export").status_code == 303
    anna = person()
    assert anna.browser.client.post("/en/account/export").status_code == 403


# -- deletion -------------------------------------------------------------------------------------------------
@pytest.fixture
def wanda(app: Flask, database: Database, sources: Sources) -> tuple[Actor, Browser]:
    """Somebody with a password."""
    command = parties.RegisterParty(Role.CREATOR, "Wanda Canary", "wanda@canary.example", PASSWORD)
    with database.writing() as session:
        actor = parties.actor_of(parties.register_party(session, command, sources))
    return actor, signed_in(app, database, sources, actor)


def test_a_deleted_account_leaves_no_name_title_or_fingerprint_and_what_opens_the_log_is_gone(
    app: Flask, wanda: tuple[Actor, Browser], database: Database, sources: Sources
) -> None:
    actor, browser = wanda
    me = {"owner": format_id("party", actor.public_id)}
    with database.writing() as session:
        work = register(session, actor, sources, "Canary at dawn")
        terms = licences.CreateOffer((work.public_id,), Purpose.TDM)
        offer = licences.create_offer(session, actor, terms, sources)
        key, salt = make_key(session, sources, actor), offer.salt
    with database.reading() as session:
        before = [(entry.idx, entry.body) for entry in session.scalars(select(LogEntry))]
    assert any(commitment(salt, me).encode() in body for _, body in before)
    assert "Delete the account for good" in browser.read("/en/account/delete")

    answer = browser.send("/en/account/delete", {"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/")
    assert browser.open("/en/account").status_code == 303
    headers = {"Authorization": f"Bearer {key}"}
    assert browser.client.get("/v1/works", headers=headers).status_code == 401
    browser.open("/en/sign-in")
    again = {"email": "wanda@canary.example", "password": PASSWORD}
    assert browser.send("/en/sign-in", again).status_code == 401
    with database.reading() as session:
        entries = {entry.idx: entry.body for entry in session.scalars(select(LogEntry))}
        assert [(n, entries[n]) for n, _ in before] == before
        assert not any(b"anary" in body for body in entries.values())
        kept = session.scalars(select(Offer)).one()
        assert kept.superseded_at is not None
        assert not any(commitment(kept.salt, me).encode() in body for body in entries.values())
        assert session.scalars(select(StoredFingerprint)).all() == []
        assert session.scalars(select(LoginSession)).all() == []
        left = session.scalars(select(Work)).one()
        assert (left.title, left.withdrawn_at is not None) == ("", True)
        party = session.get_one(Party, actor.party_id)
        assert (party.name, party.email, party.password) == ("", None, None)
    assert b"anary" not in everything(database)


def everything(database: Database) -> bytes:
    """All rows of all tables, as text."""
    with database.reading() as session:
        return "\n".join(
            str(tuple(found)) for table in metadata.sorted_tables for found in session.execute(select(table))
        ).encode()


def test_the_address_may_be_used_again(
    wanda: tuple[Actor, Browser], database: Database, sources: Sources
) -> None:
    _, browser = wanda
    browser.open("/en/account/delete")
    browser.send("/en/account/delete", {"password": PASSWORD})
    command = parties.RegisterParty(Role.CREATOR, "Wanda", "wanda@canary.example", PASSWORD)
    with database.writing() as session:
        parties.register_party(session, command, sources)


def test_an_account_stays_without_the_password_or_our_form(
    wanda: tuple[Actor, Browser], database: Database
) -> None:
    actor, browser = wanda
    browser.open("/en/account/delete")
    wrong = browser.send("/en/account/delete", {"password": "not this one"})
    assert wrong.status_code == 422
    assert "This is not your current password." in wrong.text
    forged = browser.client.post("/en/account/delete", data={"password": PASSWORD})
    assert forged.status_code == 403
    with database.reading() as session:
        assert session.get_one(Party, actor.party_id).name == "Wanda Canary"


def test_guessing_the_password_is_slowed_down(wanda: tuple[Actor, Browser]) -> None:
    _, browser = wanda
    browser.open("/en/account/delete")
    answers = [browser.send("/en/account/delete", {"password": f"guess {n}"}).status_code for n in range(6)]
    assert answers == [422] * 5 + [429]
    assert browser.send("/en/account/delete", {"password": PASSWORD}).status_code == 429


def test_licences_reports_and_money_stand_in_the_way(
    app: Flask, database: Database, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        licensed(trade)
    anna = signed_in(app, database, sources, trade.anna)

    def standing() -> list[str]:
        with database.reading() as session:
            return [s.obstacle.value for s in own_data.obstacles(session, trade.anna, clock())]

    assert standing() == ["claims", "agreements"]
    page = anna.read("/en/account/delete")
    assert "Licences are in force." in page
    assert "Uses were reported that are not settled yet." in page
    assert "for good" not in page
    with pytest.raises(Conflict), database.writing() as session:
        own_data.delete_account(session, trade.anna, sources)
    with database.writing() as session:
        agreement = session.scalars(select(Agreement)).one()
        licences.end_agreement(session, trade.anna, licences.EndAgreement(agreement.public_id), sources)
        remuneration.settle(session, trade.operator, "2026-Q3", sources)
    clock.advance(seconds=1)
    assert standing() == ["money"]
    assert "write to the operator" in anna.read("/en/account/delete")


def test_an_open_case_stands_in_the_way_until_the_work_is_withdrawn(
    database: Database, sources: Sources, person: Callable[..., Person], clock: Clock
) -> None:
    anna, ben = person(), person(name="Ben")
    with database.writing() as session:
        register(session, anna.actor, sources, "Dunes")
        register(session, ben.actor, sources, "Dunes")
        both = [own_data.obstacles(session, who.actor, clock()) for who in (anna, ben)]
    assert [[s.obstacle for s in found] for found in both] == [[own_data.Obstacle.CONTESTS]] * 2
    assert "Es ist offen, wem ein Werk gehört." in ben.browser.read("/de/account/delete")


def test_an_operator_does_not_delete_the_account(person: Callable[..., Person]) -> None:
    assert "You operate this registry." in person(Role.OPERATOR).browser.read("/en/account/delete")
