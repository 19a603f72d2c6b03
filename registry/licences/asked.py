"""Requests for terms as pages show them: the newest first, with names, titles, and what became of the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.core.decisions import Purpose
from registry.core.errors import Conflict
from registry.core.ids import format_id
from registry.licences.models import Agreement, LicenceRequest, LicenceRequestWork, Offer
from registry.licences.queries import agreements_on
from registry.licences.requests import AskForTerms, RequestState, ask_for_terms, state_of
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May, Repertoire, WorkRef
from registry.works import service as works
from registry.works.service import Work

MOST = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what it refers to."""

    request: LicenceRequest
    state: RequestState
    lab: str
    """The name of who asks."""
    owner: bytes
    """Public id of whose works they are."""
    owner_name: str
    """Empty for a maker whom the reader knows by number only."""
    works: Sequence[Work]
    offer: Offer | None
    """The answer."""
    agreement: Agreement | None
    """If the lab has accepted that."""

    @property
    def in_force(self) -> bool:
        """Whether the lab has accepted the answer, and neither side has ended that since."""
        return self.agreement is not None and self.agreement.superseded_at is None

    @property
    def lost(self) -> list[Work]:
        """The works that nobody can license now."""
        return [w for w in self.works if w.withdrawn_at is not None or w.contested_since is not None]


def asked_by(session: Session, lab: Actor, now: datetime) -> list[Asked]:
    """What a lab asked for, the newest first; at most `MOST`."""
    query = select(LicenceRequest).where(LicenceRequest.licensee_id == lab.party_id)
    return seen(
        session, lab, session.scalars(query.order_by(LicenceRequest.id.desc()).limit(MOST)).all(), now
    )


def asked_of(session: Session, maker: Actor, now: datetime, *, only_open: bool = False) -> list[Asked]:
    """What a maker was asked, and a society for the members for whom it may grant; the newest first, at most `MOST`."""
    mandated = parties.repertoires(session, maker, May.GRANT, now)
    query = select(LicenceRequest).where(LicenceRequest.owner_id.in_({maker.party_id, *mandated}))
    if only_open:
        query = query.where(LicenceRequest.withdrawn_at.is_(None), LicenceRequest.answered_at.is_(None))
    found = seen(
        session, maker, session.scalars(query.order_by(LicenceRequest.id.desc()).limit(MOST)).all(), now
    )
    return [
        each
        for each in found
        if each.request.owner_id == maker.party_id or _granted(mandated[each.request.owner_id], each.works)
    ]


def waiting(session: Session, maker: Actor, now: datetime) -> int:
    """How many requests wait for the answer of this maker or society; at most `MOST`."""
    return len(asked_of(session, maker, now, only_open=True))


def works_asked_for(session: Session, lab: Actor, purpose: Purpose) -> set[int]:
    """Private keys of the works about which requests of this lab for this purpose wait for an answer."""
    query = (
        select(LicenceRequestWork.work_id)
        .join(LicenceRequest, LicenceRequest.id == LicenceRequestWork.request_id)
        .where(
            LicenceRequest.licensee_id == lab.party_id,
            LicenceRequest.purpose == purpose.value,
            LicenceRequest.withdrawn_at.is_(None),
            LicenceRequest.answered_at.is_(None),
        )
    )
    return set(session.scalars(query))


class AskedAlready(Conflict):
    """Requests about some of these works, for the same purpose, wait for an answer."""

    def __init__(self, numbers: Sequence[str], *, every: bool) -> None:
        super().__init__(
            f"You have asked for {numbers[0]} already. Wait for the answer, or withdraw that request.",
            works=list(numbers),
        )
        self.numbers, self.every = tuple(numbers), every


def ask_once(session: Session, lab: Actor, command: AskForTerms, sources: Sources) -> list[LicenceRequest]:
    """Ask as `ask_for_terms` does; `AskedAlready` for works about which the lab waits for an answer anyway."""
    log.hold(session)
    keys = works.work_ids_by_public_id(session, command.works)
    waiting_for = works_asked_for(session, lab, command.purpose)
    again = [format_id("work", each) for each, key in keys.items() if key in waiting_for]
    if again:
        raise AskedAlready(again, every=len(again) == len(set(command.works)))
    return ask_for_terms(session, lab, command, sources)


def seen(session: Session, reader: Actor, requests: Sequence[LicenceRequest], now: datetime) -> list[Asked]:
    """These requests, which the reader is a side of, or acts for one."""
    about = _works(session, requests)
    offer_ids = {request.offer_id for request in requests if request.offer_id is not None}
    offers = {o.id: o for o in session.scalars(select(Offer).where(Offer.id.in_(offer_ids)))}
    mine = reader.role is Role.LAB
    taken = agreements_on(session, reader, offer_ids, now) if mine else _taken(session, offer_ids)
    people = parties.parties_by_id(
        session, {r.licensee_id for r in requests} | {r.owner_id for r in requests}
    )
    public = parties.public_names(session, people)
    return [
        Asked(
            request=request,
            state=state_of(request),
            lab=people[request.licensee_id].name,
            owner=people[request.owner_id].public_id,
            owner_name=public.get(request.owner_id, "") if mine else people[request.owner_id].name,
            works=about[request.id],
            offer=offers.get(request.offer_id or 0),
            agreement=taken.get(request.offer_id or 0),
        )
        for request in requests
    ]


def _taken(session: Session, offer_ids: set[int]) -> dict[int, Agreement]:
    """The offers of answers are made to one lab, so at most one agreement of each is the newest."""
    query = select(Agreement).where(Agreement.offer_id.in_(offer_ids)).order_by(Agreement.id)
    return {agreement.offer_id: agreement for agreement in session.scalars(query)}


def _works(session: Session, requests: Sequence[LicenceRequest]) -> dict[int, list[Work]]:
    keys = [request.id for request in requests]
    pairs = session.execute(
        select(LicenceRequestWork.request_id, LicenceRequestWork.work_id)
        .where(LicenceRequestWork.request_id.in_(keys))
        .order_by(LicenceRequestWork.work_id)
    ).all()
    found = works.works_by_id(session, {work for _, work in pairs})
    about: dict[int, list[Work]] = defaultdict(list)
    for request, work in pairs:
        about[request].append(found[work])
    return about


def _granted(repertoires: Sequence[Repertoire], about: Sequence[Work]) -> bool:
    """Whether the mandates together reach each of these works."""
    refs = [WorkRef(work.kind, work.public_id) for work in about]
    return all(any(repertoire.contains(ref) for repertoire in repertoires) for ref in refs)
