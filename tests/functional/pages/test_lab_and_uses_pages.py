"""A lab's overview and its runs; the uses of makers and societies row by row, and samples of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.core.records.receipts import verify_receipt
from registry.core.records.runs import Counts
from registry.log import service as logs
from registry.log.keys import LogKey
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.wiring import log_keys
from registry.works import service as works
from tests.factories import Clock, make_actor, make_key
from tests.support.browsing import Browser, signed_in, text_of
from tests.support.usage import open_trade, row

Person = Any
COUNTS = Counts(
    1240,
    304,
    936,
    {"allow": 300, "licensed": 4, "deny": 929, "unknown": 7},
    {"licence.open": 300, "licence.licensee": 4, "registered.no-licence": 929, "error.undecodable": 7},
    {"image": 1240},
)


@dataclass
class Market:
    """A lab reported four rows of two works; a society acts for one of their makers."""

    lab: Browser
    maker: Browser
    society: Browser
    key: LogKey
    run: str
    claim: str
    index: int
    withdraw: Callable[[], None]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key that can sign receipts."""
    LogKey.generate(log_keys(settings), "localhost/usage-log")
    return settings


@pytest.fixture
def market(app: Flask, settings: Settings, database: Database, sources: Sources, clock: Clock) -> Market:
    """One run with its report."""
    key = LogKey.load(log_keys(settings))
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        make_key(session, sources, trade.lab)
        society = make_actor(session, sources, Role.SOCIETY, "VG")
        mandate = CreateMandate(society.public_id, frozenset(May), Repertoire(all=True))
        parties.create_mandate(session, trade.anna, mandate, sources)
        herons, foreign = [trade.work() for _ in range(3)], trade.work(trade.bert)
        licence, other = trade.agreement(*herons), trade.agreement(foreign, owner=trade.bert)
        rows = [row(heron, licence, 250) for heron in herons]
        claim = trade.claim(
            *rows, row(foreign, other), licences=tuple(sorted((licence, other))), counts=COUNTS
        )
        run = trade.run(licences=tuple(sorted((licence, other))), counts=COUNTS).run_id
        first, anna, lab = herons[0].public_id, trade.anna, trade.lab
    logs.sign(database, key, sources.now())

    def withdraw() -> None:
        with database.writing() as session:
            works.withdraw_work(session, anna, first, sources)

    def browser(actor: Actor) -> Browser:
        return signed_in(app, database, sources, actor)

    claimed = format_id("claim", claim.public_id)
    return Market(browser(lab), browser(anna), browser(society), key, run, claimed, claim.log_index, withdraw)


# -- labs ---------------------------------------------------------------------------------------------------
def test_a_lab_sees_where_it_stands_and_what_became_of_a_run(market: Market) -> None:
    text = market.lab.read("/en/lab")

    assert "key in use 1 run on record 1 licences in force 2" in text
    assert "Nothing has been published yet." in text
    assert market.run[:12] in text
    assert "1,240" in text
    assert "929" in text
    assert text.count("agreement_") == 2

    before = market.lab.read(f"/en/runs/{market.run}")
    assert "304 of 1,240 kept" in before
    assert "error.undecodable" in before
    assert "None of the works that you reported from this run is denied to you now." in before
    assert "€3.00" in before  # 750 pictures at 40 cents per 100; one more rounds to nothing

    market.withdraw()
    after = market.lab.read(f"/en/runs/{market.run}")
    assert "withdrawn on" in after
    assert "None of the works" not in after
    assert "1 reported work has no price now" in after
    assert "€2.00" in after


def test_nobody_else_sees_a_run(market: Market, person: Callable[..., Person]) -> None:
    stranger = person(Role.LAB, "Other").browser
    assert stranger.open(f"/en/runs/{market.run}").status_code == 404
    assert "No run yet." in stranger.read("/en/lab")
    assert "You have no licence." in stranger.read("/en/lab")
    assert market.maker.open("/en/lab").status_code == 403
    assert market.maker.open(f"/en/runs/{market.run}").status_code == 403
    assert market.lab.open(f"/en/runs/{'0' * 64}").status_code == 404
    assert market.lab.open("/en/runs/abc").status_code == 404


# -- makers and societies -----------------------------------------------------------------------------------
def test_uses_are_listed_and_sampled_with_receipts_that_hold(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.usage.uses_pages._PAGE", 2)
    for reader in (market.maker, market.society):
        first = reader.open("/en/uses").text
        more = re.search(r'href="(/en/uses\?after=[\d.]+)" rel="next"', first)
        assert more is not None
        second = reader.open(more[1]).text
        receipts = re.findall(r'href="(/en/uses/claim_\w+/\d+/receipt)"', first + second)
        assert len(receipts) == 3
        for address in receipts:
            proved = verify_receipt(reader.open(address).text, market.key.policy)
            assert proved.index == market.index
            assert proved.row is not None
            assert proved.row.work in first + second
        assert f"/en/log/{market.index}" in first
        table = reader.open("/en/uses.csv").text.splitlines()
        assert len(table) == 1 + 3
        assert all(f",{market.index}," in line for line in table[1:])
        assert "No row was reported in this quarter." in reader.read("/en/uses?period=2020-Q1")
        assert len(reader.open("/en/uses.csv?period=2020-Q1").text.splitlines()) == 1

    def drawn(query: str) -> list[str]:
        return re.findall(
            r"/en/uses/claim_\w+/(\d+)/receipt", market.society.open(f"/en/uses/sample?{query}").text
        )

    assert len(drawn("seed=dice&n=2")) == 2
    assert drawn("seed=dice&n=3")[:2] == drawn("seed=dice&n=2")
    assert sorted(drawn("seed=other&n=100")) == sorted(drawn("seed=dice&n=100"))
    text = market.society.read("/en/uses/sample?seed=dice&n=2")
    assert "2 of 3 rows, drawn by the seed “dice”." in text
    for wrong in ("", "seed=&n=2", "seed=a&n=0", "seed=a&n=101", "seed=a&n=x", f"seed={'a' * 201}&n=1"):
        page = market.society.open(f"/en/uses/sample?{wrong}")
        assert page.status_code == 422, wrong
        assert 'aria-invalid="true"' in page.text


def test_rows_of_others_are_nobodys_business(market: Market, person: Callable[..., Person]) -> None:
    stranger = person(Role.SOCIETY, "Another").browser
    assert "The published log names none of these works." in stranger.read("/en/uses")
    refused = [stranger.open(f"/en/uses/{market.claim}/{n}/receipt").status_code for n in range(4)]
    assert refused == [404] * 4
    seen = [market.maker.open(f"/en/uses/{market.claim}/{n}/receipt").status_code for n in (*range(5), 2**40)]
    assert sorted(seen[:4]) == [200, 200, 200, 404]
    assert seen[4:] == [404, 404]
    assert market.lab.open("/en/uses").status_code == 403
    assert "No lab has reported" not in text_of(market.maker.open("/en/uses?after=nonsense").text)
