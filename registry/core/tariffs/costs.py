"""What each row of reported use bears of a tariff's components: exact, as whole numbers over one denominator.

A component's cost and its rule of distribution give each row a part. Nothing is rounded here: a settlement rounds the
sum of all rows, once. So for every component the rows' parts sum to exactly what it costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Protocol

from registry.core.errors import InvalidInput
from registry.core.tariffs.components import PerUnit, Tariff, Unit
from registry.core.tariffs.distribution import Distribution, Rule


class Used(Protocol):
    """One row of reported use."""

    @property
    def log_index(self) -> int:
        """Of the claim."""

    @property
    def work(self) -> str:
        """Public id."""

    @property
    def units(self) -> int:
        """How many."""

    @property
    def unit(self) -> str:
        """Of what."""


def row_costs(
    tariff: Tariff, fixed: Mapping[int, int], uses: Sequence[Used], *, metered: bool = True
) -> tuple[list[int], int]:
    """What each of these rows bears, in minor units: numerators, and their common denominator.

    `uses` stand in the order of the log: what is due once for a work stands with its first row. `fixed` has the amounts
    of the components that cost the same however much is used, by their place in the tariff; those that it does not name
    are not charged. `metered` charges the components that are priced by the unit. `InvalidInput` if an amount has no
    row to stand with.
    """
    if not uses:
        if any(fixed.values()):
            raise InvalidInput("No use was reported that the price could be distributed to.")
        return [], 1
    shares = []
    for place, amount in sorted(fixed.items()):
        weights = _weights(tariff.components[place].distribution, uses)
        shares.append((Fraction(amount, sum(weights)), weights))
    if metered:
        shares += [_metered(c, uses) for c in tariff.components if isinstance(c, PerUnit)]
    scale = math.lcm(*(each.denominator for each, _ in shares))
    costs = [0] * len(uses)
    for each, weights in shares:
        factor = int(each * scale)
        costs = [cost + factor * weight for cost, weight in zip(costs, weights, strict=True)]
    return costs, scale


def component_costs(
    tariff: Tariff, fixed: Mapping[int, int], uses: Sequence[Used], *, metered: bool = True
) -> dict[int, Fraction]:
    """What each charged component costs, exactly, in minor units, by its place; together what the rows bear."""
    priced = {component.unit for component in tariff.components if isinstance(component, PerUnit)}
    totals = {unit: sum(_counted(unit, uses)) for unit in priced} if metered else None
    return costs_of_totals(tariff, fixed, totals)


def costs_of_totals(
    tariff: Tariff, fixed: Mapping[int, int], totals: Mapping[Unit, int] | None
) -> dict[int, Fraction]:
    """The same from how much was used of each unit, works among them; `None`: what is metered is not charged."""
    costs = {place: Fraction(amount) for place, amount in fixed.items()}
    for place, component in enumerate(tariff.components if totals is not None else ()):
        if totals is not None and isinstance(component, PerUnit):
            price = Fraction(component.amount_minor, component.per_units)
            costs[place] = price * totals.get(component.unit, 0)
    return dict(sorted(costs.items()))


def _metered(component: PerUnit, uses: Sequence[Used]) -> tuple[Fraction, list[int]]:
    price, counted = Fraction(component.amount_minor, component.per_units), _counted(component.unit, uses)
    if component.distribution.rule is Rule.DIRECT:
        return price, counted
    weights, total = _weights(component.distribution, uses), sum(counted)
    return (price * total / sum(weights), weights) if total else (Fraction(0), weights)


def _counted(unit: Unit, uses: Sequence[Used]) -> list[int]:
    """How many of these units each row has; a work counts once in each claim, with its first row there."""
    if unit is not Unit.WORK:
        return [use.units if use.unit == unit else 0 for use in uses]
    return _first(uses, lambda use: (use.log_index, use.work))


def _weights(distribution: Distribution, uses: Sequence[Used]) -> list[int]:
    """The rows' weights by a rule. Direct is for the one work of a licence, and stands with its first row."""
    match distribution.rule:
        case Rule.PRO_RATA_UNITS:
            return [use.units for use in uses]
        case Rule.WEIGHTED:
            weight = {unit: distribution.weight_of(unit) for unit in {use.unit for use in uses}}
            return [use.units * weight[use.unit] for use in uses]
        case Rule.DIRECT if len({use.work for use in uses}) > 1:
            raise InvalidInput("A licence whose price goes to one work directly was used for several.")
    return _first(uses, lambda use: use.work)


def _first(uses: Sequence[Used], key: Callable[[Used], object]) -> list[int]:
    """1 for the first row of each key, 0 for the others."""
    seen: set[object] = set()
    found = []
    for use in uses:
        name = key(use)
        found.append(0 if name in seen else 1)
        seen.add(name)
    return found
