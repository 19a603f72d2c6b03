"""What a maker answers about some works, purpose by purpose, carried out: offers closed and made, reservations set.

An answer replaces what stands open for exactly that purpose; what labs have agreed to already goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.decisions import Purpose, inside
from registry.core.errors import Conflict
from registry.core.ids import format_id
from registry.licences.models import Offer, OfferWork
from registry.licences.offers import CreateOffer, create_offer, revoke_offer
from registry.licences.pricing import CreateTariff, create_tariff
from registry.works import service as works
from registry.works.service import NewReservation, Work

ASKED: Final = (
    Purpose.TRAIN_GENAI,
    Purpose.TRAIN_AI,
    Purpose.AI_INPUT,
    Purpose.AI_INDEX,
    Purpose.SEARCH,
    Purpose.STYLE_IMITATION,
)
"""What the form asks about; the rest is for the programming interface."""


class Answer(StrEnum):
    """May it be used for this?"""

    KEEP = "keep"
    NO = "no"
    NEVER = "never"
    """No, expressly: a reservation, which beats every licence to anyone."""
    PAID = "paid"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Price:
    """What a use costs, in minor units: for each work, and for each lab in each quarter."""

    per_work: int
    per_quarter: int
    currency: str = "EUR"
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What is answered about one purpose."""

    answer: Answer
    price: Price | None = None
    """Of `Answer.PAID`."""
    lab: bytes | None = None
    """Public id of the only lab that it is for; `None`: any. Of `Answer.PAID` and `Answer.FREE`."""


class Entangled(Conflict):
    """An open offer is about these works and about others; it cannot be closed for some of them only."""

    def __init__(self, purpose: Purpose, others: Sequence[bytes]) -> None:
        super().__init__(
            f"The open offer for {purpose} is also about {len(others):,} works that were not named; name them, too, or "
            "leave this purpose as it is.",
            purpose=purpose.value,
            others=[format_id("work", public_id) for public_id in others],
        )
        self.purpose, self.others = purpose, tuple(others)


class Reserved(Conflict):
    """An express reservation for something wider stands against the answer."""

    def __init__(self, purpose: Purpose, by: Purpose) -> None:
        super().__init__(
            f"{purpose} is reserved expressly by a reservation of {by}; end that first.",
            purpose=purpose.value,
            reserved=by.value,
        )
        self.purpose, self.by = purpose, by


def set_consent(
    session: Session,
    actor: Actor,
    chosen: Sequence[Work],
    answers: Mapping[Purpose, Given],
    sources: Sources,
) -> int:
    """Carry out the answers for these works of one owner, all or none; returns how many purposes were changed.

    `Entangled` and `Reserved` say which answer cannot be carried out; a contested or withdrawn work is a `Conflict`.
    """
    changed = 0
    for purpose, given in answers.items():
        if given.answer is Answer.KEEP:
            continue
        changed += 1
        now = whole_second(sources.now())
        for offer in _to_close(session, purpose, chosen, now):
            revoke_offer(session, actor, offer.public_id, sources)
        for work in chosen:
            _reserve(session, actor, work, purpose, given.answer, sources)
        if given.answer in {Answer.PAID, Answer.FREE}:
            _offer(session, actor, chosen, purpose, given, sources)
    return changed


def open_offers(session: Session, purpose: Purpose, work_ids: Sequence[int], now: datetime) -> list[Offer]:
    """Offers for exactly this purpose, open now, that are about any of these works (private keys)."""
    query = select(Offer).where(
        Offer.purpose == purpose.value,
        Offer.superseded_at.is_(None),
        or_(Offer.valid_to.is_(None), Offer.valid_to > now),
        Offer.repertoire.is_(False),
        Offer.works.any(OfferWork.work_id.in_(work_ids)),
    )
    return list(session.scalars(query.order_by(Offer.id)))


def _to_close(session: Session, purpose: Purpose, chosen: Sequence[Work], now: datetime) -> list[Offer]:
    ids = [work.id for work in chosen]
    found = open_offers(session, purpose, ids, now)
    about = select(OfferWork.work_id).where(OfferWork.offer_id.in_([offer.id for offer in found]))
    others = works.works_by_id(session, set(session.scalars(about)) - set(ids))
    if others:
        raise Entangled(purpose, [work.public_id for _, work in sorted(others.items())])
    return found


def _reserve(
    session: Session, actor: Actor, work: Work, purpose: Purpose, answer: Answer, sources: Sources
) -> None:
    """The reservation of exactly this purpose, set or taken back; others stay as they are."""
    now = whole_second(sources.now())
    standing = [
        row
        for row in works.reservations_now(session, work, now)
        if row.valid_to is None or row.valid_to > now
    ]
    same = [row for row in standing if row.purpose == purpose]
    if answer in {Answer.PAID, Answer.FREE}:
        for row in standing:
            if row not in same and inside(Purpose(row.purpose)) & inside(purpose):
                raise Reserved(purpose, Purpose(row.purpose))
    if (answer is Answer.NEVER) == bool(same):
        return
    stated = [
        NewReservation(Purpose(row.purpose), max(row.valid_from, now), row.valid_to)
        for row in standing
        if row not in same
    ]
    if answer is Answer.NEVER:
        stated.append(NewReservation(purpose))
    works.set_reservations(session, actor, work.public_id, stated, sources)


def _offer(
    session: Session,
    actor: Actor,
    chosen: Sequence[Work],
    purpose: Purpose,
    given: Given,
    sources: Sources,
) -> None:
    price = given.price
    tariff = None if price is None else tariff_at(session, actor, purpose, price, sources)
    names = tuple(work.public_id for work in chosen)
    until = None if price is None else price.until
    labs = () if given.lab is None else (given.lab,)
    offer = CreateOffer(names, purpose, tariff=tariff, valid_to=until, licensees=labs)
    create_offer(session, actor, offer, sources)


def tariff_at(session: Session, actor: Actor, purpose: Purpose, price: Price, sources: Sources) -> bytes:
    """Public id of a new tariff that is this price."""
    command = CreateTariff(price.currency, components_of(price), name=_name(purpose, price))
    return create_tariff(session, actor, command, sources).series.public_id


def components_of(price: Price) -> list[dict[str, Any]]:
    """The price as components of a tariff."""
    components: list[dict[str, Any]] = [
        {"type": "per_unit", "amount_minor": price.per_work, "per_units": 1, "unit": "work"}
    ]
    if price.per_quarter:
        components.append({"type": "flat_per_period", "amount_minor": price.per_quarter})
    return components


def _name(purpose: Purpose, price: Price) -> str:
    return f"{purpose}: {price.per_work / 100:.2f} {price.currency} a work"
