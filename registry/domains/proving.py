"""Prove a claim, now or again and again: the looking happens between transactions, the recording inside one.

A scope is held by one claim at a time. Who can show a proof while another claim holds it takes over only if the other
proof is gone: whoever controls a domain can remove it. Nothing else decides between two claimants, no date and no
money; and who takes over a domain that another party never gave up holds it with a contested title, so that buying a
name that somebody let go does not make one the licensor of what they had published there.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.periods import whole_second
from registry.core.errors import Conflict, NetworkFailed, VerificationFailed
from registry.domains.claims import ended_with_its_work, provable_claim, work_withdrawn
from registry.domains.models import DomainClaim
from registry.domains.probing import Prober
from registry.domains.rules import Method, Outcome, Probe, State, next_check, proof_line
from registry.log import service as log
from registry.works import service as works


def prove(
    database: Database, actor: Actor, public_id: bytes, prober: Prober, sources: Sources
) -> DomainClaim:
    """Look for the proof of a claim now; from then on it is in force and checked by itself.

    `VerificationFailed` if the proof is not there, `NetworkFailed` if its place could not be asked, `Conflict` if
    another account shows a proof for the same domain. What was found instead is recorded in any case.
    """
    with database.reading() as session:
        claim, _ = provable_claim(session, actor, public_id, sources)
        rival = _rival(session, claim)
    found = look(prober, claim)
    if found.outcome is not Outcome.FOUND:
        with database.writing() as session:
            record_look(session, claim.id, found, sources)
        failure = VerificationFailed if found.outcome is Outcome.MISSING else NetworkFailed
        raise failure(f"The claim to {claim.domain} is not proved. {found.detail}")
    if rival is not None and look(prober, rival).outcome is not Outcome.MISSING:
        raise Conflict(
            f"Another account shows a proof for {claim.domain} as well. If its line is not yours, remove it from the "
            "place where yours lies, and try again."
        )
    with database.writing() as session:
        return record_proof(session, actor, public_id, rival, sources)


def look(prober: Prober, claim: DomainClaim) -> Probe:
    """Whether the proof of a claim is in its place."""
    return prober.probe(claim.domain, Method(claim.method), proof_line(claim.public_id))


def record_proof(
    session: Session, actor: Actor, public_id: bytes, beaten: DomainClaim | None, sources: Sources
) -> DomainClaim:
    """Bring a claim into force, in place of the one whose proof is gone; if it is in force, it was looked at again."""
    now = whole_second(sources.now())
    claim, acting = provable_claim(session, actor, public_id, sources)
    _found(claim, now)
    if claim.holds is None:
        change_seq = log.next_change_seq(session)
        _make_room(session, claim, beaten, now, change_seq)
        claim.holds, claim.lapsed_at, claim.change_seq = claim.scope, None, change_seq
        claim.proved_at = claim.proved_at or now
        claim.work_id = claim.work_id or _record_work(session, claim, acting, now, sources)
    session.flush()
    return claim


def record_look(session: Session, claim_id: int, found: Probe, sources: Sources) -> DomainClaim:
    """Record what looking again came to. A proof that stays away lets the claim lapse."""
    now = whole_second(sources.now())
    claim = session.get_one(DomainClaim, claim_id, populate_existing=True, with_for_update=True)
    if claim.state is State.ENDED or ended_with_its_work(session, claim):
        return claim
    if claim.holds is None:
        claim.checked_at, claim.failure = now, found.detail or None
    elif found.outcome is Outcome.FOUND:
        _found(claim, now)
    else:
        again = claim.failing_since is not None
        failing = claim.failing.after(found.outcome, now)
        claim.checked_at, claim.failure = now, found.detail
        claim.failing_since, claim.missing_since = failing.since, failing.missing_since
        claim.next_check_at = next_check(found.outcome, now)
        if again and failing.lapses_at is not None and failing.lapses_at <= now:
            _lapse(claim, now, log.next_change_seq(session))
    session.flush()
    return claim


def _found(claim: DomainClaim, now: datetime) -> None:
    claim.checked_at, claim.failure = now, None
    claim.failing_since = claim.missing_since = None
    claim.next_check_at = next_check(Outcome.FOUND, now)


def _lapse(claim: DomainClaim, now: datetime, change_seq: int) -> None:
    claim.holds, claim.next_check_at, claim.lapsed_at, claim.change_seq = None, None, now, change_seq


def _rival(session: Session, claim: DomainClaim) -> DomainClaim | None:
    """Another claim that holds this claim's scope now, unless its work was withdrawn."""
    holder = session.scalar(
        select(DomainClaim).where(DomainClaim.holds == claim.scope, DomainClaim.id != claim.id)
    )
    return None if holder is None or work_withdrawn(session, holder) else holder


def _make_room(
    session: Session, claim: DomainClaim, beaten: DomainClaim | None, now: datetime, change_seq: int
) -> None:
    """Release the scope; `Conflict` if it is held by a claim whose proof was not looked at."""
    holder = session.scalar(select(DomainClaim).where(DomainClaim.holds == claim.scope))
    if holder is None or ended_with_its_work(session, holder):
        return
    if beaten is None or holder.id != beaten.id:
        raise Conflict(f"Another account proved its claim to {claim.domain} just now; try again.")
    holder.failure = "Another account proved that it controls this domain, and this proof was gone."
    _lapse(holder, now, change_seq)
    session.flush()


def _record_work(session: Session, claim: DomainClaim, acting: Actor, now: datetime, sources: Sources) -> int:
    """The work that stands for the domain from the first proof on; its private key."""
    earlier = _earlier_title(session, claim)
    place = (claim.domain, now, claim.change_seq)
    return works.record_place(session, acting, *place, sources, contested_by=earlier).id


def _earlier_title(session: Session, claim: DomainClaim) -> int | None:
    """The oldest work by which somebody else held this domain and never gave it up; its private key."""
    return session.scalar(
        select(DomainClaim.work_id)
        .where(
            DomainClaim.domain == claim.domain,
            DomainClaim.owner_id != claim.owner_id,
            DomainClaim.work_id.is_not(None),
            DomainClaim.ended_at.is_(None),
        )
        .order_by(DomainClaim.proved_at, DomainClaim.id)
        .limit(1)
    )
