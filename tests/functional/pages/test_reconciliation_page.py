"""Run, claim, settlement and payment side by side: what agrees says so, what does not is marked; nobody sees more."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text as sql

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.remuneration import service as remuneration
from registry.remuneration.reconciliation import Reconciliation, reconcile
from tests.factories import Clock, make_actor
from tests.support.browsing import Browser, signed_in
from tests.support.quarter import Quarter, go_through, without_safeguards
from tests.support.usage import open_trade, row

Person = Any


@dataclass
class Scene:
    """A quarter that is over, and its society at a browser."""

    quarter: Quarter
    society: Browser
    database: Database
    sources: Sources

    def reconciled(self, period: str = "", **more: Any) -> Reconciliation:
        """As the page has it."""
        with self.database.reading() as session:
            quarter = self.quarter
            return reconcile(session, quarter.society, period or quarter.period, self.sources, **more)


@pytest.fixture
def scene(app: Flask, database: Database, sources: Sources, clock: Clock) -> Scene:
    """See `tests.support.quarter`."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        society = make_actor(session, sources, Role.SOCIETY, "VG")
        quarter = go_through(trade, society)
    return Scene(quarter, signed_in(app, database, sources, society), database, sources)


def test_each_claim_is_followed_to_its_money(scene: Scene) -> None:
    found = scene.reconciled()
    assert [claim.run_id for claim in found.claims] == scene.quarter.runs
    assert [claim.findings for claim in found.claims] == [["disputed"], ["figure"], ["free"]]
    assert [claim.rows for claim in found.claims] == [4, 1, 1]
    for claim in found.claims:
        for pool in claim.pools:
            parts = (pool.stated_minor, pool.disputed_minor, pool.unclaimed_minor, pool.others_minor)
            assert sum(parts) == pool.total_minor  # all rows of these pools are of works that are seen
    assert sum(p.stated_minor for c in found.claims for p in c.pools) == found.stated["EUR"]
    anna, bert = found.payees
    assert (anna.name, bert.name) == ("Anna", "Bert")
    assert anna.stated["EUR"] + bert.stated["EUR"] == found.stated["EUR"]
    assert anna.account is not None
    assert not anna.account.outstanding
    assert [(p.state, p.reply) for p in anna.account.payments] == [("settled", "camt.053")]
    assert bert.account is None  # a mandate for one work is none for the account


def test_the_page_and_the_table_say_it(scene: Scene, clock: Clock) -> None:
    text = scene.society.read(f"/en/reconciliation?period={scene.quarter.period}")
    for said in ("Held in dispute", "A figure is missing", "Free of charge", "camt.053", "Agrees"):
        assert said in text
    assert "Not shown: this mandate is for some works only." in text
    assert f"Abgleich {scene.quarter.period}" in scene.society.read("/de/reconciliation")
    assert "in this quarter" in scene.society.read("/en/reconciliation?period=2020-Q1")
    assert scene.society.open("/en/reconciliation?lab=nonsense").status_code == 422

    answer = scene.society.open(f"/en/reconciliation.csv?period={scene.quarter.period}")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    claims = [line for line in rows if line["record"] == "claim"]
    assert {line["run"] for line in claims} == set(scene.quarter.runs)
    (paid,) = [line for line in rows if line["record"] == "payment"]
    assert (paid["state"], paid["bank_reply"], paid["member_name"]) == ("settled", "camt.053", "Anna")
    stated = sum(int(line["stated_minor"] or 0) for line in claims)
    assert stated == sum(int(line["stated_minor"]) for line in rows if line["record"] == "payee") > 0
    assert "DE89" not in answer.text

    clock.advance(days=1)
    lab = scene.quarter.trade.lab.public_id
    assert len(scene.reconciled(lab=lab).claims) == 3
    other = scene.reconciled(lab=scene.quarter.trade.anna.public_id)
    assert (other.claims, other.payees, other.stated) == ([], [], {})


def test_nobody_sees_what_is_not_theirs(scene: Scene, person: Callable[..., Person]) -> None:
    stranger = person(Role.SOCIETY, "Another").browser
    text = stranger.read(f"/en/reconciliation?period={scene.quarter.period}")
    assert "No claim names a work of your members in this quarter." in text
    assert "A lab" not in text
    for role in (Role.CREATOR, Role.LAB):
        assert person(role, role).browser.open("/en/reconciliation").status_code == 403
        assert person(role, role).browser.open("/en/reconciliation.csv").status_code == 403


def test_what_the_registry_gets_wrong_is_a_fault(scene: Scene, database: Database) -> None:
    """As somebody with the database might do it: the triggers that forbid it are off."""
    assert not any(claim.is_fault for claim in scene.reconciled().claims)
    with database.writing() as session:
        without_safeguards(session)
        session.execute(sql("UPDATE statement_line SET amount_minor = amount_minor + 1 WHERE id = 1"))
    (wrong,) = [claim for claim in scene.reconciled().claims if claim.is_fault]
    assert wrong.findings[0] == "sum"
    with database.writing() as session:
        session.execute(sql("DELETE FROM statement_line WHERE id = 1"))
    (wrong,) = [claim for claim in scene.reconciled().claims if claim.is_fault]
    assert wrong.findings[0] == "missing"
    assert "Write to the operator of this registry" in scene.society.read("/en/reconciliation?period=2026-Q3")


def test_what_waits_says_for_what(scene: Scene, database: Database) -> None:
    trade, society = scene.quarter.trade, scene.quarter.society
    with database.writing() as session:
        trade.session = session
        everything = CreateMandate(society.public_id, frozenset({May.COLLECT}), Repertoire(all=True))
        parties.create_mandate(session, trade.bert, everything, scene.sources)
        tern = trade.work(trade.bert, title="A tern")
        priced = trade.agreement(
            tern, owner=trade.bert, components=({"type": "flat_per_period", "amount_minor": 5_000},)
        )
        trade.claim(row(tern, priced, 3), number=7)
    (running,) = scene.reconciled("2026-Q4").claims
    assert running.findings == ["running"]
    assert scene.reconciled().payees[1].account is not None
    trade.clock.advance(days=92)
    assert scene.reconciled("2026-Q4").claims[0].findings == ["unsettled"]
    with database.writing() as session:
        remuneration.settle(session, trade.operator, "2026-Q4", scene.sources)

    def reasons() -> list[str]:
        bert = next(payee for payee in scene.reconciled("2026-Q4").payees if payee.name == "Bert")
        assert bert.account is not None
        return list(bert.account.reasons)

    assert scene.reconciled("2026-Q4").claims[0].findings == []
    assert reasons() == ["no-bank"]
    with database.writing() as session:
        remuneration.set_bank_account(
            session, trade.bert, "Bert", "FR1420041010050500013M02606", scene.sources
        )
    assert reasons() == ["bank-new"]
    trade.clock.advance(days=14)
    assert reasons() == ["next-file"]
