"""A lab asks the owner of works for terms; the owner answers with an offer to that lab, or says no.

A request grants nothing and is in no log: it is a letter. Both sides have all of theirs in one list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import check_period, whole_second
from registry.core.decisions import Purpose
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.ids import format_id
from registry.licences import access
from registry.licences.models import LicenceRequest, LicenceRequestWork, Offer
from registry.licences.offers import CreateOffer, create_offer
from registry.licences.rules import MAX_WORKS, check_territories
from registry.log import service as log
from registry.notices import service as notices
from registry.parties import service as parties
from registry.parties.service import May, WorkRef
from registry.works import service as works
from registry.works.service import Work


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    OFFERED = "offered"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class AskForTerms:
    """What a lab would like to do with some works."""

    works: tuple[bytes, ...]
    purpose: Purpose
    territories: tuple[str, ...] = ("world",)
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """The price of what was asked for; without a tariff it is free for this lab."""

    request: bytes
    tariff: bytes | None = None
    tariff_version: int | None = None
    valid_to: datetime | None = None
    """An earlier end than the lab asked for."""


@dataclass(frozen=True, slots=True)
class RequestDetails:
    """A request with the names of what it refers to."""

    request: LicenceRequest
    state: RequestState
    licensee: bytes
    owner: bytes
    offer: bytes | None
    works: Sequence[bytes]


def state_of(request: LicenceRequest) -> RequestState:
    """From what is on record."""
    if request.withdrawn_at is not None:
        return RequestState.WITHDRAWN
    if request.answered_at is None:
        return RequestState.OPEN
    return RequestState.DECLINED if request.offer_id is None else RequestState.OFFERED


# -- the lab ------------------------------------------------------------------------------------------------
def ask_for_terms(
    session: Session, actor: Actor, command: AskForTerms, sources: Sources
) -> list[LicenceRequest]:
    """A request to each owner of these works: a lab knows works by their matches, and not whose they are."""
    access.check_lab(actor, "ask for terms")
    now = whole_second(sources.now())
    wanted = tuple(dict.fromkeys(command.works))
    if not 0 < len(wanted) <= MAX_WORKS:
        raise InvalidInput(f"A request is about 1 to {MAX_WORKS:,} works.")
    if command.valid_from is not None or command.valid_to is not None:
        check_period(command.valid_from, command.valid_to, now)
    by_owner: dict[int, list[Work]] = defaultdict(list)
    for work in _licensable(session, wanted):
        by_owner[work.owner_id].append(work)
    return [_ask(session, actor, command, owner, asked, now, sources) for owner, asked in by_owner.items()]


def _licensable(session: Session, public_ids: Sequence[bytes]) -> list[Work]:
    found = works.works_by_public_id(session, public_ids)
    for public_id in public_ids:
        name = format_id("work", public_id)
        if public_id not in found:
            raise NotFound(f"There is no {name}.", work=name)
        if found[public_id].withdrawn_at is not None:
            raise Conflict(f"{name} was withdrawn; there is nobody to ask about it.", work=name)
    return [found[public_id] for public_id in public_ids]


def _ask(
    session: Session,
    actor: Actor,
    command: AskForTerms,
    owner_id: int,
    asked: Sequence[Work],
    now: datetime,
    sources: Sources,
) -> LicenceRequest:
    request = LicenceRequest(
        public_id=sources.new_id(),
        licensee_id=actor.party_id,
        owner_id=owner_id,
        purpose=command.purpose.value,
        territories=list(check_territories(command.territories)),
        valid_from=command.valid_from,
        valid_to=command.valid_to,
        message=command.message,
        made_at=now,
    )
    session.add(request)
    session.flush()
    session.add_all(LicenceRequestWork(request_id=request.id, work_id=work.id) for work in asked)
    session.flush()
    told = _facts(request, asked) | {"lab": parties.own_party(session, actor).name}
    refs = [WorkRef(work.kind, work.public_id) for work in asked]
    agents = parties.agents(session, owner_id, May.GRANT, refs, now)
    everybody = {owner_id: told} | dict.fromkeys(agents, told | {"member": True})
    notices.tell(session, notices.Kind.REQUEST, everybody, now)
    return request


def _facts(request: LicenceRequest, about: Sequence[Work]) -> dict[str, Any]:
    """What both sides are told of it."""
    return {"request": format_id("request", request.public_id), "works": len(about)}


def withdraw_request(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> LicenceRequest:
    """The lab no longer asks; again is no error. What was offered meanwhile stays offered."""
    access.check_lab(actor, "withdraw a request")
    log.hold(session)
    request = get_request(session, actor, public_id, sources)
    if request.withdrawn_at is None:
        if request.answered_at is not None:
            raise Conflict("This request was answered already.")
        request.withdrawn_at = whole_second(sources.now())
        session.flush()
    return request


# -- the owner ----------------------------------------------------------------------------------------------
def answer_with_offer(
    session: Session, actor: Actor, command: AnswerRequest, sources: Sources
) -> LicenceRequest:
    """Offer this lab what it asked for, at a price or free of charge; the lab accepts it like any other offer.

    Works that were withdrawn or contested since are left out; `Conflict` if no other is left.
    """
    log.hold(session)
    request = _to_answer(session, actor, command.request, sources)
    now = whole_second(sources.now())
    about = request_works(session, request)
    sound = [work for work in about if work.withdrawn_at is None and work.contested_since is None]
    if not sound:
        raise Conflict("All works of this request were withdrawn or are contested; none can be licensed.")
    starts = request.valid_from if request.valid_from is not None and request.valid_from > now else None
    offer = create_offer(
        session,
        actor,
        CreateOffer(
            works=tuple(work.public_id for work in sound),
            purpose=Purpose(request.purpose),
            territories=tuple(request.territories),
            valid_from=starts,
            valid_to=command.valid_to or request.valid_to,
            tariff=command.tariff,
            tariff_version=command.tariff_version,
            licensees=(_party(session, request.licensee_id),),
        ),
        sources,
    )
    request.offer_id = offer.id
    return _answered(session, request, actor, sources)


def decline_request(
    session: Session, actor: Actor, public_id: bytes, reason: str | None, sources: Sources
) -> LicenceRequest:
    """Say no. The works stay as they are: denied."""
    log.hold(session)
    request = _to_answer(session, actor, public_id, sources)
    request.reason = reason
    return _answered(session, request, actor, sources)


def _to_answer(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> LicenceRequest:
    """An open request to the actor, or to a principal for whom it may grant."""
    access.check_maker(actor)
    request = get_request(session, actor, public_id, sources)
    state = state_of(request)
    if state is not RequestState.OPEN:
        raise Conflict(f"This request is {state} already.")
    return request


def _answered(session: Session, request: LicenceRequest, actor: Actor, sources: Sources) -> LicenceRequest:
    now = whole_second(sources.now())
    request.answered_at, request.answered_by = now, actor.party_id
    session.flush()
    told = _facts(request, request_works(session, request)) | {"offered": request.offer_id is not None}
    notices.tell(session, notices.Kind.ANSWER, {request.licensee_id: told}, now)
    return request


# -- both ---------------------------------------------------------------------------------------------------
def get_request(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> LicenceRequest:
    """One request; `NotFound` for all but its two sides and the owner's agents."""
    query = select(LicenceRequest).where(LicenceRequest.public_id == public_id)
    request = session.scalar(query.execution_options(populate_existing=True))
    now = whole_second(sources.now())
    if request is None or not (
        request.licensee_id == actor.party_id
        or access.granting_for(session, actor, request.owner_id, request_works(session, request), now)
    ):
        raise access.not_yours("request", public_id)
    return request


