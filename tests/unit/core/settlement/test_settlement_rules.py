"""Periods, rounding, shares and pools on worked examples with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest

from registry.core.errors import InvalidInput
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import (
    DISPUTED,
    UNCLAIMED,
    Deductions,
    Distribution,
    Pool,
    Use,
    apportion,
    distribute,
    holders,
    round_half_up,
)
from registry.core.tariffs import Component, FlatPerPeriod, PerUnit, RevenueShare, Tariff, Unit, flat_amounts

CENTS_PER_IMAGE = PerUnit(40, 100, Unit.IMAGE)
ANNA, BERT = 0, 1


def used(
    row: int,
    work: str,
    units: int,
    shares: tuple[tuple[int, int], ...] = ((ANNA, 1_000_000),),
    *,
    contested: bool = False,
    unit: str = "image",
    index: int = 7,
) -> Use:
    """A row of the batch at log index 7."""
    return Use(index, row, work, units, unit, 2, contested, shares)


def pool(*uses: Use, prices: Sequence[Component] = (CENTS_PER_IMAGE,)) -> Pool:
    """A pool in euro under one agreement; flat fees are charged."""
    tariff = Tariff("tariff_1", 3, "EUR", tuple(prices))
    return Pool("agreement_1@3", tariff, "lab_1", Period(2026, 4), flat_amounts(tariff), uses)


def split(*uses: Use, prices: Sequence[Component] = (CENTS_PER_IMAGE,)) -> Distribution:
    """That pool, distributed without deductions."""
    return distribute(pool(*uses, prices=prices), Deductions())


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


def test_a_cent_that_does_not_divide() -> None:
    """The greatest remainders win; among equal ones the first."""
    assert apportion(100, [1, 1, 1]) == [34, 33, 33]
    assert apportion(100, [1, 1, 4]) == [17, 17, 66]
    assert apportion(10, [3, 4, 4]) == [3, 4, 3]
    assert apportion(1, [0, 1]) == [0, 1]
    assert apportion(0, [0]) == [0]
    assert apportion(0, []) == []


@pytest.mark.parametrize(("amount", "weights"), [(1, []), (1, [0]), (-1, [1]), (1, [-1, 2])])
def test_a_split_that_cannot_be_is_refused(amount: int, weights: list[int]) -> None:
    """Nobody to give to, negative values."""
    with pytest.raises(ValueError, match=r".+"):
        apportion(amount, weights)


def test_forty_cents_per_hundred_images_is_rounded_once() -> None:
    """Three works of 7, 8 and 9 images cost 9.6 cents together: 10, not 3 + 3 + 4 by chance."""
    found = split(used(0, "w1", 7), used(1, "w2", 8), used(2, "w3", 9))
    assert found.total_minor == 10
    assert [(line.work, line.amount_minor) for line in found.lines] == [("w1", 3), ("w2", 3), ("w3", 4)]
    assert [line.exact for line in found.lines] == [(14, 5), (16, 5), (18, 5)]


def test_the_flat_fee_is_equal_per_work_and_stands_with_the_first_row() -> None:
    """Three works share 100 cents equally, although one was used a thousand times and in two rows."""
    uses = used(0, "w1", 1000), used(1, "w2", 1), used(2, "w3", 1), used(3, "w1", 5)
    found = split(*uses, prices=[FlatPerPeriod(100)])
    assert found.total_minor == 100
    assert [line.amount_minor for line in found.lines] == [34, 33, 33, 0]


def test_components_add_up() -> None:
    """Flat fee, price per work and price per image are one pool with one rounding: 5 5/6 and 5 1/2 cents are 11."""
    prices: list[Component] = [PerUnit(1, 3, Unit.IMAGE), PerUnit(5, 1, Unit.WORK), FlatPerPeriod(1)]
    found = split(used(0, "w1", 1), used(1, "w2", 9, unit="1k_tokens"), prices=prices)
    assert [line.exact for line in found.lines] == [(35, 6), (11, 2)]
    assert found.total_minor == 11


def test_what_was_charged_before_is_not_charged_again() -> None:
    """Uses that were settled may bear a component that was declared later, and nothing else."""
    prices: list[Component] = [CENTS_PER_IMAGE, FlatPerPeriod(90), RevenueShare(300_000, 0)]
    uses = used(0, "w1", 100), used(1, "w2", 200)
    late = replace(pool(*uses, prices=prices), fixed={2: 30}, metered=False)
    assert [line.amount_minor for line in distribute(late, Deductions()).lines] == [10, 20]


def test_missing_shares_are_unclaimed() -> None:
    """What nobody has claimed stays visible."""
    use = used(0, "w1", 1000, ((ANNA, 300_000), (BERT, 200_000)))
    assert holders(use) == ((ANNA, 300_000), (BERT, 200_000), (UNCLAIMED, 500_000))
    assert [(line.payee, line.amount_minor) for line in split(use).lines] == [
        (ANNA, 120),
        (BERT, 80),
        (UNCLAIMED, 200),
    ]
    assert holders(used(0, "w1", 1, ())) == ((UNCLAIMED, 1_000_000),)


@pytest.mark.parametrize(
    "use",
    [used(0, "w1", 1000, contested=True), used(0, "w1", 1000, ((ANNA, 600_000), (BERT, 400_001)))],
    ids=["contested", "overclaimed"],
)
def test_contested_and_overclaimed_works_are_held(use: Use) -> None:
    """Nobody is paid while it is open whose the work is."""
    (line,) = split(use).lines
    assert (line.payee, line.ppm, line.amount_minor) == (DISPUTED, 1_000_000, 400)


def test_deductions_and_lines_are_one_split() -> None:
    """1,001 cents less 10 % and 1 %: 100.1, 10.01 and two halves of 445.445, of which management's cent is the last."""
    uses = used(0, "w1", 1001, ((ANNA, 500_000), (BERT, 500_000)))
    found = distribute(pool(uses, prices=[PerUnit(1, 1, Unit.IMAGE)]), Deductions(100_000, 10_000))
    assert (found.total_minor, found.management_minor, found.social_minor) == (1001, 100, 10)
    assert [line.amount_minor for line in found.lines] == [446, 445]
    assert {line.exact for line in found.lines} == {(89089, 200)}
    assert {line.ppm for line in found.lines} == {500_000}


@pytest.mark.parametrize(("management", "social"), [(-1, 0), (0, -1), (1_000_000, 0), (600_000, 400_000)])
def test_deductions_leave_something_to_pay(management: int, social: int) -> None:
    """Neither negative nor everything."""
    with pytest.raises(InvalidInput, match="1,000,000"):
        Deductions(management, social)


def test_what_costs_nothing_is_shown() -> None:
    """A line over zero cents; without uses, there is nothing at all."""
    assert [
        line.amount_minor for line in split(used(0, "w1", 1), prices=[PerUnit(1, 1, Unit.TOKENS)]).lines
    ] == [0]
    assert split() == Distribution(0, 0, 0, [])
