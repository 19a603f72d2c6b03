"""Shares of income and prices per model version: held until the lab declares, charged once, corrected by difference."""

from __future__ import annotations

import zlib
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from registry.base.actor import Role
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, VerificationFailed
from registry.core.ids import format_id, parse_id
from registry.core.records.leaves import DeclarationLeaf, commitment, parse_leaf
from registry.core.settlement.files import INPUTS, OUTPUTS, output_files
from registry.core.settlement.reading import read_inputs
from registry.core.settlement.rules import distribute
from registry.core.tariffs import Figure
from registry.licences import service as licences
from registry.log import service as log
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.remuneration.models import (
    LedgerPosting,
    Settlement,
    SettlementFile,
    SettlementHold,
    SettlementPool,
    StatementLine,
)
from registry.usage import service as usage
from tests.factories import make_actor
from tests.support.usage import CENTS_PER_100_IMAGES, FLAT, Trade, row

SHARE = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 50_000}
DOWNSTREAM = {"type": "downstream_share", "ppm": 50_000}
PER_MODEL = {"type": "per_model_version", "amount_minor": 90_000}


def settle(trade: Trade, period: str = "2026-Q3") -> Settlement:
    """As the operator does."""
    return remuneration.settle(trade.session, trade.operator, period, trade.sources)


def quarter_is_over(trade: Trade) -> None:
    """The clock goes from any day of a quarter into the next one."""
    trade.clock.advance(days=92)


def pools(trade: Trade) -> list[tuple[str, str, int]]:
    """Period, part and total of all pools, in their order."""
    found = trade.session.scalars(select(SettlementPool).order_by(SettlementPool.id))
    return [(pool.period, pool.part, pool.total_minor) for pool in found]


def held(trade: Trade) -> list[tuple[str, int, str, str]]:
    """What the last settlement could not price."""
    last = select(Settlement.id).order_by(Settlement.id.desc()).limit(1).scalar_subquery()
    query = select(SettlementHold).where(SettlementHold.settlement_id == last)
    return [(h.period, h.component, h.figure, h.reason) for h in trade.session.scalars(query)]


def owed(trade: Trade) -> Counter[str]:
    """What stands on each account."""
    sums: Counter[str] = Counter()
    for posting in trade.session.scalars(select(LedgerPosting)):
        sums[posting.account.split(":")[1]] -= posting.amount_minor
    return sums


def files(trade: Trade, settlement: Settlement, side: str) -> dict[str, bytes]:
    """As they are published."""
    query = select(SettlementFile).where(
        SettlementFile.settlement_id == settlement.id, SettlementFile.side == side
    )
    return {file.name: zlib.decompress(file.data) for file in trade.session.scalars(query)}


def recomputed(trade: Trade, settlement: Settlement) -> None:
    """From the published inputs alone come the published outputs, byte for byte."""
    published = files(trade, settlement, INPUTS)
    inputs = read_inputs(list(published), published.__getitem__)
    splits = [distribute(pool, inputs.deductions) for pool in inputs.pools]
    again = {file.name: file.data for file in output_files(inputs.pools, splits)}
    assert again == files(trade, settlement, OUTPUTS)


# -- settling -----------------------------------------------------------------------------------------------
def test_only_the_component_without_its_figure_is_held(trade: Trade) -> None:
    heron, crane = trade.work(), trade.work(trade.bert)
    licence = trade.agreement(heron, components=(CENTS_PER_100_IMAGES, FLAT, SHARE, DOWNSTREAM))
    settle(trade)
    assert not held(trade)  # nobody has used anything yet
    trade.claim(row(heron, licence, 300), row(heron, licence, 100, how=1))
    settle(trade)
    assert pools(trade) == [("2026-Q3", "use", 1160)]
    assert held(trade) == [
        ("2026-Q3", 2, "net_income", "not-over"),
        ("2026-Q3", 3, "downstream_income", "not-over"),
    ]

    quarter_is_over(trade)
    trade.claim(row(crane, trade.agreement(crane, owner=trade.bert)), number=2)
    settle(trade, "2026-Q4")
    assert held(trade)[0] == ("2026-Q3", 2, "net_income", "not-declared")
    declared = trade.declare(licence, Figure.NET_INCOME, 1_000_000)
    settlement = settle(trade)
    assert pools(trade)[-1] == ("2026-Q3", f"net_income.2@{declared.log_index}", 300_000)
    lines = trade.session.scalars(
        select(StatementLine.amount_minor).where(StatementLine.settlement_id == settlement.id)
    ).all()
    assert sorted(lines) == [75_000, 225_000]
    assert held(trade) == [("2026-Q3", 3, "downstream_income", "not-declared")]
    recomputed(trade, settlement)
    assert settle(trade).id == settlement.id  # nothing is charged twice


