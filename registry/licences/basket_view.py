"""What is in a basket, for one purpose and place: the offers that would permit it, their costs, and what has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.core.decisions import Purpose
from registry.core.ids import format_id, parse_id
from registry.licences import asked, basket
from registry.licences.details import OfferDetails, offers_seen
from registry.licences.models import Offer, OfferWork
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.remuneration.service import CostPreview, LicenceCost, PreviewCosts, WorkCost
from registry.works import service as works


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
    """All of it. Every work of the basket is in exactly one of offers, held, asked and reasons."""

    preview: CostPreview
    offers: Sequence[Offered]
    """One for each work: what the lab prefers, else the one about most of the works."""
    others: Sequence[Offered]
    """Further ones about the same works."""
    held: Sequence[WorkCost]
    """What the lab may use already."""
    asked: int
    """How many works wait for the answer to a request."""
    unasked: Sequence[bytes]
    """Those without an offer about which one can ask, by public id."""
    reasons: Mapping[str, int]
    """How many works cannot be licensed by anybody now: `withdrawn` or `contested`."""

    @property
    def totals(self) -> Mapping[str, int]:
        """What the offers cost in a quarter at least, by currency; without licences that the lab has already."""
        return least([each.cost for each in self.offers if each.cost is not None])

    @property
    def unknown(self) -> bool:
        """Whether some component waits for a figure that the lab will declare."""
        return any(is_unknown(each.cost) for each in self.offers if each.cost is not None)


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
    preferred: Sequence[str],
    sources: Sources,
) -> BasketView | None:
    """The basket; `None` if nothing is in it."""
    units = basket.contents(session, lab)
    if not units:
        return None
    command = PreviewCosts(units, purpose, territory, tuple(preferred))
    preview = remuneration.preview_costs(session, lab, command, sources)
    used = Counter(name for work in preview.works for name in work.licences)
    more = Counter(name for work in preview.works for name in work.other_offers)
    costs = {cost.licence: cost for cost in preview.licences}
    offers = _offered(session, lab, {n: used[n] for n in used if _is_offer(n)}, costs)
    others = _offered(session, lab, {n: more[n] for n in more if n not in used}, {})
    without = [work.work for work in preview.works if work.reason == "no-offer"]
    waiting = asked.works_asked_for(session, lab, purpose)
    keys = works.work_ids_by_public_id(session, without)
    unasked = [public_id for public_id in without if keys[public_id] not in waiting]
    reasons = Counter(w.reason for w in preview.works if w.reason and w.reason != "no-offer")
    return BasketView(
        preview=preview,
        offers=offers,
        others=others,
        held=[w for w in preview.works if w.licences and not any(map(_is_offer, w.licences))],
        asked=len(without) - len(unasked),
        unasked=unasked,
        reasons=reasons,
    )


def _is_offer(licence: str) -> bool:
    """Whether it is one that could be accepted; what is held, an open licence too, has a version behind its number."""
    return licence.startswith("offer_") and "@" not in licence


def _offered(
    session: Session, lab: Actor, found: Mapping[str, int], costs: Mapping[str, LicenceCost]
) -> list[Offered]:
    """These offers, those about most of the basket first."""
    names = sorted(found, key=lambda name: (-found[name], name))
    ids = [parse_id("offer", name) for name in names]
    rows = {
        offer.public_id: offer for offer in session.scalars(select(Offer).where(Offer.public_id.in_(ids)))
    }
    keys = [offer.id for offer in rows.values()]
    about = dict(
        session.execute(
            select(OfferWork.offer_id, func.count())
            .where(OfferWork.offer_id.in_(keys))
            .group_by(OfferWork.offer_id)
        ).all()
    )
    public = parties.public_names(session, {offer.owner_id for offer in rows.values()})
    return [
        Offered(
            name=format_id("offer", details.offer.public_id),
            details=details,
            owner_name=public.get(details.offer.owner_id, ""),
            about=about[details.offer.id],
            works=found[name],
            cost=costs.get(name),
        )
        for name, details in zip(
            names, offers_seen(session, lab, [rows[public_id] for public_id in ids]), strict=True
        )
    ]
