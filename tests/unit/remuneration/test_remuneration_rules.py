"""Periods, rounding, shares and pools on worked examples with numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest

from registry.core.errors import InvalidInput
from registry.remuneration.periods import Period
from registry.remuneration.rules import (
    Pool,
    Posting,
    Prices,
    UsedRow,
    allocate,
    balanced,
    charge,
    distribute,
    distribution,
    holders,
    round_half_up,
    row_costs,
    total,
)

CENTS_PER_IMAGE = {"image": Fraction(40, 100)}


def used(
    row: int,
    work: str,
    units: int,
    shares: tuple[tuple[str, int], ...] = (("anna", 1_000_000),),
    *,
    contested: bool = False,
    unit: str = "image",
) -> UsedRow:
    """A row of the batch at log index 7."""
    return UsedRow(7, row, work, units, unit, shares, contested)


def pool(*rows: UsedRow, flat: int = 0, prices: dict[str, Fraction] | None = None) -> Pool:
    """A pool in euro under one agreement."""
    return Pool(
        licence="agreement_1@3",
        tariff="ab" * 32,
        lab="lab_1",
        period=Period(2026, 4),
        prices=Prices("EUR", CENTS_PER_IMAGE if prices is None else prices, flat),
        flat_minor=flat,
        rows=rows,
    )


def test_a_period_is_a_quarter_of_utc() -> None:
    """The fourth quarter ends where the next year begins; other zones are converted first."""
    quarter = Period.parse("2026-Q4")
    assert (quarter.start, quarter.end) == (
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert str(quarter) == "2026-Q4"
    assert Period.of(quarter.start) == quarter
    assert Period.of(quarter.end) == Period(2027, 1)
    assert Period.of(quarter.end - timedelta(microseconds=1)) == quarter
    assert Period.of(datetime(2026, 10, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == Period(2026, 3)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-Q0", "2026-Q5", "2026-q4", "26-Q4", "2026-Q4\n", "0000-Q1", "²026-Q1"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    """The message shows how a period is written."""
    with pytest.raises(InvalidInput, match="2026-Q4"):
        Period.parse(text)


@pytest.mark.parametrize(
    ("value", "rounded"), [("1/2", 1), ("3/2", 2), ("5/2", 3), ("49/100", 0), ("0", 0), ("10005/10", 1001)]
)
def test_one_half_goes_up(value: str, rounded: int) -> None:
    """Not to the even neighbour, as banker's rounding would."""
    assert round_half_up(Fraction(value)) == rounded


