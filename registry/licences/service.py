"""Make tariffs and offers, accept, revoke, end. What other rooms may use of licences is named in `__all__`.

Every act takes the log head first, so that an offer cannot be accepted while it is being revoked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import check_period, whole_second
from registry.core.errors import Conflict
from registry.core.ids import format_id
from registry.core.records.leaves import commitment
from registry.licences import access, journal
from registry.licences.about_work import AboutWork, about_work, works_under_licence
from registry.licences.asked import waiting as requests_waiting
from registry.licences.basket import size as basket_size
from registry.licences.covering import OfferName, Way, Ways, offers_to, ways_to_use
from registry.licences.details import (
    AgreementDetails,
    OfferDetails,
    agreements_seen,
    offers_seen,
    tariffs_seen,
)
from registry.licences.models import Agreement, Offer
from registry.licences.offers import CreateOffer, create_offer, new_salt, revoke_offer
from registry.licences.pricing import (
    CreateTariff,
    create_tariff,
    list_tariffs,
    priced,
    tariff_of,
)
from registry.licences.queries import (
    agreement_counts,
    agreements_by_id,
    agreements_on,
    agreements_with_figures,
    covered_counts,
    get_agreement,
    get_offer,
    keys_of,
    list_agreements,
    list_offers,
    names_left,
    newest_agreements,
    works_left,
)
from registry.licences.requests import (
    AnswerRequest,
    AskForTerms,
    RequestDetails,
    RequestState,
    answer_with_offer,
    ask_for_terms,
    decline_request,
    get_request,
    list_requests,
    requests_seen,
    withdraw_request,
)
from registry.licences.terms import (
    agreement_for_claim,
    agreement_name,
    all_licensee_terms,
    licensee_terms,
    permitted,
    public_terms,
    terms_of,
    terms_of_works,
    works_covered,
)
from registry.log import service as log
from registry.parties import service as parties

__all__ = [
    "AboutWork",
    "AcceptOffer",
    "Agreement",
    "AgreementDetails",
    "AnswerRequest",
    "AskForTerms",
    "CreateOffer",
    "CreateTariff",
    "EndAgreement",
    "Offer",
    "OfferDetails",
    "OfferName",
    "RequestDetails",
    "RequestState",
    "Way",
    "Ways",
    "about_work",
    "accept_offer",
    "agreement_counts",
    "agreement_for_claim",
    "agreement_name",
    "agreements_by_id",
    "agreements_seen",
    "agreements_with_figures",
    "all_licensee_terms",
    "answer_with_offer",
    "ask_for_terms",
    "basket_size",
    "covered_counts",
    "create_offer",
    "create_tariff",
    "decline_request",
    "end_agreement",
    "get_agreement",
    "get_offer",
    "get_request",
    "licensee_terms",
    "list_agreements",
    "list_offers",
    "list_requests",
    "list_tariffs",
    "newest_agreements",
    "offers_seen",
    "offers_to",
    "permitted",
    "priced",
    "public_terms",
    "requests_seen",
    "requests_waiting",
    "revoke_offer",
    "tariff_of",
    "tariffs_seen",
    "terms_of",
    "terms_of_works",
    "ways_to_use",
    "withdraw_request",
    "works_covered",
    "works_under_licence",
]


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
    check_acceptable(session, actor, offer, now)
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
        salt=new_salt(sources),
        recorded_at=now,
        change_seq=change_seq,
    )
    agreement.terms_digest = bytes.fromhex(
        commitment(agreement.salt, terms_of(agreement).as_json(names_left(session, offer)))
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


def check_acceptable(session: Session, actor: Actor, offer: Offer, now: datetime) -> None:
    """`Conflict` says why the offer cannot be accepted by this lab now; its detail `reason` says so to programs."""
    _check_open(session, actor, offer, now)
    sound = works_left(session, offer)
    if not sound.works > sound.contested:
        raise Conflict(
            "All works of this offer were withdrawn or are contested; there is nothing to license.",
            reason="nothing-left",
        )
    if offer.repertoire:
        _check_mandates(session, offer, sound.works, now)


def _check_mandates(session: Session, offer: Offer, number: int, now: datetime) -> None:
    """A society licenses nobody's work after its mandate has ended."""
    society = parties.actor_of(parties.parties_by_id(session, [offer.owner_id])[offer.owner_id])
    lost = access.not_granted(session, society, keys_of(offer), now)
    if lost:
        raise Conflict(
            f"The society may no longer grant {lost:,} of the {number:,} works of this offer. Ask it to offer "
            "its repertoire again.",
            reason="mandate-ended",
        )


def _check_open(session: Session, actor: Actor, offer: Offer, now: datetime) -> None:
    if offer.superseded_at is not None:
        raise Conflict(
            f"This offer was revoked at {offer.superseded_at:%Y-%m-%dT%H:%M:%SZ}.", reason="revoked"
        )
    if offer.valid_to is not None and offer.valid_to <= now:
        raise Conflict(f"This offer ended at {offer.valid_to:%Y-%m-%dT%H:%M:%SZ}.", reason="ended")
    if offer.to_anyone and offer.tariff is None:
        raise Conflict(
            "This offer is free of charge and to anyone: it holds for you without being accepted.",
            reason="open-to-all",
        )
    existing = agreements_on(session, actor, [offer.id], now).get(offer.id)
    if existing is not None:
        name = format_id("agreement", existing.public_id)
        raise Conflict(f"You have accepted this offer already, in {name}.", agreement=name, reason="accepted")
