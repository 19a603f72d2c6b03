"""What people are told: with what it tells of or not at all, on the page, and by mail once, in their language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import FIRST_RETRY, Job, State, Worker
from registry.base.outbox import SEND_MAIL, Mail, send_due
from registry.base.settings import Settings
from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput, NetworkFailed
from registry.licences import service as licences
from registry.notices import service as notices
from registry.notices import texts
from registry.notices.rules import Kind
from registry.notices.service import Notice
from registry.parties import service as parties
from registry.parties.models import Party
from registry.work import outboxes
from tests.factories import PASSWORD, Clock
from tests.support.browsing import signed_in
from tests.support.mail_server import MailServer, mail_server
from tests.support.usage import open_trade, row
from tests.support.works import register


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server() as running:
        yield running


@pytest.fixture
def mailing(tmp_path: Path, server: MailServer) -> Settings:
    """A registry that sends mails."""
    return Settings(
        tmp_path,
        origin="registry.example",
        mail_host="127.0.0.1",
        mail_port=server.port,
        mail_tls="none",
        mail_from="registry@registry.example",
    )


@pytest.fixture
def maker(database: Database, sources: Sources) -> Callable[..., Actor]:
    """Makes somebody with a confirmed address: `maker("Anna", "de")`."""

    def make(name: str, language: str = "en") -> Actor:
        address = f"{name.lower()}@example.org"
        command = parties.RegisterParty(Role.CREATOR, name, address, PASSWORD, language)
        with database.writing() as session:
            party = parties.register_party(session, command, sources)
            parties.confirm_email(session, party, address, sources.now())
            return parties.actor_of(party)

    return make


def worker(settings: Settings, database: Database, sources: Sources) -> Worker:
    return Worker(database, {SEND_MAIL: partial(send_due, settings, outboxes(settings))}, sources=sources)


def send(settings: Settings, database: Database, sources: Sources) -> dict[str, Any]:
    return send_due(settings, outboxes(settings), database, {}, sources)


def states(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Notice.mail).order_by(Notice.id)))


def told(database: Database, *actors: Actor, clock: Clock, kind: Kind = Kind.PAID) -> None:
    with database.writing() as session:
        notices.tell(session, kind, {actor.party_id: {} for actor in actors}, clock())


# -- what is told of ------------------------------------------------------------------------------------------
def test_owners_are_told_that_works_were_used_and_that_a_lab_asks(
    app: Flask, database: Database, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        first, second, other = trade.work(), trade.work(), trade.work(trade.bert)
        licence, of_bert = trade.agreement(first, second), trade.agreement(other, owner=trade.bert)
        trade.claim(row(first, licence), row(second, licence), row(other, of_bert))
        ask = licences.AskForTerms((other.public_id,), Purpose.TDM)
        licences.ask_for_terms(session, trade.lab, ask, sources)
    anna = signed_in(app, database, sources, trade.anna).read("/en/account/notices")
    bert = signed_in(app, database, sources, trade.bert).read("/de/account/notices")

    assert "A lab reported the use of 2 works of yours." in anna
    assert "asks for a licence for" not in anna
    assert "A lab hat die Nutzung von 1 Ihrer Werke gemeldet." in bert
    assert "A lab fragt nach einer Lizenz für 1 Ihrer Werke." in bert


def test_both_owners_are_told_of_a_contested_title_each_in_the_own_language(
    database: Database,
    sources: Sources,
    maker: Callable[..., Actor],
    mailing: Settings,
    server: MailServer,
) -> None:
    anna, ben = maker("Anna"), maker("Ben", "de")
    with database.writing() as session:
        register(session, anna, sources, "Secret dunes")
        register(session, ben, sources, "Secret dunes")
    assert worker(mailing, database, sources).run_one()

    by_address = {message["To"]: message for message in server.taken}
    assert by_address.keys() == {"anna@example.org", "ben@example.org"}
    to_anna, to_ben = by_address["anna@example.org"], by_address["ben@example.org"]
    assert (to_anna["Subject"], to_ben["Subject"]) == ("A title is contested", "Ein Titel ist strittig")
    assert "Yours stands" in to_anna.get_content().replace("\n", " ")
    assert "https://registry.example/de/account/notices" in to_ben.get_content()
    assert to_ben["Auto-Submitted"] == "auto-generated"
    assert not any("Secret" in message.as_string() for message in server.taken)


def test_nobody_is_told_of_what_did_not_happen(
    database: Database, maker: Callable[..., Actor], clock: Clock
) -> None:
    anna = maker("Anna")

    def fail() -> None:
        with database.writing() as session:
            notices.tell(session, Kind.PAID, {anna.party_id: {}}, clock())
            raise InvalidInput("the transaction fails")

    with pytest.raises(InvalidInput):
        fail()
    assert states(database) == []
    with database.reading() as session:
        assert session.scalars(select(Job)).all() == []


# -- mails ----------------------------------------------------------------------------------------------------
def test_a_mail_goes_out_once_however_often_the_job_runs(
    database: Database,
    sources: Sources,
    clock: Clock,
    maker: Callable[..., Actor],
    mailing: Settings,
    server: MailServer,
) -> None:
    told(database, maker("Anna"), clock=clock)
    for _ in range(3):
        send(mailing, database, sources)
    assert len(server.taken) == 1
    assert states(database) == [Mail.SENT]


def test_a_server_that_is_away_is_asked_again_after_a_growing_pause(
    database: Database, sources: Sources, clock: Clock, maker: Callable[..., Actor], mailing: Settings
) -> None:
    told(database, maker("Anna"), clock=clock)
    with mail_server() as gone:
        pass
    away, pauses = replace(mailing, mail_port=gone.port), []
    for _ in range(3):
        worker(away, database, sources).run_one()
        with database.reading() as session:
            job = session.scalars(select(Job)).one()
        assert job.state == State.QUEUED
        pauses.append((job.run_at - clock()) / FIRST_RETRY)
        clock.at = job.run_at
    assert pauses == [1, 4, 16]
    assert states(database) == [Mail.DUE]
    assert worker(mailing, database, sources).run_one()
    assert states(database) == [Mail.SENT]


def test_one_who_is_refused_does_not_hold_up_the_others(
    database: Database,
    sources: Sources,
    clock: Clock,
    maker: Callable[..., Actor],
    mailing: Settings,
    server: MailServer,
) -> None:
    server.answers = {"gone@example.org": "550 no such user", "full@example.org": "452 later"}
    told(database, maker("Gone"), maker("Full"), maker("Anna"), clock=clock)
    with pytest.raises(NetworkFailed):
        send(mailing, database, sources)
    assert states(database) == [Mail.REFUSED, Mail.DUE, Mail.SENT]
    clock.advance(days=6)
    assert send(mailing, database, sources) == {"refused": 1}
    assert [message["To"] for message in server.taken] == ["anna@example.org"]


def test_without_a_server_or_a_wish_no_mail_goes_out(
    database: Database,
    sources: Sources,
    clock: Clock,
    maker: Callable[..., Actor],
    mailing: Settings,
    server: MailServer,
    tmp_path: Path,
) -> None:
    anna = maker("Anna")
    with database.writing() as session:
        notices.choose(session, anna, {Kind.USED}, "de")
    told(database, anna, clock=clock)
    assert states(database) == [Mail.NONE]
    assert send(Settings(tmp_path), database, sources) == {"mail": "off"}
    assert send(mailing, database, sources) == {}
    assert server.taken == []


def test_only_a_confirmed_address_gets_mails(
    database: Database,
    sources: Sources,
    clock: Clock,
    maker: Callable[..., Actor],
    mailing: Settings,
    server: MailServer,
) -> None:
    command = parties.RegisterParty(Role.CREATOR, "Ben", "ben@example.org", PASSWORD)
    with database.writing() as session:
        ben = parties.actor_of(parties.register_party(session, command, sources))
    anna = maker("Anna")
    told(database, anna, ben, clock=clock)
    assert states(database) == [Mail.DUE, Mail.NONE]
    with database.writing() as session:  # between what happened and the mail
        parties.own_party(session, anna).email_confirmed_at = None
    assert send(mailing, database, sources) == {"none": 1}
    assert server.taken == []


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_texts(kind: Kind, language: str) -> None:
    facts = {"works": 1, "lab": "Lab", "newer": True, "offered": True}
    lines = texts.body(kind, facts, language, "https://registry.example")
    assert texts.subject(kind, language) != texts.subject(kind, "de" if language == "en" else "en")
    assert f"https://registry.example/{language}/account/notices" in lines
    assert "%(" not in lines


# -- choosing -------------------------------------------------------------------------------------------------
def test_people_choose_their_mails_for_themselves_only(
    app: Flask, database: Database, sources: Sources, maker: Callable[..., Actor]
) -> None:
    anna, ben = maker("Anna"), maker("Ben")
    browser = signed_in(app, database, sources, anna)
    assert "This registry sends no mails." in browser.read("/en/account/notices")
    assert browser.client.post("/en/account/notices", data={"kind": "used"}).status_code == 403
    answer = browser.send("/en/account/notices", {"kind": ["used", "nonsense"], "language": "de"})
    assert answer.status_code == 303

    with database.reading() as session:
        assert notices.unwanted(session, anna) == set(Kind) - {Kind.USED}
        assert notices.unwanted(session, ben) == set()
        assert session.get_one(Party, anna.party_id).language == "de"
