"""Make tariffs and offers, accept, revoke, end. What other rooms may use of licences is named in `__all__`.

Every act takes the log head first, so that an offer cannot be accepted while it is being revoked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import check_period, whole_second
from registry.core.decisions import Purpose
from registry.core.errors import Conflict, InvalidInput
from registry.core.ids import format_id
from registry.core.records.leaves import commitment
from registry.licences import access, journal
from registry.licences.about_work import AboutWork, about_work, works_under_licence
from registry.licences.details import (
    AgreementDetails,
    OfferDetails,
    agreements_seen,
    offers_seen,
    tariffs_seen,
)
from registry.licences.models import Agreement, Offer, OfferLicensee, OfferWork
from registry.licences.pricing import (
    CreateTariff,
    create_tariff,
    list_tariffs,
    priced,
    tariff_for_offer,
    tariff_of,
)
from registry.licences.queries import (
    get_agreement,
    get_offer,
    list_agreements,
    list_offers,
    offered_works,
)
from registry.licences.rules import MAX_LICENSEES, MAX_WORKS, check_territories
from registry.licences.terms import (
    agreement_for_claim,
    all_licensee_terms,
    licensee_terms,
    permitted,
    public_terms,
    terms_of,
    works_covered,
)
from registry.log import service as log
from registry.works.service import Work

__all__ = [
    "AboutWork",
    "AcceptOffer",
    "Agreement",
    "AgreementDetails",
    "CreateOffer",
    "CreateTariff",
    "EndAgreement",
    "Offer",
    "OfferDetails",
    "about_work",
    "accept_offer",
    "agreement_for_claim",
    "agreements_seen",
    "all_licensee_terms",
    "create_offer",
    "create_tariff",
    "end_agreement",
    "get_agreement",
    "get_offer",
    "licensee_terms",
    "list_agreements",
    "list_offers",
    "list_tariffs",
    "offers_seen",
    "permitted",
    "priced",
    "public_terms",
    "revoke_offer",
    "tariff_of",
    "tariffs_seen",
    "terms_of",
    "works_covered",
    "works_under_licence",
]


# -- offers -------------------------------------------------------------------------------------------------
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


def create_offer(session: Session, actor: Actor, command: CreateOffer, sources: Sources) -> Offer:
    """Record an offer of the works' owner, made by itself or under a mandate to grant."""
    access.check_maker(actor)
    if not 0 < len(command.works) <= MAX_WORKS:
        raise InvalidInput(f"An offer is about 1 to {MAX_WORKS:,} works; make several for more.")
    if len(command.licensees) > MAX_LICENSEES:
        raise InvalidInput(f"An offer names at most {MAX_LICENSEES:,} licensees, or none for anyone.")
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    acting, offered = access.offerable(session, actor, tuple(dict.fromkeys(command.works)), now)
    tariff = tariff_for_offer(session, acting, command.tariff, command.tariff_version)
    valid_from, valid_to = check_period(command.valid_from, command.valid_to, now)
    offer = Offer(
        public_id=sources.new_id(),
        owner_id=acting.principal_id,
        offered_by=acting.party_id,
        to_anyone=not command.licensees,
        tariff_version_id=tariff.id if tariff else None,
        tariff=tariff,
        purpose=command.purpose.value,
        territories=list(check_territories(command.territories)),
        valid_from=valid_from,
        valid_to=valid_to,
        salt=_salt(sources),
        recorded_at=now,
        change_seq=change_seq,
        works=[OfferWork(work_id=work.id) for work in offered.values()],
        licensees=[OfferLicensee(party_id=p) for p in access.licensees(session, command.licensees)],
    )
    offer.terms_digest = terms_of(offer).digest(_names(offered.values()))
    if offer.to_anyone:
        offer.log_index = journal.offer_made(session, offer, now)
    session.add(offer)
    session.flush()
    return offer


