"""What the use of some works would cost a lab, before it accepts anything: by the functions that a settlement uses.

A work that the lab may use already is priced by that licence, another by an offer that is open to it. Each work is
priced once: by an offer that the lab names, else by the one that is about most of the works.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.decisions import Purpose
from registry.core.decisions.terms import check_territory
from registry.core.errors import Forbidden, InvalidInput
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import apportion, round_half_up
from registry.core.tariffs import (
    Component,
    Figure,
    PerUnit,
    RevenueShare,
    Tariff,
    Unit,
    amount_due,
    costs_of_totals,
    declared_components,
    flat_amounts,
)
from registry.licences import service as licences
from registry.licences.service import Way
from registry.remuneration.inputs import flat_was_charged
from registry.remuneration.money import decimal
from registry.usage import service as usage
from registry.works import service as works
from registry.works.service import Work

MAX_WORKS = 100_000


@dataclass(frozen=True, slots=True)
class PreviewCosts:
    """What would be used, and what the lab expects to declare for a quarter."""

    works: Mapping[bytes, int]
    """How many units of each work, by public id; counted as a claim would count them."""
    purpose: Purpose
    territory: str = "world"
    offers: tuple[str, ...] = ()
    """Offers that the lab would rather accept than others, `offer_…`, the best first."""
    figures: Mapping[Figure, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComponentCost:
    """What one component of a tariff comes to."""

    component: int
    """Its place in the tariff, from 0."""
    type: str
    exact_minor: str | None
    """`n/d` minor units before the total is rounded; `None` while the figure is missing."""
    amount_minor: int | None
    amount: str | None
    """The same with the currency's decimal places."""
    figure: Figure | None = None
    """What must be declared for it."""
    minimum_minor: int | None = None


@dataclass(frozen=True, slots=True)
class LicenceCost:
    """What is due under one agreement or offer, for one quarter."""

    licence: str
    currency: str | None
    """`None`: free of charge."""
    works: int
    components: Sequence[ComponentCost]
    total_minor: int
    """Of the components that could be priced."""
    tariff: Tariff | None = None

    @property
    def total(self) -> str | None:
        """As people read it."""
        return None if self.currency is None else decimal(self.total_minor, self.currency)


@dataclass(frozen=True, slots=True)
class WorkCost:
    """How one work was priced, or why it was not."""

    work: bytes
    units: int
    unit: str | None
    """What they count under the licence."""
    licences: Sequence[str]
    """Under which it is priced: one, or several agreements that only together cover the use."""
    reason: str | None = None
    """Why it is not: `unknown`, `withdrawn`, `contested`, or `no-offer`, that is ask its maker for terms."""
    other_offers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CostPreview:
    """All of it."""

    licences: Sequence[LicenceCost]
    totals: Mapping[str, int]
    """Minor units by currency."""
    works: Sequence[WorkCost]


def preview_costs(session: Session, actor: Actor, command: PreviewCosts, sources: Sources) -> CostPreview:
    """The costs of one quarter; nothing is recorded. `Forbidden` for whoever is no lab."""
    if actor.role is not Role.LAB:
        raise Forbidden(
            f"{actor.role.one} uses no works under licence; only a lab sees what that would cost."
        )
    _check(command)
    now = whole_second(sources.now())
    found = works.works_by_public_id(session, command.works)
    asked = {work.id: work for work in found.values() if _refused(work) is None}
    territory = check_territory(command.territory)
    ways = licences.ways_to_use(session, actor, asked.keys(), command.purpose, territory, now)
    chosen = {key: _choose(ways, key, command.offers) for key in asked}
    priced = [_work_cost(public_id, units, found, chosen, ways) for public_id, units in command.works.items()]
    used: dict[str, list[WorkCost]] = defaultdict(list)
    for each in priced:
        for name in each.licences:
            used[name].append(each)
    by_name = {way.licence: way for several in chosen.values() for way in several}
    costs = [
        _licence_cost(session, by_name[name], rows, command.figures, now)
        for name, rows in sorted(used.items())
    ]
    totals: Counter[str] = Counter()
    for cost in costs:
        if cost.currency is not None:
            totals[cost.currency] += cost.total_minor
    return CostPreview(costs, dict(sorted(totals.items())), priced)


def _check(command: PreviewCosts) -> None:
    if not 0 < len(command.works) <= MAX_WORKS:
        raise InvalidInput(f"Costs are shown for 1 to {MAX_WORKS:,} works, not for {len(command.works):,}.")
    if any(type(units) is not int or not 0 < units < 2**53 for units in command.works.values()):
        raise InvalidInput("Of each work at least one unit is used; units are whole numbers.")


def summed(uses: Iterable[tuple[bytes, int]]) -> dict[bytes, int]:
    """Units by work; a work that is named twice is used as often as both say."""
    units: Counter[bytes] = Counter()
    for work, number in uses:
        units[work] += number
    return dict(units)


# -- examples ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Example:
    """What one work's use costs by one component: `units` times its price."""

    work: WorkCost
    component: PerUnit
    exact_minor: Fraction


