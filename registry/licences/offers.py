"""Offers: terms that an owner proposes for some works, to anyone or to named labs; made, and revoked.

Every act takes the log head first, so that an offer cannot be accepted while it is being revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import check_period, whole_second
from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.licences import access, journal
from registry.licences.models import Offer, OfferLicensee, OfferWork
from registry.licences.pricing import priced, tariff_for_offer
from registry.licences.queries import get_offer, offered_works
from registry.licences.rules import MAX_LICENSEES, MAX_WORKS, check_territories
from registry.licences.terms import terms_of
from registry.log import service as log
from registry.works.service import Work


@dataclass(frozen=True, slots=True)
class CreateOffer:
    """Terms for some works of one owner. Free of charge and to anyone is an open licence."""

    works: tuple[bytes, ...]
    purpose: Purpose
    territories: tuple[str, ...] = ("world",)
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    tariff: bytes | None = None
    """Public id of the tariff; `None` means free of charge."""
    tariff_version: int | None = None
    """`None`: the latest."""
    licensees: tuple[bytes, ...] = ()
    """Public ids of labs; empty means anyone."""
    repertoire: bool = False
    """Of a society: instead of naming works, everything that it may grant at this moment."""


def create_offer(session: Session, actor: Actor, command: CreateOffer, sources: Sources) -> Offer:
    """Record an offer of the works' owner, made by itself or under a mandate to grant; or of a society's repertoire."""
    access.check_maker(actor)
    if len(command.licensees) > MAX_LICENSEES:
        raise InvalidInput(f"An offer names at most {MAX_LICENSEES:,} licensees, or none for anyone.")
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    acting, offered = _offered(session, actor, command, now)
    tariff = tariff_for_offer(session, acting, command.tariff, command.tariff_version)
    if tariff is None and not command.licensees:
        access.check_open(offered)
    if tariff is not None:
        priced(tariff).check_works([work.kind for work in offered])
    valid_from, valid_to = check_period(command.valid_from, command.valid_to, now)
    offer = Offer(
        public_id=sources.new_id(),
        owner_id=acting.principal_id,
        offered_by=acting.party_id,
        to_anyone=not command.licensees,
        repertoire=command.repertoire,
        tariff_version_id=tariff.id if tariff else None,
        tariff=tariff,
        purpose=command.purpose.value,
        territories=list(check_territories(command.territories)),
        valid_from=valid_from,
        valid_to=valid_to,
        salt=new_salt(sources),
        recorded_at=now,
        change_seq=change_seq,
        works=[OfferWork(work_id=work.id) for work in offered],
        licensees=[OfferLicensee(party_id=p) for p in access.licensees(session, command.licensees)],
    )
    offer.terms_digest = terms_of(offer).digest(names_of(offered))
    if offer.to_anyone:
        offer.log_index = journal.offer_made(session, offer, now)
    session.add(offer)
    session.flush()
    return offer


def _offered(
    session: Session, actor: Actor, command: CreateOffer, now: datetime
) -> tuple[Actor, Sequence[Work]]:
    """What is offered, and the actor, acting for whom it belongs to; a society offers its repertoire for itself."""
    if command.repertoire:
        if command.works:
            raise InvalidInput("An offer is about a repertoire or about works that it names, not about both.")
        if command.tariff is None and not command.licensees:
            raise InvalidInput("A repertoire is not given away to anyone: name a tariff, or the licensees.")
        return actor, access.offerable_repertoire(session, actor, now)
    if not 0 < len(command.works) <= MAX_WORKS:
        raise InvalidInput(f"An offer is about 1 to {MAX_WORKS:,} works; make several for more.")
    acting, found = access.offerable(session, actor, tuple(dict.fromkeys(command.works)), now)
    return acting, list(found.values())


def revoke_offer(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> Offer:
    """Close an offer from now on; agreements that were concluded on it go on. Again is no error."""
    access.check_maker(actor)
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    offer = get_offer(session, actor, public_id, sources)
    mine = offer.owner_id == actor.principal_id
    acting = (
        actor
        if mine
        else access.granting_for(session, actor, offer.owner_id, offered_works(session, offer), now)
    )
    if acting is None:
        raise access.not_yours("offer", public_id)
    if offer.superseded_at is None:
        offer.superseded_at, offer.revoked_by, offer.change_seq = now, acting.party_id, change_seq
        if offer.to_anyone:
            journal.offer_revoked(session, offer, now)
        session.flush()
    return offer


def names_of(offered: Iterable[Work]) -> list[str]:
    """Public ids as text, as digests of terms have them."""
    return [format_id("work", work.public_id) for work in offered]


def new_salt(sources: Sources) -> bytes:
    """32 random bytes."""
    return sources.new_id() + sources.new_id()
