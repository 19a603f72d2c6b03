"""By which licences a lab may use some works now, and by which offers it could: what a preview of costs is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor
from registry.core.decisions import Purpose, covers_territory, inside
from registry.core.ids import format_id
from registry.core.tariffs import Tariff
from registry.licences.models import Agreement, Offer, OfferLicensee, OfferWork
from registry.licences.pricing import priced
from registry.licences.rules import parse_agreement_name
from registry.licences.terms import terms_of_works
from registry.works import service as works

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Way:
    """A licence that covers a use: one that the lab has, or could have by accepting an offer."""

    licence: str
    """`agreement_…@<tariff version>`, or `offer_…`."""
    agreement_id: int | None
    """Private key; `None` for an offer."""
    tariff: Tariff | None
    """`None`: free of charge."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Those for some works, by private key."""

    held: Mapping[int, Sequence[Way]]
    """Those by which the use is permitted already, together: each of them is paid for it."""
    offered: Mapping[int, Sequence[Way]]
    """The offers that would permit it, those about most of the works first; only of works that are not permitted."""


def ways_to_use(
    session: Session, lab: Actor, work_ids: Collection[int], purpose: Purpose, territory: str, now: datetime
) -> Ways:
    """Permitted is what a check would permit now; offered what is open to this lab and covers all that it asks for."""
    held = held_ways(session, lab, work_ids, purpose, territory, now)
    found: dict[int, list[tuple[int, Way]]] = defaultdict(list)
    covered: dict[int, int] = defaultdict(int)
    ways: dict[int, Way] = {}
    for offer, work_id in _open_offers(session, lab, sorted(set(work_ids) - held.keys()), now):
        if not inside(purpose) <= inside(Purpose(offer.purpose)) or not covers_territory(
            tuple(offer.territories), territory
        ):
            continue
        tariff = None if offer.tariff is None else priced(offer.tariff)
        way = ways.setdefault(offer.id, Way(format_id("offer", offer.public_id), None, tariff))
        found[work_id].append((offer.id, way))
        covered[offer.id] += 1
    offered = {
        work_id: [way for _, way in sorted(each, key=lambda pair: (-covered[pair[0]], pair[0]))]
        for work_id, each in found.items()
    }
    return Ways(held, offered)


def held_ways(
    session: Session, lab: Actor, work_ids: Collection[int], purpose: Purpose, territory: str, now: datetime
) -> dict[int, list[Way]]:
    """By which licences together the lab may use these works (private keys) already; others are missing."""
    state = works.standing(session, work_ids)
    at = int(now.timestamp())
    names = {}
    for key, (public, personal) in terms_of_works(session, state, lab.party_id, now).items():
        granted = personal.permitting(purpose, territory, at) or public.permitting(purpose, territory, at)
        if granted:
            names[key] = [grant.licence for grant in granted]
    ways = {name: _way(session, name) for name in sorted({name for each in names.values() for name in each})}
    return {key: [ways[name] for name in each] for key, each in names.items()}


def _way(session: Session, name: str) -> Way:
    if not name.startswith("agreement_"):
        return Way(name, None, None)
    public_id, _ = parse_agreement_name(name)
    agreement = session.scalars(select(Agreement).where(Agreement.public_id == public_id)).one()
    return Way(name, agreement.id, None if agreement.tariff is None else priced(agreement.tariff))


def _open_offers(
    session: Session, lab: Actor, work_ids: Sequence[int], now: datetime
) -> Iterator[tuple[Offer, int]]:
    """The offers that this lab could accept now, a row for each of these works."""
    for start in range(0, len(work_ids), _CHUNK):
        query = (
            select(Offer, OfferWork.work_id)
            .join(OfferWork, OfferWork.offer_id == Offer.id)
            .where(OfferWork.work_id.in_(work_ids[start : start + _CHUNK]), *open_to(lab, now))
            .options(selectinload(Offer.tariff))
            .order_by(Offer.id)
        )
        yield from ((offer, work_id) for offer, work_id in session.execute(query))


def open_to(lab: Actor, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What is true of the offers that this lab could accept now: they are open, and cost something or name it."""
    return (
        Offer.superseded_at.is_(None),
        Offer.valid_from <= now,
        or_(Offer.valid_to.is_(None), Offer.valid_to > now),
        or_(
            Offer.to_anyone & Offer.tariff_version_id.is_not(None),
            Offer.licensees.any(OfferLicensee.party_id == lab.party_id),
        ),
    )
