"""Whose works an actor may touch: its own, and those of principals whose mandate covers them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.core.errors import Conflict, Forbidden, NotFound
from registry.core.ids import format_id
from registry.parties import service as parties
from registry.parties.service import May, WorkRef
from registry.works.models import Work
from registry.works.rules import Kind

_READ = frozenset({Scope.WORKS_READ})
_WRITE = frozenset({Scope.WORKS_WRITE})
_MAKERS = frozenset({Role.CREATOR, Role.SOCIETY})


def registrant(
    session: Session, actor: Actor, on_behalf_of: bytes | None, kind: Kind, now: datetime
) -> Actor:
    """The actor, acting for the named principal if one is named. Labs and operators have no works."""
    if actor.role not in _MAKERS:
        raise Forbidden(f"{actor.role.one} cannot register works; only creators and societies can.")
    check_scopes(actor, _WRITE)
    if on_behalf_of is None or on_behalf_of == actor.public_id:
        return actor
    return parties.acting_for(session, actor, on_behalf_of, May.REGISTER, [WorkRef(kind.value)], now)


def work_for(
    session: Session,
    actor: Actor,
    public_id: bytes,
    may: May,
    now: datetime,
    *,
    withdrawn_too: bool = False,
) -> tuple[Work, Actor]:
    """An unwithdrawn work that the actor may change in this way, and the actor as it acts for the owner.

    `NotFound` where it may not even know of the work; `Forbidden` where its mandate does not reach that far.
    """
    work = _by_public_id(session, public_id)
    acting = _acting_for_owner(session, actor, work, may, now) if work is not None else None
    check_scopes(actor, _WRITE)
    if work is None or (acting is None and not _may_see(session, actor, work, now)):
        raise _unknown(public_id)
    if acting is None:
        raise Forbidden(f"Your mandate for the owner of this work does not include “{may}”.")
    if work.withdrawn_at is not None and not withdrawn_too:
        raise Conflict(f"{format_id('work', public_id)} was withdrawn; a withdrawn work cannot be changed.")
    return work, acting


def visible_work(session: Session, actor: Actor, public_id: bytes, now: datetime) -> Work:
    """A work that the actor may read in full: the owner, its agents, the operator."""
    check_scopes(actor, _READ)
    work = _by_public_id(session, public_id)
    if work is None or not _may_see(session, actor, work, now):
        raise _unknown(public_id)
    return work


def _by_public_id(session: Session, public_id: bytes) -> Work | None:
    return session.scalar(select(Work).where(Work.public_id == public_id))


def _unknown(public_id: bytes) -> NotFound:
    return NotFound(f"There is no {format_id('work', public_id)} among the works that you can see.")


def _may_see(session: Session, actor: Actor, work: Work, now: datetime) -> bool:
    if actor.role is Role.OPERATOR:
        return True
    return any(_acting_for_owner(session, actor, work, may, now) is not None for may in May)


def _acting_for_owner(session: Session, actor: Actor, work: Work, may: May, now: datetime) -> Actor | None:
    """The actor as it may do this for the owner of the work; `None` if it may not."""
    if work.owner_id == actor.principal_id:
        return actor
    if actor.role not in _MAKERS:
        return None
    owner = parties.parties_by_id(session, [work.owner_id])[work.owner_id]
    try:
        return parties.acting_for(
            session, actor, owner.public_id, may, [WorkRef(work.kind, work.public_id)], now
        )
    except Forbidden:
        return None
