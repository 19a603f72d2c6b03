"""Claim a domain, look at one's claims, give them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import Conflict, Forbidden, NotFound
from registry.core.ids import format_id
from registry.domains.models import DomainClaim
from registry.domains.rules import NOUN, Method, State, check_domain, proof_line, proof_place
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May, WorkRef
from registry.works import service as works

_READ = frozenset({Scope.WORKS_READ})
_WRITE = frozenset({Scope.WORKS_WRITE})
_MAKERS = frozenset({Role.CREATOR, Role.SOCIETY})


@dataclass(frozen=True, slots=True)
class ClaimDomain:
    """A party says that it controls a domain, and how it will prove it."""

    domain: str
    """As somebody writes it."""
    method: Method
    on_behalf_of: bytes | None = None
    """Public id of the owner, where an agent claims."""


def claim_domain(session: Session, actor: Actor, command: ClaimDomain, sources: Sources) -> DomainClaim:
    """Record a claim, which is nothing until it is proved. The same claim again is the same one."""
    domain = check_domain(command.domain)
    now = whole_second(sources.now())
    acting = works.registrant(session, actor, command.on_behalf_of, works.Kind.DOMAIN, now)
    same = session.scalar(
        select(DomainClaim).where(
            DomainClaim.owner_id == acting.principal_id,
            DomainClaim.domain == domain,
            DomainClaim.method == command.method.value,
            DomainClaim.ended_at.is_(None),
        )
    )
    if same is not None and not ended_with_its_work(session, same):
        return same
    claim = DomainClaim(
        public_id=sources.new_id(),
        owner_id=acting.principal_id,
        claimed_by=acting.party_id,
        on_behalf_of=acting.on_behalf_of,
        domain=domain,
        method=command.method.value,
        created_at=now,
        change_seq=log.current_change_seq(session),
    )
    session.add(claim)
    session.flush()
    return claim


def own_claim(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> DomainClaim:
    """A claim that the actor may read: the owner's, its agents', and the operator's; `NotFound` for others."""
    check_scopes(actor, _READ)
    claim = session.scalar(select(DomainClaim).where(DomainClaim.public_id == public_id))
    now = sources.now()
    if claim is None or not (
        actor.role is Role.OPERATOR
        or any(_acting(session, actor, claim, may, now) for may in (May.REGISTER, May.WITHDRAW))
    ):
        raise NotFound(f"You have no {format_id(NOUN, public_id)}.")
    return claim


def list_claims(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[DomainClaim]:
    """The actor's own claims, ended ones too."""
    check_scopes(actor, _READ)
    mine = select(DomainClaim).where(DomainClaim.owner_id == actor.principal_id)
    return paginate(session, mine, DomainClaim, after, limit)


def views(session: Session, claims: Sequence[DomainClaim]) -> list[dict[str, Any]]:
    """The claims as they are shown, each with the public id of its work and what proves it."""
    found = works.works_by_id(session, [c.work_id for c in claims if c.work_id is not None])
    return [_view(claim, found.get(claim.work_id or 0)) for claim in claims]


def _view(claim: DomainClaim, work: works.Work | None) -> dict[str, Any]:
    method = Method(claim.method)
    withdrawn = work is not None and work.withdrawn_at is not None
    return {
        "claim": claim,
        "state": State.ENDED if withdrawn else claim.state,
        "method": method,
        "covers_subdomains": method is Method.DNS,
        "proof": {"place": proof_place(claim.domain, method), "line": proof_line(claim.public_id)},
        "work": None if work is None else work.public_id,
    }


def provable_claim(
    session: Session, actor: Actor, public_id: bytes, sources: Sources
) -> tuple[DomainClaim, Actor]:
    """A claim that the actor may prove, and the actor as it acts for the owner; `Conflict` if it was given up."""
    claim = own_claim(session, actor, public_id, sources)
    acting = _acting_or_refused(session, actor, claim, May.REGISTER, sources.now())
    if claim.state is State.ENDED or work_withdrawn(session, claim) is not None:
        raise Conflict("This claim was given up; claim the domain again.")
    return claim, acting


def end_claim(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> DomainClaim:
    """Give a claim up: from now on nothing is reserved by it, and whoever comes next is not contested. Again is fine.

    The work that stood for the domain is withdrawn; agreements that were concluded on it stay in force.
    """
    claim = own_claim(session, actor, public_id, sources)
    _acting_or_refused(session, actor, claim, May.WITHDRAW, sources.now())
    if claim.state is State.ENDED:
        return claim
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    if claim.work_id is not None:
        work = works.works_by_id(session, [claim.work_id])[claim.work_id]
        works.withdraw_work(session, actor, work.public_id, sources)
    claim.ended_at, claim.holds, claim.next_check_at, claim.change_seq = now, None, None, change_seq
    session.flush()
    return claim


def work_withdrawn(session: Session, claim: DomainClaim) -> datetime | None:
    """When the work that stands for the domain was withdrawn, which gives the claim up as well."""
    if claim.work_id is None:
        return None
    return works.works_by_id(session, [claim.work_id])[claim.work_id].withdrawn_at


def ended_with_its_work(session: Session, claim: DomainClaim) -> bool:
    """Whether the claim is over because its work was withdrawn; it is marked so."""
    withdrawn = work_withdrawn(session, claim)
    if withdrawn is None:
        return False
    claim.ended_at, claim.holds, claim.next_check_at = withdrawn, None, None
    session.flush()
    return True


def _acting(session: Session, actor: Actor, claim: DomainClaim, may: May, now: datetime) -> Actor | None:
    """The actor as it may do this for the owner of the claim; `None` if it may not."""
    if claim.owner_id == actor.principal_id:
        return actor
    if actor.role not in _MAKERS:
        return None
    owner = parties.parties_by_id(session, [claim.owner_id])[claim.owner_id]
    try:
        return parties.acting_for(
            session, actor, owner.public_id, may, [WorkRef(works.Kind.DOMAIN.value)], now
        )
    except Forbidden:
        return None


def _acting_or_refused(session: Session, actor: Actor, claim: DomainClaim, may: May, now: datetime) -> Actor:
    check_scopes(actor, _WRITE)
    acting = _acting(session, actor, claim, may, now)
    if acting is None:
        raise Forbidden(f"You have no mandate to {may} this for the owner of the claim.")
    return acting
