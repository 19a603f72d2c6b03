"""What a lab must declare for a period before some components of a tariff can be priced."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from registry.core.errors import InvalidInput
from registry.core.tariffs.components import (
    MILLION,
    Component,
    DownstreamShare,
    FlatPerPeriod,
    PerModelVersion,
    RevenueShare,
    Tariff,
)

_LIMIT = 2**53


class Figure(StrEnum):
    """What is declared, for one agreement and one quarter."""

    NET_INCOME = "net_income"
    """What the services that rest on the licence earned, net of taxes, in minor units of the tariff's currency."""
    MODEL_VERSIONS = "model_versions"
    """The model versions that were trained under the licence and not declared before."""
    DOWNSTREAM_INCOME = "downstream_income"
    """What the models' output earned with others, in minor units of the tariff's currency."""


def figure_of(component: Component) -> Figure | None:
    """What must be declared to price this component; `None` if nothing."""
    match component:
        case RevenueShare():
            return Figure.NET_INCOME
        case PerModelVersion():
            return Figure.MODEL_VERSIONS
        case DownstreamShare():
            return Figure.DOWNSTREAM_INCOME
    return None


def declared_components(tariff: Tariff) -> Mapping[int, Figure]:
    """The components that wait for a declaration, by their place in the tariff, from 0."""
    found = {place: figure_of(component) for place, component in enumerate(tariff.components)}
    return {place: figure for place, figure in found.items() if figure is not None}


def flat_amounts(tariff: Tariff) -> Mapping[int, int]:
    """What is due for a period in which use is reported, whatever is declared: minor units by place in the tariff."""
    return {
        place: component.amount_minor
        for place, component in enumerate(tariff.components)
        if isinstance(component, FlatPerPeriod)
    }


def amount_due(component: Component, value: int) -> int:
    """What a component costs by the figure that was declared for it, in whole minor units, one half rounded up.

    `value` is an income in minor units, or a number of model versions. A share without a remainder is exact.
    """
    if type(value) is not int or not 0 <= value < _LIMIT:
        raise InvalidInput("A declared figure is a whole number from 0 to 2^53 - 1.")
    match component:
        case RevenueShare():
            return max(_share(value, component.ppm), component.minimum_minor)
        case PerModelVersion():
            return component.amount_minor * value
        case DownstreamShare():
            return _share(value, component.ppm)
    raise InvalidInput(f"Nothing is declared for a component {component.TYPE}.")


def _share(value: int, ppm: int) -> int:
    return (2 * value * ppm + MILLION) // (2 * MILLION)
