"""What is held and what is released, as its owner sees it: on pages, in the table, the letter and the API."""

from __future__ import annotations

import csv
import io

import pypdfium2
import pytest
from flask import Flask

from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.ids import format_id
from registry.remuneration import service as remuneration
from registry.works.service import Outcome
from tests.factories import Clock, make_key
from tests.functional.conftest import Account, Client
from tests.support.browsing import signed_in
from tests.support.conflicts import contest, decide
from tests.support.usage import FLAT, open_trade, row

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_from_being_held_to_the_statement(
    app: Flask, client: Client, database: Database, sources: Sources, clock: Clock
) -> None:
    """A contested title's ten euro are shown as held, and after the decision as released, with their quarter."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        newer = trade.work(trade.bert, "The same heron")
        licence = trade.agreement(newer, owner=trade.bert, components=(FLAT,))
        contest(trade, newer, trade.work())
        trade.claim(row(newer, licence))
        held_by = remuneration.settle(session, trade.operator, "2026-Q3", sources).public_id
        bert, anna = (Account(actor, make_key(session, sources, actor)) for actor in (trade.bert, trade.anna))
    browser = signed_in(app, database, sources, trade.bert)
    assert "quarter 3 of 2026 The title is contested, and a person decides. €10.00" in browser.read(
        "/en/statements"
    )
    assert "Zurückgehalten" in browser.read("/de/statements")
    assert "was held" not in browser.read("/en/statements/2026-Q3")
    address = "/v1/statements/held"
    assert client.get(address, headers=bert.headers).json == {
        "items": [
            {
                "work": format_id("work", newer.public_id),
                "title": "The same heron",
                "period": "2026-Q3",
                "currency": "EUR",
                "amount_minor": 1000,
                "state": "contested",
                "lapses_on": None,
            }
        ]
    }
    assert client.get(address, headers=anna.headers).json == {"items": []}
    assert client.get(f"{address}?on_behalf_of={bert.id}", headers=anna.headers).status_code == 403

    with database.writing() as session:
        trade.session = session
        decide(trade, session.merge(newer), Outcome.RELEASE)
    assert "the next settlement releases it. €10.00" in browser.read("/en/statements")
    clock.advance(days=70)
    with database.writing() as session:
        remuneration.settle(session, trade.operator, "2026-Q4", sources)
    browser = signed_in(app, database, sources, trade.bert)
    assert client.get(address, headers=bert.headers).json == {"items": []}
    assert "Of 2026-Q3, was held until now" in browser.read("/en/statements/2026-Q4")
    letter = pypdfium2.PdfDocument(browser.open("/en/statements/2026-Q4/letter.pdf").data)
    said = " ".join(letter[0].get_textpage().get_text_bounded().split())
    letter.close()
    assert "Of 2026-Q3, was held until now" in said
    table = browser.open("/en/statements/2026-Q4/lines.csv").text
    line, _ = csv.DictReader(io.StringIO(table, newline=""))
    assert (line["origin_period"], line["amount"]) == ("2026-Q3", "10.00")
    assert line["held_by"] == format_id("settlement", held_by)