def examples(preview: CostPreview, licence: LicenceCost, most: int) -> list[Example]:
    """The first works under a licence, worked out by those of its components that stay with the work."""
    if licence.tariff is None:
        return []
    used = [work for work in preview.works if licence.licence in work.licences]
    priced = [c for c in licence.tariff.components if isinstance(c, PerUnit)]
    found = [
        Example(work, component, Fraction(component.amount_minor * number, component.per_units))
        for work in used
        for component in priced
        if component.distribution == PerUnit.USUALLY
        for number in [1 if component.unit is Unit.WORK else work.units if component.unit == work.unit else 0]
        if number
    ]
    return found[:most]


# -- works -------------------------------------------------------------------------------------------------
def _refused(work: Work) -> str | None:
    if work.withdrawn_at is not None:
        return "withdrawn"
    return "contested" if work.contested_since is not None else None


def _choose(ways: licences.Ways, work_id: int, preferred: Sequence[str]) -> Sequence[Way]:
    """What the lab has; else one offer, one that it prefers if there is one."""
    if work_id in ways.held:
        return ways.held[work_id]
    offered = {way.licence: way for way in ways.offered.get(work_id, ())}
    names = [*(name for name in preferred if name in offered), *offered]
    return [offered[name] for name in names[:1]]


def _work_cost(
    public_id: bytes,
    units: int,
    found: Mapping[bytes, Work],
    chosen: Mapping[int, Sequence[Way]],
    ways: licences.Ways,
) -> WorkCost:
    work = found.get(public_id)
    if work is None:
        return WorkCost(public_id, units, None, (), "unknown")
    several = chosen.get(work.id, ())
    if not several:
        return WorkCost(public_id, units, None, (), _refused(work) or "no-offer")
    names = [way.licence for way in several]
    others = [way.licence for way in ways.offered.get(work.id, ()) if way.licence not in names]
    return WorkCost(public_id, units, unit_under(work.kind, several[0].tariff), names, None, others)


# -- licences ----------------------------------------------------------------------------------------------
def _licence_cost(
    session: Session, way: Way, rows: Sequence[WorkCost], figures: Mapping[Figure, int], now: datetime
) -> LicenceCost:
    units: Counter[str] = Counter()
    for row in rows:
        units[row.unit or ""] += row.units
    charged = way.agreement_id is not None and flat_was_charged(session, way.agreement_id, Period.of(now))
    return licence_cost(way.licence, way.tariff, len(rows), units, figures, flat=not charged)


def licence_cost(
    licence: str,
    tariff: Tariff | None,
    number: int,
    units: Mapping[str, int],
    figures: Mapping[Figure, int] | None = None,
    *,
    flat: bool = True,
) -> LicenceCost:
    """What is due for the use of so many works, each named once: what it costs depends on the sums alone.

    `units` says how many of each unit of the tariff; `flat` charges what is due however much is used.
    """
    if tariff is None:
        return LicenceCost(licence, None, number, (), 0)
    totals = {unit: units.get(unit.value, 0) for unit in Unit} | {Unit.WORK: number}
    exact = costs_of_totals(tariff, flat_amounts(tariff) if flat else {}, totals)
    total = round_half_up(sum(exact.values(), Fraction(0)))
    components = _use_costs(tariff, exact, total)
    for place, figure in declared_components(tariff).items():
        components.append(_declared_cost(tariff, place, figure, (figures or {}).get(figure)))
        total += components[-1].amount_minor or 0
    ordered = sorted(components, key=lambda each: each.component)
    return LicenceCost(licence, tariff.currency, number, ordered, total, tariff)


def unit_under(kind: str, tariff: Tariff | None) -> str:
    """What the uses of a work of this kind count, as a claim under this tariff would count them."""
    components = tariff.components if tariff is not None else ()
    return usage.unit_of(kind, {c.unit for c in components if isinstance(c, PerUnit)})


def _use_costs(tariff: Tariff, exact: Mapping[int, Fraction], total: int) -> list[ComponentCost]:
    """The components of the pool of use: their exact costs, and the rounded total split by them."""
    scale = math.lcm(*(cost.denominator for cost in exact.values()))
    amounts = apportion(total, [int(cost * scale) for cost in exact.values()])
    return [
        ComponentCost(
            place, tariff.components[place].TYPE, str(cost), amount, decimal(amount, tariff.currency)
        )
        for (place, cost), amount in zip(exact.items(), amounts, strict=True)
    ]


def _declared_cost(tariff: Tariff, place: int, figure: Figure, value: int | None) -> ComponentCost:
    component: Component = tariff.components[place]
    least = component.minimum_minor if isinstance(component, RevenueShare) else None
    if value is None:
        return ComponentCost(place, component.TYPE, None, None, None, figure, least)
    amount = amount_due(component, value)
    written = decimal(amount, tariff.currency)
    return ComponentCost(place, component.TYPE, str(amount), amount, written, figure, least)
