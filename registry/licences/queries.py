"""Offers and agreements as their sides find them: what an actor may not see does not exist for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import NotFound
from registry.core.ids import format_id
from registry.core.tariffs import declared_components
from registry.licences import access
from registry.licences.models import Agreement, Offer, OfferLicensee, OfferWork, TariffVersion
from registry.licences.pricing import priced
from registry.licences.terms import works_covered
from registry.works import service as works
from registry.works.service import Work


def get_offer(session: Session, actor: Actor | None, public_id: bytes, sources: Sources) -> Offer:
    """One offer; `NotFound` for those to whom it was not made. Revoked ones stay readable."""
    offer = session.scalar(select(Offer).where(Offer.public_id == public_id))
    now = whole_second(sources.now())
    if offer is None or not (
        _is_addressed(offer, actor)
        or (
            actor is not None
            and (
                offer.owner_id == actor.principal_id
                or access.granting_for(session, actor, offer.owner_id, offered_works(session, offer), now)
            )
        )
    ):
        raise NotFound(f"There is no {format_id('offer', public_id)} that was made to you.")
    return offer


def list_offers(
    session: Session,
    actor: Actor | None,
    sources: Sources,
    *,
    work: bytes | None = None,
    after: bytes | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Offer]:
    """The actor's own offers, revoked ones too, and those open now to it or to anyone; about one work, if named."""
    now = whole_second(sources.now())
    is_open = and_(Offer.superseded_at.is_(None), or_(Offer.valid_to.is_(None), Offer.valid_to > now))
    addressed: ColumnElement[bool] = Offer.to_anyone.is_(True)
    own: ColumnElement[bool] = false()
    if actor is not None:
        addressed = or_(addressed, Offer.licensees.any(OfferLicensee.party_id == actor.party_id))
        own = Offer.owner_id == actor.party_id
    query = select(Offer).where(or_(own, and_(is_open, addressed)))
    query = query.options(selectinload(Offer.licensees), selectinload(Offer.tariff))
    if work is not None:
        ids = list(works.work_ids_by_public_id(session, [work]).values())
        query = query.where(Offer.works.any(OfferWork.work_id.in_(ids)))
    return paginate(session, query, Offer, after, limit)


def offered_works(session: Session, offer: Offer) -> list[Work]:
    """The works that an offer is about, in the order of their keys."""
    ids = session.scalars(select(OfferWork.work_id).where(OfferWork.offer_id == offer.id)).all()
    return [work for _, work in sorted(works.works_by_id(session, ids).items())]


@dataclass(frozen=True, slots=True)
class WorksLeft:
    """The works of an offer that a licence would cover: those that were not withdrawn."""

    works: int
    contested: int
    """Those of them that may not be used before it is decided whose they are."""


def keys_of(offer: Offer) -> Select[int]:
    """A query for the private keys of the works that an offer is about."""
    return select(OfferWork.work_id).where(OfferWork.offer_id == offer.id)


def works_left(session: Session, offer: Offer) -> WorksLeft:
    """Counted by the database: an offer may be about a whole repertoire."""
    contested = func.count().filter(Work.contested_since.is_not(None))
    query = select(func.count(), contested).select_from(OfferWork).join(Work, Work.id == OfferWork.work_id)
    every, doubtful = session.execute(
        query.where(OfferWork.offer_id == offer.id, Work.withdrawn_at.is_(None))
    ).one()
    return WorksLeft(every, doubtful)


def names_left(session: Session, offer: Offer) -> list[str]:
    """Public ids of those works, as text, in the order of their keys."""
    return _names(session, offer, Work.withdrawn_at.is_(None))


def exceptions_of(session: Session, offer: Offer) -> tuple[list[str], list[str]]:
    """Which works of an offer were withdrawn, and which others are contested.

    What an offer is about never changes, so these say what a licence would cover.
    """
    contested = _names(session, offer, Work.withdrawn_at.is_(None), Work.contested_since.is_not(None))
    return _names(session, offer, Work.withdrawn_at.is_not(None)), contested


def first_left(session: Session, offer: Offer, limit: int) -> list[str]:
    """The first works that a licence would cover."""
    return _names(session, offer, Work.withdrawn_at.is_(None), limit=limit)


def _names(
    session: Session, offer: Offer, *which: ColumnElement[bool], limit: int | None = None
) -> list[str]:
    query = select(Work.public_id).join(OfferWork, OfferWork.work_id == Work.id)
    query = query.where(OfferWork.offer_id == offer.id, *which).order_by(OfferWork.work_id).limit(limit)
    return [format_id("work", public_id) for public_id in session.scalars(query)]


def work_counts(session: Session, offer_ids: Collection[int]) -> dict[int, int]:
    """How many works offers (private keys) are about, withdrawn ones too."""
    query = select(OfferWork.offer_id, func.count()).where(OfferWork.offer_id.in_(offer_ids))
    return {key: number for key, number in session.execute(query.group_by(OfferWork.offer_id))}  # noqa: C416


