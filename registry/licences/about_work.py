"""What was offered and agreed about one work, for whoever may see the work; and which works are under licence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select, union
from sqlalchemy.orm import Session, selectinload

from registry.licences.details import AgreementDetails, OfferDetails, agreements_seen, offers_seen
from registry.licences.models import Agreement, Offer, OfferWork
from registry.licences.terms import works_covered


@dataclass(frozen=True, slots=True)
class AboutWork:
    """Offers and agreements, oldest first; ended ones too."""

    offers: Sequence[OfferDetails]
    agreements: Sequence[AgreementDetails]


def about_work(session: Session, work_id: int) -> AboutWork:
    """What was offered and agreed about a work (private key). The caller has checked that it may be seen."""
    offers = session.scalars(
        select(Offer)
        .where(Offer.works.any(OfferWork.work_id == work_id))
        .options(selectinload(Offer.licensees), selectinload(Offer.tariff))
        .order_by(Offer.id)
    ).all()
    agreements = session.scalars(
        select(Agreement)
        .where(Agreement.offer_id.in_([offer.id for offer in offers]))
        .options(selectinload(Agreement.offer), selectinload(Agreement.tariff))
        .order_by(Agreement.id)
    ).all()
    covering = [a for a in agreements if works_covered(session, a, [work_id])]
    return AboutWork(offers_seen(session, None, offers), agreements_seen(session, covering))


def works_under_licence(now: datetime) -> Select[int]:
    """Private keys of the works that somebody may use now: by an open licence, or by an agreement in force."""
    open_now = (
        select(OfferWork.work_id)
        .join(Offer, Offer.id == OfferWork.offer_id)
        .where(
            Offer.to_anyone,
            Offer.tariff_version_id.is_(None),
            Offer.superseded_at.is_(None),
            Offer.valid_from <= now,
            or_(Offer.valid_to.is_(None), Offer.valid_to > now),
        )
    )
    agreed = (
        select(OfferWork.work_id)
        .join(Agreement, Agreement.offer_id == OfferWork.offer_id)
        .where(
            Agreement.valid_from <= now,
            or_(Agreement.valid_to.is_(None), Agreement.valid_to > now),
            or_(Agreement.ends_at.is_(None), Agreement.ends_at > now),
        )
    )
    found = union(open_now, agreed).subquery()
    return select(found.c.work_id)