def test_income_is_shared_by_all_that_was_ever_reported(trade: Trade) -> None:
    """A service that was trained in summer earns in winter, and pays those whose works it was trained on."""
    heron = trade.work()
    licence = trade.agreement(heron, components=(SHARE,))
    trade.claim(row(heron, licence, 5))
    quarter_is_over(trade)
    settle(trade)
    quarter_is_over(trade)
    trade.declare(licence, Figure.NET_INCOME, 0)
    trade.declare(licence, Figure.NET_INCOME, 200_000, "2026-Q4")
    last = settle(trade, "2026-Q4")
    assert [(period, total) for period, _, total in pools(trade)] == [
        ("2026-Q3", 0),
        ("2026-Q3", 50_000),
        ("2026-Q4", 60_000),
    ]
    recomputed(trade, last)


def test_a_correction_books_the_difference(trade: Trade) -> None:
    heron = trade.work()
    licence = trade.agreement(heron, components=(SHARE,))
    trade.claim(row(heron, licence, 5))
    quarter_is_over(trade)
    first = trade.declare(licence, Figure.NET_INCOME, 1_000_000)
    settle(trade)
    less = trade.declare(licence, Figure.NET_INCOME, 700_001, corrects=first.public_id)
    recomputed(trade, settle(trade))
    assert pools(trade)[-1] == ("2026-Q3", f"net_income.0@{less.log_index}", -90_000)
    more = trade.declare(licence, Figure.NET_INCOME, 800_000, corrects=less.public_id)
    trade.declare(licence, Figure.NET_INCOME, 900_000, corrects=more.public_id)
    recomputed(trade, settle(trade))
    assert [total for _, part, total in pools(trade) if part != "use"] == [300_000, -90_000, 60_000]
    assert owed(trade)["Payee"] == 270_000 == -owed(trade)["Receivable"]
    assert owed(trade)["Pool"] == 0


def test_model_versions_are_paid_once_and_none_is_forgotten(trade: Trade) -> None:
    heron, crane = trade.work(), trade.work()
    licence = trade.agreement(heron, crane, components=(PER_MODEL,))
    trade.claim(row(heron, licence, 5), row(crane, licence, 900))
    quarter_is_over(trade)
    other = parties.create_model(trade.session, trade.lab, "heron", "2", trade.sources).public_id
    wrong = trade.declare(licence, Figure.MODEL_VERSIONS, [other])
    settle(trade)
    assert held(trade) == [("2026-Q3", 0, "model_versions", "model-missing")]
    trade.declare(licence, Figure.MODEL_VERSIONS, [other, trade.model], corrects=wrong.public_id)
    settlement = settle(trade)
    assert pools(trade)[-1][2] == 180_000
    lines = trade.session.scalars(
        select(StatementLine.amount_minor).where(StatementLine.settlement_id == settlement.id)
    ).all()
    assert lines == [90_000, 90_000]
    recomputed(trade, settlement)
    quarter_is_over(trade)
    with pytest.raises(Conflict, match="was declared for 2026-Q3 already"):
        trade.declare(licence, Figure.MODEL_VERSIONS, [other], "2026-Q4")
    trade.declare(licence, Figure.MODEL_VERSIONS, [], "2026-Q4")
    settle(trade, "2026-Q4")
    assert pools(trade)[-1][::2] == ("2026-Q4", 0)


def test_the_published_figure_is_the_one_in_the_log(trade: Trade) -> None:
    heron = trade.work()
    licence = trade.agreement(heron, components=(SHARE,))
    trade.claim(row(heron, licence, 5))
    quarter_is_over(trade)
    declared = trade.declare(licence, Figure.NET_INCOME, 123_456_789)
    leaf = parse_leaf(log.entries(trade.session, declared.log_index, declared.log_index + 1)[0])
    assert isinstance(leaf, DeclarationLeaf)
    assert b"123456789" not in leaf.body()
    assert leaf.value == commitment(declared.salt, {"amount_minor": 123_456_789})

    published = files(trade, settle(trade), INPUTS)
    inputs = read_inputs(list(published), published.__getitem__)
    (pool,) = (pool for pool in inputs.pools if pool.declared is not None)
    assert pool.declared is not None
    stated, figure = pool.declared.now, pool.declared.figure(pool.tariff)
    stated.verify(leaf, licence, "2026-Q3", figure)
    for lie in (stated._replace(amount_minor=123_456_788), stated._replace(salt="00" * 32)):
        with pytest.raises(VerificationFailed, match="is not the net_income"):
            lie.verify(leaf, licence, "2026-Q3", figure)
    with pytest.raises(VerificationFailed, match="for 2026-Q4"):
        stated.verify(leaf, licence, "2026-Q4", figure)

    line = published["pools-0001.jsonl"]
    for amount in (b'"fixed":[[0,1]]', b'"fixed":[[1,37037037]]', b'"fixed":[]'):
        forged = published | {"pools-0001.jsonl": line.replace(b'"fixed":[[0,37037037]]', amount)}
        with pytest.raises(VerificationFailed, match="does not charge"):
            read_inputs(list(forged), forged.__getitem__)


