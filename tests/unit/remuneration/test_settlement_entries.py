"""What a settlement posts, from a pool and its split."""

from __future__ import annotations

from registry.core.settlement.periods import Period
from registry.core.settlement.rules import Deductions, Pool, Use, distribute
from registry.core.tariffs import PerUnit, Tariff, Unit
from registry.remuneration.rules import Posting, balanced, charge, distribution

NAMES = ("anna", "bert")
ACCOUNT = "Liabilities:Pool:agreement_1-2026-Q4"


def pool(unit: Unit, *uses: Use) -> Pool:
    """At 40 cents per 100 such units."""
    tariff = Tariff("tariff_1", 3, "EUR", (PerUnit(40, 100, unit),))
    return Pool("agreement_1@3", tariff, "lab_1", Period(2026, 4), {}, uses)


def test_entries_of_a_pool() -> None:
    """The lab owes the pool; the pool owes the payees, one posting for each account."""
    example = pool(
        Unit.IMAGE,
        Use(7, 0, "w1", 500, "image", 2, False, ((0, 1_000_000),)),
        Use(7, 1, "w2", 500, "image", 2, False, ((0, 500_000), (1, 300_000))),
        Use(7, 2, "w3", 100, "image", 2, True, ((0, 1_000_000),)),
    )
    split = distribute(example, Deductions(100_000, 50_000))
    assert charge(example, split.total_minor) == [
        Posting("Assets:Receivable:lab_1", "EUR", 440),
        Posting(ACCOUNT, "EUR", -440),
    ]
    found = distribution(example, split, NAMES)
    assert found == [
        Posting(ACCOUNT, "EUR", 440),
        Posting("Income:AdminFee", "EUR", -44),
        Posting("Liabilities:Disputed:w3", "EUR", -34),
        Posting("Liabilities:Payee:anna", "EUR", -255),
        Posting("Liabilities:Payee:bert", "EUR", -51),
        Posting("Liabilities:SocialFund", "EUR", -22),
        Posting("Liabilities:Unclaimed:2026", "EUR", -34),
    ]
    assert balanced(found)


def test_what_costs_nothing_is_not_posted() -> None:
    """No entry over zero cents."""
    example = pool(Unit.TOKENS, Use(7, 0, "w1", 1, "image", 2, False, ((0, 1_000_000),)))
    split = distribute(example, Deductions())
    assert charge(example, split.total_minor) == distribution(example, split, NAMES) == []


def test_balance_is_per_currency() -> None:
    """A euro does not make up for a yen."""
    assert balanced([])
    assert balanced([Posting("a", "EUR", 1), Posting("b", "EUR", -1)])
    assert not balanced([Posting("a", "EUR", 1), Posting("b", "JPY", -1)])
