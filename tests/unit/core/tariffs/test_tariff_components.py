"""Tariffs are canonical, say how they are distributed, and refuse what nobody could pay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.tariffs import (
    Distribution,
    DownstreamShare,
    FlatPerPeriod,
    PerModelVersion,
    PerUnit,
    RevenueShare,
    Rule,
    Tariff,
    Unit,
    parse_components,
)
from registry.core.tariffs.currencies import check_currency

PER_IMAGE: dict[str, Any] = {"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "image"}
FLAT: dict[str, Any] = {"type": "flat_per_period", "amount_minor": 5_000}
PER_MODEL: dict[str, Any] = {"type": "per_model_version", "amount_minor": 100_000}
SHARE: dict[str, Any] = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 0}
DOWNSTREAM: dict[str, Any] = {"type": "downstream_share", "ppm": 50_000}
WEIGHTED: dict[str, Any] = {"distribution": "weighted", "weights": {"text": 1, "image": 3}}
AMOUNTS = st.integers(1, 10**9)
PPM = st.integers(1, 10**6)
DISTRIBUTIONS = st.one_of(
    st.builds(Distribution, st.sampled_from([rule for rule in Rule if rule is not Rule.WEIGHTED])),
    st.just(Distribution(Rule.WEIGHTED, (("audio", 7), ("image", 3), ("text", 1)))),
)
COMPONENTS = st.one_of(
    st.builds(PerUnit, AMOUNTS, AMOUNTS, st.sampled_from(Unit), DISTRIBUTIONS),
    st.builds(FlatPerPeriod, AMOUNTS, DISTRIBUTIONS),
    st.builds(PerModelVersion, AMOUNTS, DISTRIBUTIONS),
    st.builds(RevenueShare, PPM, st.integers(0, 10**9), DISTRIBUTIONS),
    st.builds(DownstreamShare, PPM, DISTRIBUTIONS),
)
TARIFFS = st.builds(
    lambda parts: Tariff("tariff_x", 1, "EUR", tuple(parts)), st.lists(COMPONENTS, min_size=1, max_size=5)
)


def tariff(*components: dict[str, Any], version: int = 1) -> Tariff:
    return Tariff("tariff_x", version, "EUR", parse_components(components))


@given(TARIFFS)
def test_the_canonical_form_comes_back(priced: Tariff) -> None:
    again = Tariff.of(priced.as_json())
    assert again == priced
    assert again.digest == priced.digest


def test_the_usual_distribution_has_one_form() -> None:
    """Written out or left out, it is the same tariff; so the digests of tariffs without one never change."""
    for component, usual in (
        (PER_IMAGE, "direct"),
        (FLAT, "equal_per_work"),
        (PER_MODEL, "equal_per_work"),
        (SHARE, "pro_rata_units"),
        (DOWNSTREAM, "pro_rata_units"),
    ):
        (written,) = parse_components([component | {"distribution": usual}])
        (left_out,) = parse_components([component])
        assert written == left_out
        assert written.as_json() == component


def test_anything_that_changes_the_price_changes_the_digest() -> None:
    prices = [
        tariff(PER_IMAGE),
        tariff(PER_IMAGE | {"amount_minor": 41}),
        tariff(PER_IMAGE | {"per_units": 101}),
        tariff(PER_IMAGE | {"unit": "work"}),
        tariff(PER_IMAGE | {"distribution": "pro_rata_units"}),
        tariff(PER_IMAGE, FLAT),
        tariff(PER_IMAGE, version=2),
        tariff(SHARE),
        tariff(SHARE | {"minimum_minor": 1}),
        tariff(SHARE | {"ppm": 300_001}),
        tariff(SHARE | {"distribution": "equal_per_work"}),
        tariff(SHARE | WEIGHTED),
        tariff(SHARE | WEIGHTED | {"weights": {"text": 1, "image": 4}}),
        tariff(PER_MODEL),
        tariff(DOWNSTREAM),
    ]
    assert len({p.digest for p in prices}) == len(prices)


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        ({}, "no type of component"),
        ("per_unit", "no type of component"),
        ({"type": "subscription"}, "no type of component"),
        ({"type": ["per_unit"]}, "no type of component"),
        (PER_IMAGE | {"note": "x"}, "note"),
        (FLAT | {"per_units": 1}, "per_units"),
        ({"type": "flat_per_period"}, "amount_minor"),
        ({"type": "revenue_share", "ppm": 5}, "minimum_minor"),
        (PER_IMAGE | {"unit": "pixel"}, "no unit"),
        (PER_IMAGE | {"unit": ["image"]}, "no unit"),
        (PER_IMAGE | {"amount_minor": 0}, "whole number"),
        (PER_IMAGE | {"amount_minor": -40}, "whole number"),
        (PER_IMAGE | {"amount_minor": 0.4}, "cents per many units"),
        (PER_IMAGE | {"amount_minor": True}, "whole number"),
        (PER_IMAGE | {"amount_minor": "40"}, "whole number"),
        (PER_IMAGE | {"per_units": 0}, "whole number"),
        (PER_IMAGE | {"amount_minor": 10**13}, "whole number"),
        (SHARE | {"ppm": 0}, "300,000 is 30 %"),
        (SHARE | {"ppm": 1_000_001}, "300,000 is 30 %"),
        (SHARE | {"ppm": 0.3}, "300,000 is 30 %"),
        (SHARE | {"minimum_minor": -1}, "from 0"),
        (FLAT | {"distribution": "fairly"}, "no rule of distribution"),
        (FLAT | {"distribution": None}, "no rule of distribution"),
        (FLAT | {"distribution": "weighted"}, "names the weight"),
        (FLAT | {"distribution": "weighted", "weights": {}}, "names the weight"),
        (FLAT | {"weights": {"image": 1}}, "Only a component"),
        (FLAT | WEIGHTED | {"weights": {"image": 0}}, "from 1"),
        (FLAT | WEIGHTED | {"weights": {"image": 1.5}}, "from 1"),
        (FLAT | WEIGHTED | {"weights": {"1k_tokens": 1}}, "no kind of work"),
    ],
)
def test_senseless_components_are_refused(component: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_components([component])


def test_a_tariff_has_components_but_not_too_many() -> None:
    for components in ([], [FLAT] * 21, None, "FLAT"):
        with pytest.raises(InvalidInput, match="1 to 20"):
            parse_components(components)


@pytest.mark.parametrize(
    "change", [{"note": 1}, {"version": 0}, {"version": True}, {"tariff": None}, {"currency": "XAU"}]
)
def test_a_tariff_is_read_strictly(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Tariff.of(tariff(FLAT).as_json() | change)
    with pytest.raises(InvalidInput):
        Tariff.of([])


def test_a_tariff_is_held_against_the_works_it_is_offered_for() -> None:
    weighted = tariff(FLAT | WEIGHTED)
    weighted.check_works(["image", "text", "text"])
    with pytest.raises(InvalidInput, match="no weight for works of kind audio"):
        weighted.check_works(["image", "audio"])
    direct = tariff(PER_IMAGE, FLAT | {"distribution": "direct"})
    direct.check_works(["image"])
    with pytest.raises(InvalidInput, match="exactly one work"):
        direct.check_works(["image", "image"])


@pytest.mark.parametrize("code", ["eur", "EURO", "", "XAU", "XXX", "€", None])
def test_only_money_is_a_currency(code: Any) -> None:
    with pytest.raises(InvalidInput, match="ISO 4217"):
        check_currency(code)


@pytest.mark.parametrize("code", ["EUR", "JPY", "KWD", "CHF"])
def test_currencies(code: str) -> None:
    assert check_currency(code) == code
