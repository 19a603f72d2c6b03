"""What an answer would bring, computed by the rules that settle real use: same tariff, same split, same rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from registry.core.settlement.files import RIGHT
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import Deductions, Pool, Use, distribute
from registry.core.tariffs import Tariff, parse_components
from registry.core.tariffs.components import FlatPerPeriod
from registry.core.tariffs.costs import component_costs
from registry.licences.consent import Price, components_of
from registry.works import service as works
from registry.works.service import Work

MOST = 10
"""So many of the chosen works the lab of the example uses."""
_YOU, _OTHERS = 0, 1


@dataclass(frozen=True, slots=True)
class Example:
    """A lab trains one model, in one quarter, on so many of the works. Amounts in minor units."""

    works: int
    per_works: int
    """For the works, by the piece."""
    per_quarter: int
    total: int
    """What the lab pays: the sum of the two."""
    management: int
    social: int
    others: int
    """For others who have shares in these works."""
    yours: int
    currency: str


def example_of(
    session: Session, chosen: Sequence[Work], price: Price, deductions: Deductions, now: datetime
) -> Example:
    """The example for these works of one owner, with their shares as they are now."""
    used = chosen[:MOST]
    shares = works.shares_of(session, [work.id for work in used], RIGHT, "world", now)
    parts = [sum(ppm for party, ppm in shares.get(work.id, ()) if party == work.owner_id) for work in used]
    return compute(price, parts, deductions, now)


def compute(price: Price, parts: Sequence[int], deductions: Deductions, now: datetime) -> Example:
    """The example for as many works as there are `parts`: what of each is the owner's, in ppm."""
    tariff = Tariff("tariff", 1, price.currency, parse_components(components_of(price)))
    fixed = {
        place: component.amount_minor
        for place, component in enumerate(tariff.components)
        if isinstance(component, FlatPerPeriod)
    }
    uses = [Use(0, row, str(row), 1, "image", 1, False, _shares(ppm)) for row, ppm in enumerate(parts)]
    split = distribute(Pool("licence", tariff, "lab", Period.of(now), fixed, uses), deductions)
    yours = sum(line.amount_minor for line in split.lines if line.payee == _YOU)
    costs = component_costs(tariff, fixed, uses)
    return Example(
        works=len(uses),
        per_works=_whole(costs, tariff, fixed=False),
        per_quarter=_whole(costs, tariff, fixed=True),
        total=split.total_minor,
        management=split.management_minor,
        social=split.social_minor,
        others=sum(line.amount_minor for line in split.lines) - yours,
        yours=yours,
        currency=price.currency,
    )


def _shares(mine: int) -> tuple[tuple[int, int], ...]:
    """The owner's part and that of all others."""
    return tuple((who, ppm) for who, ppm in ((_YOU, mine), (_OTHERS, 1_000_000 - mine)) if ppm)


def _whole(costs: Mapping[int, Fraction], tariff: Tariff, *, fixed: bool) -> int:
    """What the components of one sort cost; prices of the form are whole cents a work."""
    return int(
        sum(
            cost
            for place, cost in costs.items()
            if isinstance(tariff.components[place], FlatPerPeriod) is fixed
        )
    )