def revoke_offer(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> Offer:
    """Close an offer from now on; agreements that were concluded on it go on. Again is no error."""
    access.check_maker(actor)
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    offer = get_offer(session, actor, public_id, sources)
    acting = access.granting_for(session, actor, offer.owner_id, offered_works(session, offer), now)
    if acting is None:
        raise access.not_yours("offer", public_id)
    if offer.superseded_at is None:
        offer.superseded_at, offer.revoked_by, offer.change_seq = now, acting.party_id, change_seq
        if offer.to_anyone:
            journal.offer_revoked(session, offer, now)
        session.flush()
    return offer


# -- agreements ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AcceptOffer:
    """A lab takes an offer as it stands."""

    offer: bytes


@dataclass(frozen=True, slots=True)
class EndAgreement:
    """One side ends an agreement, now or at a later time."""

    agreement: bytes
    at: datetime | None = None


def accept_offer(session: Session, actor: Actor, command: AcceptOffer, sources: Sources) -> Agreement:
    """Conclude an agreement that pins the offer's terms and tariff version for the acting lab.

    It holds from now at the earliest. A second one on the same offer is a `Conflict` while the first is in force.
    """
    access.check_lab(actor)
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    offer = get_offer(session, actor, command.offer, sources)
    _check_open(session, actor, offer, now)
    covered = [work for work in offered_works(session, offer) if work.withdrawn_at is None]
    if not any(work.contested_since is None for work in covered):
        raise Conflict(
            "All works of this offer were withdrawn or are contested; there is nothing to license."
        )
    agreement = Agreement(
        public_id=sources.new_id(),
        offer_id=offer.id,
        owner_id=offer.owner_id,
        licensee_id=actor.party_id,
        accepted_by=actor.party_id,
        purpose=offer.purpose,
        territories=list(offer.territories),
        valid_from=max(offer.valid_from, now),
        valid_to=offer.valid_to,
        tariff_version_id=offer.tariff_version_id,
        tariff=offer.tariff,
        tariff_digest=offer.tariff.digest if offer.tariff else None,
        salt=_salt(sources),
        recorded_at=now,
        change_seq=change_seq,
    )
    agreement.terms_digest = bytes.fromhex(
        commitment(agreement.salt, terms_of(agreement).as_json(_names(covered)))
    )
    agreement.log_index = journal.agreed(session, agreement, now)
    session.add(agreement)
    session.flush()
    return agreement


def end_agreement(session: Session, actor: Actor, command: EndAgreement, sources: Sources) -> Agreement:
    """End an agreement now or later, by either side; use before that stays licensed and is paid for."""
    access.check_write(actor)
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    agreement = get_agreement(session, actor, command.agreement, sources)
    ends_at, _ = check_period(command.at, None, now)
    over = agreement.ends_at or agreement.valid_to
    if agreement.superseded_at is not None or (over is not None and over <= ends_at):
        raise Conflict(f"This agreement ends at {over:%Y-%m-%dT%H:%M:%SZ} already.")
    agreement.superseded_at, agreement.ends_at = now, ends_at
    agreement.ended_by, agreement.change_seq = actor.party_id, change_seq
    journal.ended(session, agreement, now)
    session.flush()
    return agreement


def _check_open(session: Session, actor: Actor, offer: Offer, now: datetime) -> None:
    """`Conflict` says why the offer cannot be accepted by this lab now."""
    if offer.superseded_at is not None:
        raise Conflict(f"This offer was revoked at {offer.superseded_at:%Y-%m-%dT%H:%M:%SZ}.")
    if offer.valid_to is not None and offer.valid_to <= now:
        raise Conflict(f"This offer ended at {offer.valid_to:%Y-%m-%dT%H:%M:%SZ}.")
    if offer.to_anyone and offer.tariff is None:
        raise Conflict("This offer is free of charge and to anyone: it holds for you without being accepted.")
    same = (Agreement.offer_id == offer.id, Agreement.licensee_id == actor.party_id)
    in_force = or_(Agreement.ends_at.is_(None), Agreement.ends_at > now)
    existing = session.scalar(select(Agreement.public_id).where(*same, in_force))
    if existing is not None:
        name = format_id("agreement", existing)
        raise Conflict(f"You have accepted this offer already, in {name}.", agreement=name)


def _names(offered: Iterable[Work]) -> list[str]:
    return [format_id("work", work.public_id) for work in offered]


def _salt(sources: Sources) -> bytes:
    """32 random bytes."""
    return sources.new_id() + sources.new_id()
