"""An auditor compares all labs of a quarter: the sums are those of the societies and settlements; no maker is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import text as sql

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.ids import format_id
from registry.core.settlement.periods import Period
from registry.remuneration.all_labs import AllLabs, claims_of_lab, reconcile_labs
from tests.factories import Clock, make_actor
from tests.support.browsing import signed_in
from tests.support.quarter import go_through, without_safeguards
from tests.support.usage import open_trade


def test_all_labs_of_a_quarter(
    app: Flask, database: Database, sources: Sources, clock: Clock, person: Callable[..., Any]
) -> None:
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        quarter = go_through(trade, make_actor(session, sources, Role.SOCIETY, "VG"))
        auditor = make_actor(session, sources, Role.AUDITOR, "Audit")
        silent = make_actor(session, sources, Role.LAB, "Silent")
    period, lab = Period.parse(quarter.period), format_id("party", trade.lab.public_id)

    def found() -> AllLabs:
        with database.reading() as session:
            return reconcile_labs(session, auditor, period, sources)

    (trail,) = found().labs
    money = trail.money["EUR"]
    assert (trail.usage.runs, trail.usage.silent, trail.usage.claims, trail.usage.rows) == (3, 0, 3, 6)
    assert trail.settled == 3
    assert money.adds_up
    assert money.disputed > 0
    assert money.stated > 0
    assert list(trail.findings) == ["figure", "disputed"]  # it has paid what it owes so far
    assert found().totals == {"EUR": money}
    assert found().arrived["EUR"] > 0
    with database.reading() as session:
        claims = claims_of_lab(session, auditor, trade.lab.public_id, period)
    assert [claim.run_id for claim in claims] == quarter.runs[::-1]
    assert sum(claim.amounts.get("EUR", 0) for claim in claims) == money.total - money.deducted

    browser = signed_in(app, database, sources, auditor)
    page = browser.read(f"/en/reconciliation?period={quarter.period}&lab={lab}")
    for said in ("A lab", "A figure is missing", "Held in dispute", "lab is marked", quarter.claims[0]):
        assert said in page
    assert "Anna" not in page
    assert "No lab reported anything in this quarter." in browser.read("/en/reconciliation?period=2020-Q1")
    table = browser.open(f"/en/reconciliation.csv?period={quarter.period}&lab={lab}")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [line["record"] for line in rows].count("claim") == 3
    assert rows[0]["total_minor"] == str(money.total)
    for role in (Role.CREATOR, Role.LAB):
        assert person(role, role).browser.open("/en/reconciliation").status_code == 403
    assert silent.public_id not in {each.lab for each in found().labs}

    with database.writing() as session:  # as somebody with the database might do it
        without_safeguards(session)
        session.execute(sql("UPDATE statement_line SET amount_minor = amount_minor + 1 WHERE id = 1"))
    assert found().labs[0].findings[0] == "sum"
