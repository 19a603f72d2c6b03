"""What is in a basket, for one purpose and place: the offers that would permit it, their costs, and what has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.decisions import Purpose
from registry.core.decisions.terms import check_territory
from registry.core.ids import format_id
from registry.licences import asked, basket
from registry.licences.basket_sums import Asked, BasketSums, Sums, basket_sums
from registry.licences.details import OfferDetails, offers_seen
from registry.licences.models import Offer
from registry.licences.pricing import priced
from registry.licences.queries import work_counts
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.remuneration.service import LicenceCost, PreviewCosts, WorkCost
from registry.works import service as works

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer that is open to the lab, and the works of the basket that it would permit."""

    name: str
    details: OfferDetails
    owner_name: str
    """Empty for a maker: makers are known by number only."""
    about: int
    """How many works it is about, all in all."""
    works: int
    """How many of the basket."""
    cost: LicenceCost | None
    """`None` for one that others were preferred to."""


@dataclass(frozen=True, slots=True)
class BasketView:
    """All of it, in sums; and the first of its offers and works."""

    sums: BasketSums
    costs: Sequence[LicenceCost]
    """Of all offers that works of the basket stand under."""
    offers: Sequence[Offered]
    """The first of them: what the lab prefers, then those about most of the works."""
    others: Sequence[Offered]
    """The first further ones about the same works."""
    rows: Sequence[WorkCost]
    """The first works."""
    waiting: frozenset[bytes]
    """Those of them about which a request waits for an answer."""

    @property
    def totals(self) -> Mapping[str, int]:
        """What the offers cost in a quarter at least, by currency; without licences that the lab has already."""
        return least(self.costs)

    @property
    def unknown(self) -> bool:
        """Whether some component waits for a figure that the lab will declare."""
        return any(map(is_unknown, self.costs))


def least(costs: Iterable[LicenceCost]) -> dict[str, int]:
    """Minor units by currency: what is known, and of what waits for a figure its minimum."""
    found: Counter[str] = Counter()
    for cost in costs:
        if cost.currency is not None:
            waiting = (part.minimum_minor or 0 for part in cost.components if part.amount_minor is None)
            found[cost.currency] += cost.total_minor + sum(waiting)
    return dict(sorted(found.items()))


def is_unknown(cost: LicenceCost) -> bool:
    """Whether some of its components wait for a figure that the lab will declare."""
    return any(part.amount_minor is None for part in cost.components)


def view(
    session: Session,
    lab: Actor,
    purpose: Purpose,
    territory: str,
    preferred: Sequence[bytes],
    sources: Sources,
    most_offers: int,
    most_works: int,
) -> BasketView | None:
    """The basket, with so many offers and works at most; `None` if nothing is in it."""
    question = Asked(lab, purpose, check_territory(territory), whole_second(sources.now()))
    sums = basket_sums(session, question, _keys(session, preferred))
    if not sums.works:
        return None
    rows = _offers(session, [*sums.chosen, *list(sums.others)[:most_offers]])
    costs = {key: cost_of(rows[key], found) for key, found in sums.chosen.items()}
    first = basket.contents(session, lab, most_works)
    names = tuple(format_id("offer", rows[key].public_id) for key in sums.chosen)
    preview = remuneration.preview_costs(
        session, lab, PreviewCosts(first, purpose, territory, names), sources
    )
    counts = {key: cost.works for key, cost in costs.items()}
    return BasketView(
        sums=sums,
        costs=list(costs.values()),
        offers=_offered(session, lab, [rows[key] for key in list(sums.chosen)[:most_offers]], counts, costs),
        others=_offered(
            session, lab, [rows[key] for key in list(sums.others)[:most_offers]], sums.others, {}
        ),
        rows=preview.works,
        waiting=frozenset(_waiting(session, lab, purpose, first)),
    )


def cost_of(offer: Offer, sums: Sums) -> LicenceCost:
    """What the use of these works would cost in a quarter under an offer, by the functions that a settlement uses."""
    tariff = None if offer.tariff is None else priced(offer.tariff)
    units: Counter[str] = Counter()
    for kind, (_, number) in sums.items():
        units[remuneration.unit_under(kind, tariff)] += number
    return remuneration.licence_cost(
        format_id("offer", offer.public_id), tariff, sum(number for number, _ in sums.values()), units
    )


def _keys(session: Session, public_ids: Sequence[bytes]) -> list[int]:
    """Private keys of offers, in the same order; what does not exist is no preference."""
    query = select(Offer.public_id, Offer.id).where(Offer.public_id.in_(public_ids))
    found = dict(session.execute(query).all())
    return [found[public_id] for public_id in public_ids if public_id in found]


def _offers(session: Session, keys: Sequence[int]) -> dict[int, Offer]:
    query = select(Offer).options(selectinload(Offer.tariff), selectinload(Offer.licensees))
    parts = (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))
    return {offer.id: offer for part in parts for offer in session.scalars(query.where(Offer.id.in_(part)))}


def _waiting(session: Session, lab: Actor, purpose: Purpose, public_ids: Iterable[bytes]) -> list[bytes]:
    waiting = asked.works_asked_for(session, lab, purpose)
    return [name for name, key in works.work_ids_by_public_id(session, public_ids).items() if key in waiting]


def _offered(
    session: Session,
    lab: Actor,
    offers: Sequence[Offer],
    counts: Mapping[int, int],
    costs: Mapping[int, LicenceCost],
) -> list[Offered]:
    about = work_counts(session, [offer.id for offer in offers])
    public = parties.public_names(session, {offer.owner_id for offer in offers})
    return [
        Offered(
            name=format_id("offer", details.offer.public_id),
            details=details,
            owner_name=public.get(details.offer.owner_id, ""),
            about=about[details.offer.id],
            works=counts[details.offer.id],
            cost=costs.get(details.offer.id),
        )
        for details in offers_seen(session, lab, offers)
    ]
