"""The example of the form about terms: it is what a settlement would pay, to the cent."""

from __future__ import annotations

import pytest

from registry.core.settlement.rules import Deductions
from registry.licences.consent import Price
from registry.licences.example import Example, compute
from tests.factories import START

NOTHING = Deductions()
ALL = 1_000_000


def parts(example: Example) -> tuple[int, ...]:
    return (example.total, example.management, example.social, example.others, example.yours)


@pytest.mark.parametrize(
    ("price", "mine", "deductions", "expected"),
    [
        (Price(35, 0), [ALL] * 10, NOTHING, (350, 0, 0, 0, 350)),
        (Price(35, 6000), [ALL] * 10, NOTHING, (6350, 0, 0, 0, 6350)),
        (Price(35, 0), [600_000] * 10, NOTHING, (350, 0, 0, 140, 210)),
        (Price(100, 0), [ALL] * 10, Deductions(90_000, 10_000), (1000, 90, 10, 0, 900)),
        (Price(1, 0), [ALL], Deductions(90_000), (1, 0, 0, 0, 1)),
        (Price(35, 0), [0], NOTHING, (35, 0, 0, 35, 0)),
        (Price(33, 100), [ALL, 333_333, 500_000], Deductions(90_000, 50_000), None),
    ],
)
def test_it_adds_up(
    price: Price, mine: list[int], deductions: Deductions, expected: tuple[int, ...] | None
) -> None:
    example = compute(price, mine, deductions, START)

    assert example.works == len(mine)
    assert example.per_works + example.per_quarter == example.total
    assert example.per_works == price.per_work * len(mine)
    assert sum(parts(example)[1:]) == example.total
    if expected is not None:
        assert parts(example) == expected