def covered_counts(session: Session, agreement_ids: Collection[int]) -> dict[int, int]:
    """How many works agreements (private keys) cover: without those that were withdrawn before."""
    query = (
        select(Agreement.id, func.count())
        .join(OfferWork, OfferWork.offer_id == Agreement.offer_id)
        .join(Work, Work.id == OfferWork.work_id)
        .where(
            Agreement.id.in_(agreement_ids),
            or_(Work.withdrawn_at.is_(None), Work.withdrawn_at > Agreement.recorded_at),
        )
        .group_by(Agreement.id)
    )
    return {key: number for key, number in session.execute(query)}  # noqa: C416 - rows are no pairs to mypy


def get_agreement(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> Agreement:
    """One agreement; `NotFound` for all but its two sides and the owner's agents."""
    agreement = session.scalar(select(Agreement).where(Agreement.public_id == public_id))
    now = whole_second(sources.now())
    if agreement is None or not (
        agreement.licensee_id == actor.party_id
        or agreement.owner_id == actor.principal_id
        or access.granting_for(
            session, actor, agreement.owner_id, offered_works(session, agreement.offer), now
        )
    ):
        raise access.not_yours("agreement", public_id)
    return agreement


def list_agreements(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Agreement]:
    """The agreements that the actor is a side of, ended ones too."""
    mine = or_(Agreement.licensee_id == actor.party_id, Agreement.owner_id == actor.party_id)
    query = select(Agreement).where(mine)
    query = query.options(selectinload(Agreement.offer), selectinload(Agreement.tariff))
    return paginate(session, query, Agreement, after, limit)


def newest_agreements(
    session: Session,
    lab: Actor,
    now: datetime,
    limit: int,
    *,
    over: bool = False,
    before: bytes | None = None,
) -> list[Agreement]:
    """What a lab may use by now or later, or with `over` could; the newest first, from the one before `before` on."""
    query = select(Agreement).where(_of_lab(lab), _is_over(now) if over else ~_is_over(now))
    if before is not None:
        last = select(Agreement.id).where(Agreement.public_id == before, _of_lab(lab)).scalar_subquery()
        query = query.where(Agreement.id < last)
    query = query.options(selectinload(Agreement.offer), selectinload(Agreement.tariff))
    return list(session.scalars(query.order_by(Agreement.id.desc()).limit(limit)))


def agreement_counts(session: Session, lab: Actor, now: datetime) -> tuple[int, int]:
    """How many licences a lab has that are not over, and how many that are."""
    over = func.count().filter(_is_over(now))
    every, ended = session.execute(
        select(func.count(), over).where(_of_lab(lab)).select_from(Agreement)
    ).one()
    return every - ended, ended


def _of_lab(lab: Actor) -> ColumnElement[bool]:
    return Agreement.licensee_id == lab.party_id


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Agreement.valid_to.is_not(None), Agreement.valid_to <= now),
        and_(Agreement.ends_at.is_not(None), Agreement.ends_at <= now),
    )


def agreements_on(
    session: Session, lab: Actor, offer_ids: Collection[int], now: datetime
) -> Mapping[int, Agreement]:
    """The lab's agreements on these offers that were not ended, by the private key of the offer."""
    query = select(Agreement).where(
        Agreement.offer_id.in_(offer_ids),
        Agreement.licensee_id == lab.party_id,
        or_(Agreement.ends_at.is_(None), Agreement.ends_at > now),
    )
    return {each.offer_id: each for each in session.scalars(query)}


def agreement_works(session: Session, agreement: Agreement) -> list[Work]:
    """The works that an agreement covers, in the order of their keys."""
    offered = offered_works(session, agreement.offer)
    covered = works_covered(session, agreement, [work.id for work in offered])
    return [work for work in offered if work.id in covered]


def _is_addressed(offer: Offer, actor: Actor | None) -> bool:
    if offer.to_anyone:
        return True
    return actor is not None and actor.party_id in {named.party_id for named in offer.licensees}


def agreements_by_id(session: Session, ids: Collection[int]) -> Mapping[int, Agreement]:
    """Agreements by private key, for rooms that refer to them."""
    return {a.id: a for a in session.scalars(select(Agreement).where(Agreement.id.in_(ids)))} if ids else {}


def agreements_with_figures(session: Session) -> list[Agreement]:
    """The agreements, ended ones too, whose tariff has components that wait for a declared figure."""
    waiting = [
        version.id
        for version in session.scalars(select(TariffVersion).options(selectinload(TariffVersion.series)))
        if declared_components(priced(version))
    ]
    query = select(Agreement).where(Agreement.tariff_version_id.in_(waiting))
    return list(session.scalars(query.options(selectinload(Agreement.tariff)).order_by(Agreement.id)))
