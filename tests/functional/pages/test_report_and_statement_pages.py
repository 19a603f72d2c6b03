"""A lab's reports with their receipts, and what they bring their makers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pypdfium2
import pytest
from flask import Flask

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.core.tariffs import Figure
from registry.log.keys import LogKey
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.wiring import log_keys
from tests.factories import PASSWORD, Clock
from tests.support.browsing import Browser, signed_in, text_of
from tests.support.usage import open_trade, row

Person = Any


@dataclass(frozen=True)
class Market:
    """One reported and settled use."""

    maker: Browser
    maker_id: str
    lab: Browser
    report: str
    index: int


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key that can sign receipts."""
    LogKey.generate(log_keys(settings), "localhost/usage-log")
    return settings


@pytest.fixture
def market(app: Flask, database: Database, sources: Sources, clock: Clock) -> Market:
    """A lab reports three uses of a heron, and the quarter is settled."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work(title="A heron")
        licence = trade.agreement(work)
        claim = trade.claim(row(work, licence, 300), licences=(licence,))
    with database.writing() as session:
        remuneration.settle(session, parties.command_line(session, sources), "2026-Q3", sources)
    return Market(
        signed_in(app, database, sources, trade.anna),
        format_id("party", trade.anna.public_id),
        signed_in(app, database, sources, trade.lab),
        format_id("claim", claim.public_id),
        claim.log_index,
    )


# -- claims ---------------------------------------------------------------------------------------------------
def test_a_lab_sees_its_claims_and_takes_receipts_home(market: Market) -> None:
    listed = market.lab.read("/en/claims")
    assert "heron 1" in listed
    assert f"#{market.index}" in listed
    (line,) = market.lab.open("/en/claims.csv").text.splitlines()[1:]
    assert line.startswith(market.report)
    assert line.endswith(f"heron 1,1,{market.index},settled,2026-Q3")

    address = f"/en/claims/{market.report}"
    text = market.lab.read(address)
    assert "uses reported 1" in text
    assert "Training generative AI" in text
    assert "by likeness" in text
    receipt = market.lab.open(f"{address}/receipt")
    assert receipt.text.startswith("c2sp.org/tlog-proof@v1")
    assert f"{market.report}.tlog-proof" in receipt.headers["Content-Disposition"]
    manifest = market.lab.open(f"{address}/run.json")
    assert manifest.json is not None
    assert manifest.json["purpose"] == "train_genai"


def test_other_labs_and_makers_see_none_of_it(market: Market, person: Callable[..., Person]) -> None:
    rival = person(Role.LAB, "Rival").browser

    assert "Noch kein Lauf." in rival.read("/de/claims")
    for page in ("", "/receipt", "/run.json"):
        assert rival.open(f"/en/claims/{market.report}{page}").status_code == 404
        assert market.maker.open(f"/en/claims/{market.report}{page}").status_code == 403


# -- statements -----------------------------------------------------------------------------------------------
def test_a_maker_sees_each_cent_with_its_report(market: Market) -> None:
    assert "3. Quartal 2026 1,20 €" in market.maker.read("/de/statements")

    text = market.maker.read("/en/statements/2026-Q3")
    assert "Your works were used €1.20 in the third quarter of 2026." in text
    assert "A heron A lab" in text
    assert f"#{market.index}" in text
    assert "300 images" in text
    table = market.maker.open("/en/statements/2026-Q3/lines.csv")
    assert table.mimetype == "text/csv"
    assert re.search(r",120,1\.20,EUR,[a-z,]*reproduction,train_genai,", table.text)


def test_what_a_work_earned_stands_at_its_head_and_above_all_works(
    market: Market, person: Callable[..., Person]
) -> None:
    listing = market.maker.open("/en/works").text
    assert "earned so far €1.20" in text_of(listing)
    assert "work that 1 lab reported as used 1" in text_of(listing)
    assert "earned so far" not in market.maker.read("/en/works?q=heron")

    work = re.search(r"/en/works/(work_\w+)", listing)
    assert work is not None
    text = market.maker.read(f"/en/works/{work[1]}")
    assert "Used: A lab has reported it. Earned so far: €1.20." in text
    assert text.index("Earned so far") < text.index("What the registry keeps") < text.index("Money earned")

    assert "earned so far" not in person().browser.read("/en/works")


def test_a_share_of_income_is_told_from_the_use_itself(
    app: Flask, database: Database, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        share = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 0}
        price = {"type": "per_unit", "amount_minor": 5, "per_units": 1, "unit": "image"}
        work = trade.work(title="A heron")
        licence = trade.agreement(work, components=(price, share))
        trade.claim(row(work, licence, 3))
        clock.advance(days=92)
        trade.declare(licence, Figure.NET_INCOME, 1_000)
    with database.writing() as session:
        remuneration.settle(session, parties.command_line(session, sources), "2026-Q3", sources)
    maker = signed_in(app, database, sources, trade.anna)
    text = maker.read("/en/statements/2026-Q3")
    assert "€3.15" in text
    assert text.count("Share of the net income of the lab") == 1
    letter = pypdfium2.PdfDocument(maker.open("/en/statements/2026-Q3/letter.pdf").data)
    written = " ".join(letter[0].get_textpage().get_text_bounded().split())
    letter.close()
    assert written.count("Share of the net income of the lab") == 1
    assert ",300,3.00,EUR," in maker.open("/en/statements/2026-Q3/lines.csv").text


def test_the_statement_as_a_letter_says_what_the_law_asks_for(market: Market) -> None:
    """Directive 2014/26/EU, Art. 18: who, when, for which use, what was deducted and paid, what is still to be paid."""
    letter = market.maker.open("/en/statements/2026-Q3/letter.pdf")
    assert letter.mimetype == "application/pdf"
    document = pypdfium2.PdfDocument(letter.data)
    said = " ".join(document[0].get_textpage().get_text_bounded().split())
    document.close()
    for fact in (
        market.maker_id,
        "1 July 2026 up to, not including, 1 October 2026",
        "in this quarter €1.20",
        "Deducted for management €0.00",
        "Other deductions €0.00",
        "Paid so far, of all quarters 0",
        "Still to be paid, of all quarters €1.20",
        "Training generative AI",
        f"#{market.index} / 1",
    ):
        assert fact in said
    assert market.lab.open("/en/statements/2026-Q3/letter.pdf").status_code == 403


def test_without_reports_nothing_is_promised(market: Market, person: Callable[..., Person]) -> None:
    ben = person(name="Ben").browser

    assert "That does not mean that nobody used them." in ben.read("/en/statements")
    assert "Nothing was settled" in ben.read("/en/statements/2026-Q3")
    assert ben.open("/en/statements/last-year").status_code == 422


def test_a_society_needs_a_mandate_to_see_a_members_statement(
    market: Market, person: Callable[..., Person]
) -> None:
    society = person(Role.SOCIETY, "VG")
    address = f"/en/statements?party={market.maker_id}"
    assert society.browser.open(address).status_code == 403
    market.maker.open("/en/mandates")
    market.maker.send("/en/mandates", {"agent": society.id, "repertoire": "all", "may": "collect"})

    assert "€1.20" in society.browser.read(address)
    assert "Works were used" in society.browser.read(f"/en/statements/2026-Q3?party={market.maker_id}")


def test_a_bank_account_is_taken_with_the_password_only(
    market: Market, app: Flask, database: Database, sources: Sources
) -> None:
    """And shown by its last digits; what is wrong is said at the field."""
    assert "€1.20" in market.maker.read("/en/payouts")
    command = parties.RegisterParty(Role.CREATOR, "Anna", "anna@example.org", PASSWORD)
    with database.writing() as session:
        actor = parties.actor_of(parties.register_party(session, command, sources))
    anna = signed_in(app, database, sources, actor)
    assert "Without a bank account you cannot be paid" in anna.read("/en/payouts")
    sent = {"holder": "Anna", "iban": "DE89 3704 0044 0532 0130 00", "password": PASSWORD}
    for field, wrong in (("password", "no"), ("iban", "DE89370400440532013001"), ("holder", "N" * 80)):
        answer = anna.send("/en/payouts/bank-account", sent | {field: wrong})
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
    assert "Without a bank account" in anna.read("/en/payouts")
    assert anna.send("/en/payouts/bank-account", sent).status_code == 303
    page = anna.read("/de/payouts")
    assert "DE… 3000" in page
    assert "Zahlungen ab" in page
    assert "0440532" not in page
    assert market.lab.open("/en/payouts").status_code == 403
