"""Tariffs are exact, canonical, and refuse what nobody could pay."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.licences.tariffs import (
    FlatPerPeriod,
    PerUnit,
    Tariff,
    Unit,
    check_currency,
    cost,
    parse_components,
)

PER_IMAGE: dict[str, Any] = {"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "image"}
FLAT: dict[str, Any] = {"type": "flat_per_period", "amount_minor": 5_000}
AMOUNTS = st.integers(1, 10**9)
COMPONENTS = st.one_of(
    st.builds(PerUnit, AMOUNTS, AMOUNTS, st.sampled_from(Unit)), st.builds(FlatPerPeriod, AMOUNTS)
)
TARIFFS = st.builds(
    lambda parts: Tariff("tariff_x", 1, "EUR", tuple(parts)), st.lists(COMPONENTS, min_size=1, max_size=5)
)


def tariff(*components: dict[str, Any], version: int = 1) -> Tariff:
    return Tariff("tariff_x", version, "EUR", parse_components(components))


def test_forty_cents_per_hundred_images() -> None:
    assert cost(tariff(PER_IMAGE), {Unit.IMAGE: 1}) == Fraction(2, 5)
    assert cost(tariff(PER_IMAGE), {Unit.IMAGE: 250}) == 100
    assert cost(tariff(PER_IMAGE), {"work": 250, "1k_tokens": 9}) == 0


def test_components_add_up_and_flat_prices_count_periods() -> None:
    both = tariff(PER_IMAGE, FLAT)
    assert cost(both, {"image": 50}) == 5_020
    assert cost(both, {"image": 50}, periods=0) == 20
    assert cost(both, {}, periods=3) == 15_000


@given(TARIFFS, st.dictionaries(st.sampled_from(Unit), st.integers(0, 10**9)), st.integers(1, 10**6))
def test_costs_are_exact_and_linear(priced: Tariff, units: dict[str, int], split: int) -> None:
    """However use is cut into parts, the parts cost what the whole costs: nothing is rounded on the way."""
    part = {unit: count // split for unit, count in units.items()}
    rest = {unit: count - count // split for unit, count in units.items()}
    together = cost(priced, part, periods=0) + cost(priced, rest, periods=0)
    assert together == cost(priced, units, periods=0)
    assert cost(priced, units) >= together >= 0


@given(TARIFFS)
def test_the_canonical_form_comes_back(priced: Tariff) -> None:
    data = priced.as_json()
    again = Tariff(data["tariff"], data["version"], data["currency"], parse_components(data["components"]))
    assert again == priced
    assert again.digest == priced.digest


def test_anything_that_changes_the_price_changes_the_digest() -> None:
    prices = [
        tariff(PER_IMAGE),
        tariff(PER_IMAGE | {"amount_minor": 41}),
        tariff(PER_IMAGE | {"per_units": 101}),
        tariff(PER_IMAGE | {"unit": "work"}),
        tariff(PER_IMAGE, FLAT),
        tariff(PER_IMAGE, version=2),
    ]
    assert len({p.digest for p in prices}) == len(prices)


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        ({}, "no type of component"),
        ({"type": "revenue_share"}, "no type of component"),
        ({"type": ["per_unit"]}, "no type of component"),
        (PER_IMAGE | {"note": "x"}, "note"),
        (FLAT | {"per_units": 1}, "per_units"),
        ({"type": "flat_per_period"}, "amount_minor"),
        (PER_IMAGE | {"unit": "pixel"}, "no unit"),
        (PER_IMAGE | {"unit": ["image"]}, "no unit"),
        (PER_IMAGE | {"amount_minor": 0}, "whole number"),
        (PER_IMAGE | {"amount_minor": -40}, "whole number"),
        (PER_IMAGE | {"amount_minor": 0.4}, "cents per many units"),
        (PER_IMAGE | {"amount_minor": True}, "whole number"),
        (PER_IMAGE | {"amount_minor": "40"}, "whole number"),
        (PER_IMAGE | {"per_units": 0}, "whole number"),
        (PER_IMAGE | {"amount_minor": 10**13}, "whole number"),
    ],
)
def test_senseless_components_are_refused(component: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_components([component])


def test_a_tariff_has_components_but_not_too_many() -> None:
    for components in ([], [FLAT] * 21):
        with pytest.raises(InvalidInput, match="1 to 20"):
            parse_components(components)


def test_use_is_counted_from_zero_up() -> None:
    with pytest.raises(InvalidInput, match="from zero"):
        cost(tariff(PER_IMAGE), {"image": -1})
    with pytest.raises(InvalidInput, match="from zero"):
        cost(tariff(FLAT), {}, periods=-1)


@pytest.mark.parametrize("code", ["eur", "EURO", "", "XAU", "XXX", "€"])
def test_only_money_is_a_currency(code: str) -> None:
    with pytest.raises(InvalidInput, match="ISO 4217"):
        check_currency(code)


@pytest.mark.parametrize("code", ["EUR", "JPY", "KWD", "CHF"])
def test_currencies(code: str) -> None:
    assert check_currency(code) == code
