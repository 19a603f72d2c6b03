"""What use costs, row by row: exact, additive, and refused where it could not be distributed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.tariffs import (
    Figure,
    PerUnit,
    Rule,
    Tariff,
    amount_due,
    component_costs,
    declared_components,
    flat_amounts,
    parse_components,
    row_costs,
)
from tests.unit.core.tariffs.test_tariff_components import (
    DOWNSTREAM,
    FLAT,
    PER_IMAGE,
    PER_MODEL,
    SHARE,
    TARIFFS,
    WEIGHTED,
    tariff,
)


class Used(NamedTuple):
    log_index: int
    work: str
    units: int
    unit: str


USES = st.lists(
    st.builds(
        Used,
        st.integers(0, 3),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(1, 10**6),
        st.sampled_from(["image", "text", "1k_tokens", "audio_minute", "audio"]),
    ),
    min_size=1,
    max_size=8,
).map(sorted)


def exact(priced: Tariff, uses: list[Used], fixed: dict[int, int] | None = None) -> list[Fraction]:
    costs, scale = row_costs(priced, flat_amounts(priced) if fixed is None else fixed, uses)
    return [Fraction(cost, scale) for cost in costs]


# -- by the unit --------------------------------------------------------------------------------------------
def test_forty_cents_per_hundred_images() -> None:
    assert exact(tariff(PER_IMAGE), [Used(1, "a", 1, "image")]) == [Fraction(2, 5)]
    assert exact(tariff(PER_IMAGE), [Used(1, "a", 250, "image")]) == [100]
    assert exact(tariff(PER_IMAGE), [Used(1, "a", 250, "text")]) == [0]


@pytest.mark.parametrize("unit", ["1k_tokens", "audio_minute", "voice_minute"])
def test_minutes_and_tokens_are_priced_like_images(unit: str) -> None:
    assert exact(tariff(PER_IMAGE | {"unit": unit}), [Used(1, "a", 50, unit), Used(1, "b", 9, "image")]) == [
        20,
        0,
    ]


def test_a_work_is_paid_once_in_each_claim() -> None:
    per_work = tariff({"type": "per_unit", "amount_minor": 7, "per_units": 1, "unit": "work"})
    uses = [
        Used(1, "a", 5, "image"),
        Used(1, "a", 9, "image"),
        Used(1, "b", 1, "text"),
        Used(2, "a", 1, "image"),
    ]
    assert exact(per_work, uses) == [7, 0, 7, 7]


def test_a_price_by_the_unit_can_be_shared_by_all() -> None:
    uses = [Used(1, "a", 300, "image"), Used(1, "b", 100, "text")]
    assert exact(tariff(PER_IMAGE), uses) == [120, 0]
    assert exact(tariff(PER_IMAGE | {"distribution": "equal_per_work"}), uses) == [60, 60]
    assert exact(tariff(PER_IMAGE | {"distribution": "pro_rata_units"}), uses) == [90, 30]
    assert exact(tariff(PER_IMAGE | WEIGHTED), uses) == [108, 12]


# -- once ---------------------------------------------------------------------------------------------------
def test_a_flat_price_by_each_rule() -> None:
    uses = [Used(1, "a", 1, "image"), Used(1, "a", 2, "image"), Used(1, "b", 3, "1k_tokens")]
    assert exact(tariff(FLAT), uses) == [2500, 0, 2500]
    assert exact(tariff(FLAT | {"distribution": "pro_rata_units"}), uses) == [
        Fraction(5000, 6),
        Fraction(10_000, 6),
        2500,
    ]
    assert exact(tariff(FLAT | WEIGHTED), uses) == [1250, 2500, 1250]
    assert exact(tariff(FLAT | {"distribution": "direct"}), uses[:2]) == [5000, 0]


def test_a_direct_price_has_one_work_only() -> None:
    direct = tariff(FLAT | {"distribution": "direct"})
    with pytest.raises(InvalidInput, match="used for several"):
        exact(direct, [Used(1, "a", 1, "image"), Used(1, "b", 1, "image")])


def test_a_kind_without_a_weight_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no weight for works of kind audio"):
        exact(tariff(FLAT | WEIGHTED), [Used(1, "a", 1, "audio_minute")])


def test_an_amount_without_use_is_refused() -> None:
    with pytest.raises(InvalidInput, match="No use was reported"):
        row_costs(tariff(FLAT), {0: 5000}, [])
    assert row_costs(tariff(PER_IMAGE), {}, []) == ([], 1)


def test_only_what_is_due_is_charged() -> None:
    both, uses = tariff(PER_IMAGE, FLAT, SHARE), [Used(1, "a", 100, "image")]
    assert exact(both, uses, {}) == [40]
    assert exact(both, uses, {1: 5000}) == [5040]
    (cost,), scale = row_costs(both, {2: 77}, uses, metered=False)
    assert Fraction(cost, scale) == 77
    assert component_costs(both, {2: 77}, uses) == {0: 40, 2: 77}
    assert component_costs(both, {2: 77}, uses, metered=False) == {2: 77}


# -- sums ---------------------------------------------------------------------------------------------------
@given(TARIFFS, USES, st.data())
def test_rows_bear_exactly_what_components_cost(
    priced: Tariff, uses: list[Used], data: st.DataObject
) -> None:
    """Whatever the rules: together the rows bear every component whole, and none of it is lost or added."""
    fixed = {
        place: data.draw(st.integers(0, 10**9))
        for place, component in enumerate(priced.components)
        if not isinstance(component, PerUnit)
    }
    if any(priced.components[place].distribution.rule is Rule.DIRECT for place in fixed):
        uses = [use._replace(work="a") for use in uses]
    costs, scale = row_costs(priced, fixed, uses)
    assert min(costs) >= 0
    assert Fraction(sum(costs), scale) == sum(component_costs(priced, fixed, uses).values())


@given(USES, st.integers(1, 10**6), st.integers(1, 10**6))
def test_use_in_parts_costs_what_it_costs_together(uses: list[Used], amount: int, per: int) -> None:
    priced = tariff(PER_IMAGE | {"amount_minor": amount, "per_units": per})
    apart = sum((sum(exact(priced, [use])) for use in uses), Fraction(0))
    assert sum(exact(priced, uses)) == apart


# -- what is declared ---------------------------------------------------------------------------------------
def test_what_must_be_declared_for_which_component() -> None:
    full = tariff(PER_IMAGE, FLAT, PER_MODEL, SHARE, DOWNSTREAM)
    assert declared_components(full) == {
        2: Figure.MODEL_VERSIONS,
        3: Figure.NET_INCOME,
        4: Figure.DOWNSTREAM_INCOME,
    }
    assert flat_amounts(full) == {1: 5000}


@pytest.mark.parametrize(
    ("component", "value", "amount"),
    [
        (SHARE, 1_000_000, 300_000),
        (SHARE, 0, 0),
        (SHARE | {"minimum_minor": 500}, 0, 500),
        (SHARE | {"minimum_minor": 500}, 1_666, 500),
        (SHARE | {"minimum_minor": 500}, 1_669, 501),
        (SHARE | {"ppm": 1}, 499_999, 0),
        (SHARE | {"ppm": 1}, 500_000, 1),
        (SHARE | {"ppm": 1_000_000}, 2**53 - 1, 2**53 - 1),
        (PER_MODEL, 3, 300_000),
        (PER_MODEL, 0, 0),
        (DOWNSTREAM, 1_010, 51),
        (DOWNSTREAM, 1_009, 50),
    ],
)
def test_amounts_of_declared_figures(component: dict[str, Any], value: int, amount: int) -> None:
    (parsed,) = parse_components([component])
    assert amount_due(parsed, value) == amount


@pytest.mark.parametrize("value", [-1, 2**53, 1.5, True, "7", None])
def test_a_figure_is_a_whole_number(value: Any) -> None:
    with pytest.raises(InvalidInput, match="whole number"):
        amount_due(tariff(SHARE).components[0], value)


def test_nothing_is_declared_for_a_price_by_the_unit() -> None:
    for component in tariff(PER_IMAGE, FLAT).components:
        with pytest.raises(InvalidInput, match="Nothing is declared"):
            amount_due(component, 1)