def test_allocation_of_a_cent_that_does_not_divide() -> None:
    """The greatest remainders win; among equal ones the smaller keys."""
    assert allocate(100, {"a": 1, "b": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert allocate(100, {"a": 1, "b": 1, "c": 4}) == {"a": 17, "b": 17, "c": 66}
    assert allocate(10, {"a": 3, "b": 4, "c": 4}) == {"a": 3, "b": 4, "c": 3}
    assert allocate(1, {"a": 0, "b": 1}) == {"a": 0, "b": 1}
    assert allocate(0, {"a": 0}) == {"a": 0}
    assert allocate(0, {}) == {}


@pytest.mark.parametrize(
    ("amount", "weights"),
    [(1, {}), (1, {"a": 0}), (-1, {"a": 1}), (1, {"a": -1, "b": 2}), (1, [("a", 1), ("a", 1)])],
)
def test_an_allocation_that_cannot_be_is_refused(amount: int, weights: dict[str, int]) -> None:
    """Nobody to give to, negative values, a key twice."""
    with pytest.raises(ValueError, match=r".+"):
        allocate(amount, weights)


def test_forty_cents_per_hundred_images_is_rounded_once() -> None:
    """Three works of 7, 8 and 9 images cost 9.6 cents together: 10, not 3 + 3 + 4 by chance."""
    example = pool(used(0, "w1", 7), used(1, "w2", 8), used(2, "w3", 9))
    assert sum(row_costs(example).values()) == Fraction(96, 10)
    assert total(example) == 10
    lines = distribute(example)
    assert [(line.work, line.amount_minor) for line in lines] == [("w1", 3), ("w2", 3), ("w3", 4)]
    assert [str(line.exact) for line in lines] == ["14/5", "16/5", "18/5"]


def test_the_flat_fee_is_equal_per_work_and_stands_with_the_first_row() -> None:
    """Three works share 100 cents equally, although one was used a thousand times and in two rows."""
    example = pool(
        used(0, "w1", 1000), used(1, "w2", 1), used(2, "w3", 1), used(3, "w1", 5), flat=100, prices={}
    )
    assert total(example) == 100
    assert [line.amount_minor for line in distribute(example)] == [34, 33, 33, 0]


def test_components_add_up() -> None:
    """Flat fee, price per work and price per image are one pool with one rounding; unpriced units cost nothing."""
    prices = {"image": Fraction(1, 3), "work": Fraction(5)}
    example = pool(used(0, "w1", 1), used(1, "w2", 9, unit="1k_tokens"), flat=1, prices=prices)
    assert row_costs(example) == {(7, 0): Fraction(35, 6), (7, 1): Fraction(11, 2)}
    assert total(example) == 11


def test_a_price_per_work_is_due_once_in_each_batch() -> None:
    """Fifty copies in two rows are one work; the next model's batch is a new use."""
    first, again = used(0, "w1", 40), used(1, "w1", 10)
    later = UsedRow(8, 0, "w1", 1, "image", (("anna", 1_000_000),))
    example = pool(first, again, later, prices={"work": Fraction(25)})
    assert row_costs(example) == {(7, 0): 25, (7, 1): 0, (8, 0): 25}


def test_missing_shares_are_unclaimed_in_the_year_of_the_period() -> None:
    """What nobody has claimed stays visible, with its year."""
    row = used(0, "w1", 1000, (("anna", 300_000), ("bert", 200_000)))
    assert holders(row, 2026) == [
        ("Liabilities:Payee:anna", "anna", 300_000),
        ("Liabilities:Payee:bert", "bert", 200_000),
        ("Liabilities:Unclaimed:2026", None, 500_000),
    ]
    assert {line.account: line.amount_minor for line in distribute(pool(row))} == {
        "Liabilities:Payee:anna": 120,
        "Liabilities:Payee:bert": 80,
        "Liabilities:Unclaimed:2026": 200,
    }


def test_no_share_at_all_is_wholly_unclaimed() -> None:
    """An empty share is no payee."""
    assert holders(used(0, "w1", 1, ()), 2026) == [("Liabilities:Unclaimed:2026", None, 1_000_000)]
    assert holders(used(0, "w1", 1, (("anna", 0),)), 2026) == [
        ("Liabilities:Unclaimed:2026", None, 1_000_000)
    ]


@pytest.mark.parametrize(
    "row",
    [used(0, "w1", 1000, contested=True), used(0, "w1", 1000, (("anna", 600_000), ("bert", 400_001)))],
    ids=["contested", "overclaimed"],
)
def test_contested_and_overclaimed_works_are_held(row: UsedRow) -> None:
    """Nobody is paid while it is open whose the work is."""
    (line,) = distribute(pool(row))
    assert (line.account, line.party, line.amount_minor) == ("Liabilities:Disputed:w1", None, 400)


def test_two_shares_of_one_party_are_one_line() -> None:
    """A party that holds two parts of a work is paid by their sum."""
    row = used(0, "w1", 1000, (("anna", 500_000), ("anna", 500_000)))
    (line,) = distribute(pool(row))
    assert (line.ppm, line.amount_minor) == (1_000_000, 400)


def test_entries_of_a_pool() -> None:
    """The lab owes the pool; the pool owes the payees, one posting for each account."""
    example = pool(
        used(0, "w1", 500),
        used(1, "w2", 500, (("anna", 500_000), ("bert", 500_000))),
        used(2, "w3", 100, contested=True),
    )
    account = "Liabilities:Pool:agreement_1-2026-Q4"
    assert charge(example) == [
        Posting("Assets:Receivable:lab_1", "EUR", 440),
        Posting(account, "EUR", -440),
    ]
    assert distribution(example, distribute(example)) == [
        Posting(account, "EUR", 440),
        Posting("Liabilities:Disputed:w3", "EUR", -40),
        Posting("Liabilities:Payee:anna", "EUR", -300),
        Posting("Liabilities:Payee:bert", "EUR", -100),
    ]


def test_what_costs_nothing_is_shown_and_not_posted() -> None:
    """A line over zero cents, and no entry."""
    example = pool(used(0, "w1", 1), prices={})
    assert [line.amount_minor for line in distribute(example)] == [0]
    assert charge(example) == distribution(example, distribute(example)) == []


def test_balance_is_per_currency() -> None:
    """A euro does not make up for a yen."""
    assert balanced([])
    assert balanced([Posting("a", "EUR", 1), Posting("b", "EUR", -1)])
    assert not balanced([Posting("a", "EUR", 1), Posting("b", "JPY", -1)])


def test_prices_of_a_tariff() -> None:
    """Components of one kind add up, and none is skipped because it is not known."""
    per_image = {"type": "per_unit", "unit": "image", "amount_minor": 40, "per_units": 100}
    flat = {"type": "flat_per_period", "amount_minor": 500}
    tariff = {"currency": "EUR", "components": [per_image, flat, per_image, flat]}
    assert Prices.of(tariff) == Prices("EUR", {"image": Fraction(8, 10)}, 1000)
    with pytest.raises(InvalidInput, match="revenue_share"):
        Prices.of({"currency": "EUR", "components": [{"type": "revenue_share", "ppm": 1}]})