def list_requests(
    session: Session,
    actor: Actor,
    *,
    state: RequestState | None = None,
    after: bytes | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[LicenceRequest]:
    """What the actor asked for, and what it was asked; in the order of asking."""
    mine = or_(LicenceRequest.licensee_id == actor.party_id, LicenceRequest.owner_id == actor.party_id)
    query = select(LicenceRequest).where(mine)
    return paginate(
        session, query if state is None else _in_state(query, state), LicenceRequest, after, limit
    )


def _in_state(query: Select[LicenceRequest], state: RequestState) -> Select[LicenceRequest]:
    withdrawn, answered = LicenceRequest.withdrawn_at, LicenceRequest.answered_at
    if state is RequestState.WITHDRAWN:
        return query.where(withdrawn.is_not(None))
    if state is RequestState.OPEN:
        return query.where(withdrawn.is_(None), answered.is_(None))
    offered = LicenceRequest.offer_id.is_not(None)
    return query.where(answered.is_not(None), offered if state is RequestState.OFFERED else ~offered)


def requests_seen(session: Session, requests: Sequence[LicenceRequest]) -> list[RequestDetails]:
    """These requests, which the actor is a side of."""
    people = {r.licensee_id for r in requests} | {r.owner_id for r in requests}
    names = {key: party.public_id for key, party in parties.parties_by_id(session, people).items()}
    offers = _offers(session, requests)
    return [
        RequestDetails(
            request=request,
            state=state_of(request),
            licensee=names[request.licensee_id],
            owner=names[request.owner_id],
            offer=offers.get(request.offer_id or 0),
            works=[work.public_id for work in request_works(session, request)],
        )
        for request in requests
    ]


def _offers(session: Session, requests: Sequence[LicenceRequest]) -> dict[int, bytes]:
    keys = [r.offer_id for r in requests if r.offer_id is not None]
    return {o.id: o.public_id for o in session.scalars(select(Offer).where(Offer.id.in_(keys)))}


def request_works(session: Session, request: LicenceRequest) -> list[Work]:
    """The works that a request is about, in the order of their keys."""
    query = select(LicenceRequestWork.work_id).where(LicenceRequestWork.request_id == request.id)
    return [work for _, work in sorted(works.works_by_id(session, session.scalars(query).all()).items())]


def _party(session: Session, party_id: int) -> bytes:
    return parties.parties_by_id(session, [party_id])[party_id].public_id