# -- declaring ----------------------------------------------------------------------------------------------
def test_what_cannot_be_declared(trade: Trade) -> None:
    heron = trade.work()
    licence = trade.agreement(heron, components=(SHARE, PER_MODEL))
    with pytest.raises(Conflict, match="is not over; declare its figures from 2026-10-01 on"):
        trade.declare(licence, Figure.NET_INCOME, 5)
    quarter_is_over(trade)
    with pytest.raises(InvalidInput, match="asks for model_versions, net_income"):
        trade.declare(licence, Figure.DOWNSTREAM_INCOME, 5)
    with pytest.raises(InvalidInput, match="not in force in 2026-Q2"):
        trade.declare(licence, Figure.NET_INCOME, 5, "2026-Q2")
    with pytest.raises(InvalidInput, match="no period"):
        trade.declare(licence, Figure.NET_INCOME, 5, "2026")
    for amount in (-1, 10**15 + 1, True):
        with pytest.raises(InvalidInput, match="whole number"):
            trade.declare(licence, Figure.NET_INCOME, amount)
    with pytest.raises(InvalidInput, match="whole number"):
        trade.declare(licence, Figure.NET_INCOME, [trade.model])
    with pytest.raises(InvalidInput, match="a list of at most"):
        trade.declare(licence, Figure.MODEL_VERSIONS, 3)
    with pytest.raises(NotFound, match="no model_"):
        trade.declare(licence, Figure.MODEL_VERSIONS, [bytes(16)])
    with pytest.raises(InvalidInput, match="asks for nothing"):
        trade.declare(trade.agreement(heron, components=()), Figure.NET_INCOME, 5, "2026-Q4")
    size = log.hold(trade.session).size
    assert not usage.list_declarations(trade.session, trade.lab).items
    assert size == log.hold(trade.session).size


def test_only_a_named_declaration_is_corrected(trade: Trade) -> None:
    licence = trade.agreement(trade.work(), components=(SHARE,))
    quarter_is_over(trade)
    with pytest.raises(Conflict, match="no net_income of 2026-Q3 to correct"):
        trade.declare(licence, Figure.NET_INCOME, 5, corrects=bytes(16))
    first = trade.declare(licence, Figure.NET_INCOME, 5)
    assert trade.declare(licence, Figure.NET_INCOME, 5) is first
    with pytest.raises(Conflict, match=format_id("declaration", first.public_id)):
        trade.declare(licence, Figure.NET_INCOME, 6)
    second = trade.declare(licence, Figure.NET_INCOME, 6, corrects=first.public_id)
    with pytest.raises(Conflict, match="say that this one"):
        trade.declare(licence, Figure.NET_INCOME, 7, corrects=first.public_id)
    assert (first.number, second.number, first.value) == (1, 2, 5)


def test_a_declaration_is_for_the_two_sides(trade: Trade) -> None:
    licence = trade.agreement(trade.work(), components=(SHARE,))
    quarter_is_over(trade)
    declared = trade.declare(licence, Figure.NET_INCOME, 5)
    rival = make_actor(trade.session, trade.sources, Role.LAB, "Another lab")
    for reader in (trade.lab, trade.anna, trade.operator):
        assert usage.get_declaration(trade.session, reader, declared.public_id) is declared
    for stranger in (rival, trade.bert):
        with pytest.raises(NotFound):
            usage.get_declaration(trade.session, stranger, declared.public_id)
        assert not usage.list_declarations(trade.session, stranger).items
    command: dict[str, Any] = {
        "agreement": parse_id("agreement", licence.partition("@")[0]),
        "period": "2026-Q3",
        "figure": Figure.NET_INCOME,
        "amount_minor": 9,
    }
    with pytest.raises(Forbidden):
        usage.declare(trade.session, trade.anna, usage.Declare(**command), trade.sources)
    with pytest.raises(NotFound):
        usage.declare(trade.session, rival, usage.Declare(**command), trade.sources)


def test_an_ended_agreement_waits_for_no_later_quarter(trade: Trade) -> None:
    heron = trade.work()
    licence = trade.agreement(heron, components=(SHARE,))
    trade.claim(row(heron, licence))
    agreement = parse_id("agreement", licence.partition("@")[0])
    licences.end_agreement(
        trade.session,
        trade.anna,
        licences.EndAgreement(agreement, trade.clock() + timedelta(days=1)),
        trade.sources,
    )
    quarter_is_over(trade)
    settle(trade, "2026-Q4")
    assert held(trade) == [("2026-Q3", 0, "net_income", "not-declared")]
