"""By which licences a lab may use some works now, and by which offers it could: for previews of costs, and checks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor
from registry.core.decisions import Purpose, covers_territory, inside
from registry.core.ids import format_id
from registry.core.tariffs import Tariff
from registry.licences.models import Agreement, Offer, OfferLicensee, OfferWork, TariffVersion
from registry.licences.pricing import priced
from registry.licences.rules import licence_name, parse_agreement_name
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
    for offer, work_id in _open_offers(session, lab, set(work_ids) - held.keys(), purpose, now):
        if not covers_territory(offer.territories, territory):
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


@dataclass(frozen=True, slots=True)
class OfferName:
    """An offer as an answer to a check names it."""

    name: str
    """`offer_…@<tariff version>`."""
    tariff: str | None
    """Digest (hex) of the tariff version; `None`: free of charge."""


def offers_to(
    session: Session, actor: Actor, work_ids: Collection[int], purpose: Purpose, territory: str, now: datetime
) -> dict[int, list[OfferName]]:
    """The offers that `ways_to_use` has, in the same order, whoever asks, by private key of the work.

    Works without one are missing. One statement for each 5,000 works, and one for each 5,000 offers.
    """
    found: dict[int, list[int]] = defaultdict(list)
    for chunk in _chunks(work_ids):
        query = select(OfferWork.work_id, OfferWork.offer_id).join(Offer, Offer.id == OfferWork.offer_id)
        query = query.where(OfferWork.work_id.in_(chunk), *_permitting(actor, purpose, now))
        for work_id, offer_id in session.execute(query):
            found[work_id].append(offer_id)
    covered = Counter(offer_id for each in found.values() for offer_id in each)
    names = _names(session, covered, territory)
    first = {work_id: sorted(each, key=lambda key: (-covered[key], key)) for work_id, each in found.items()}
    offered = {work_id: [names[key] for key in each if key in names] for work_id, each in first.items()}
    return {work_id: each for work_id, each in offered.items() if each}


def _names(session: Session, offer_ids: Collection[int], territory: str) -> dict[int, OfferName]:
    """Those of these offers (private keys) that cover the territory."""
    found = {}
    columns = (
        select(Offer.id, Offer.public_id, Offer.territories, TariffVersion.version, TariffVersion.digest)
        .add_columns(Offer.tariff_version_id)
        .join(TariffVersion, TariffVersion.id == Offer.tariff_version_id, isouter=True)
    )
    for chunk in _chunks(offer_ids):
        for row in session.execute(columns.where(Offer.id.in_(chunk))):
            key, public_id, territories, version, digest, priced_by = row
            if covers_territory(territories, territory):
                name = licence_name("offer", public_id, version)
                found[key] = OfferName(name, None if priced_by is None else digest.hex())
    return found


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
    session: Session, lab: Actor, work_ids: Collection[int], purpose: Purpose, now: datetime
) -> Iterator[tuple[Offer, int]]:
    """The offers for this purpose that this lab could accept now, a row for each of these works."""
    for chunk in _chunks(work_ids):
        query = (
            select(Offer, OfferWork.work_id)
            .join(OfferWork, OfferWork.offer_id == Offer.id)
            .where(OfferWork.work_id.in_(chunk), *_permitting(lab, purpose, now))
            .options(selectinload(Offer.tariff))
            .order_by(Offer.id)
        )
        yield from ((offer, work_id) for offer, work_id in session.execute(query))


def _chunks(keys: Collection[int]) -> Iterator[list[int]]:
    """Distinct keys, ascending, few enough for one statement."""
    wanted = sorted(set(keys))
    return (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK))


def _permitting(lab: Actor, purpose: Purpose, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What is true of the offers that this lab could accept now for this purpose and all that is inside it."""
    wide = [each.value for each in Purpose if inside(purpose) <= inside(each)]
    return (*open_to(lab, now), Offer.purpose.in_(wide))


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
