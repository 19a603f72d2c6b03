"""An owner's works at a glance: searched, sorted by state, page by page, each with a code to draw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import InvalidInput
from registry.core.fingerprints import DHASH256, FULL, PHASH256
from registry.core.ids import parse_id
from registry.parties import service as parties
from registry.parties.service import May
from registry.works.models import Reservation, ShareRow, StoredFingerprint, Work, WorkVersion


class State(StrEnum):
    """Where a work stands; each has exactly one state, the first of these that is true last to first."""

    RESERVED = "reserved"
    LICENSED = "licensed"
    CONTESTED = "contested"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for among one's works."""

    words: str = ""
    """Each must occur in the title, in any order; or the work's number."""
    state: State | None = None
    page: int = 1
    per_page: int = 24


@dataclass(frozen=True, slots=True)
class Found:
    """One page of works, newest first."""

    works: Sequence[tuple[Work, State]]
    codes: Mapping[int, bytes]
    """By private key: 256 bits to draw, where a picture has them."""
    counts: Mapping[State, int]
    """Of all works that the words find, whatever their state."""
    total: int
    """Of those in the wanted state."""


def search_works(
    session: Session,
    actor: Actor,
    search: Search,
    licensed: Select[int],
    sources: Sources,
    owner: bytes | None = None,
) -> Found:
    """The actor's works, or those of an `owner` all of whose works it may register.

    `licensed` gives the private keys of works under licence: another room knows them.
    """
    check_scopes(actor, frozenset({Scope.WORKS_READ}))
    if owner is not None and owner != actor.public_id:
        actor = parties.acting_for(session, actor, owner, May.REGISTER, [], whole_second(sources.now()))
    mine = and_(Work.owner_id == actor.principal_id, *_matching(search.words))
    state = _state(licensed)
    counted = session.execute(select(state, func.count()).where(mine).group_by(state)).all()
    counts = {State(name): number for name, number in counted}
    wanted = mine if search.state is None else and_(mine, state == search.state.value)
    query = select(Work, state).where(wanted).order_by(Work.id.desc())
    query = query.limit(search.per_page).offset((search.page - 1) * search.per_page)
    rows = [(work, State(name)) for work, name in session.execute(query)]
    total = sum(counts.values()) if search.state is None else counts.get(search.state, 0)
    return Found(rows, codes_to_draw(session, [work.id for work, _ in rows]), counts, total)


def state_of(session: Session, work: Work, licensed: Select[int]) -> State:
    """Where one work stands."""
    return State(session.scalars(select(_state(licensed)).where(Work.id == work.id)).one())


def _state(licensed: Select[int]) -> ColumnElement[str]:
    return case(
        (Work.withdrawn_at.is_not(None), State.WITHDRAWN.value),
        (Work.contested_since.is_not(None), State.CONTESTED.value),
        (Work.id.in_(licensed), State.LICENSED.value),
        else_=State.RESERVED.value,
    )


def _matching(words: str) -> list[ColumnElement[bool]]:
    try:
        return [Work.public_id == parse_id("work", words.strip())]
    except InvalidInput:
        return [Work.title.icontains(word, autoescape=True) for word in words.split()[:10]]


def codes_to_draw(session: Session, work_ids: Collection[int]) -> dict[int, bytes]:
    """For each of these pictures 256 bits of its first file: the finer code, else the coarser."""
    query = (
        select(WorkVersion.work_id, StoredFingerprint.code)
        .join(StoredFingerprint, StoredFingerprint.version_id == WorkVersion.id)
        .where(
            WorkVersion.work_id.in_(work_ids),
            WorkVersion.number == 1,
            StoredFingerprint.kind == FULL,
            or_(StoredFingerprint.algorithm == PHASH256, StoredFingerprint.algorithm == DHASH256),
        )
        .order_by(StoredFingerprint.algorithm)  # dhash256 before phash256, which overwrites it
    )
    return {row.work_id: row.code for row in session.execute(query)}


# -- history ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Event:
    """Something that went on record about a work."""

    at: datetime
    what: str
    """`registered`, `version`, `completed`, `contested`, `shares`, `reservations` or `withdrawn`."""
    number: int = 0
    """Which version; how many shares or reservations."""


def events_of(session: Session, work: Work) -> list[Event]:
    """What was recorded about a work and when, oldest first."""
    events = [Event(work.created_at, "registered")]
    versions = select(WorkVersion.number, WorkVersion.created_at).where(
        WorkVersion.work_id == work.id, WorkVersion.number > 1
    )
    events += [Event(at, "version", number) for number, at in session.execute(versions)]
    completed = (
        select(WorkVersion.number, StoredFingerprint.made_at)
        .join(StoredFingerprint, StoredFingerprint.version_id == WorkVersion.id)
        .where(WorkVersion.work_id == work.id, StoredFingerprint.made_at > WorkVersion.created_at)
        .distinct()
    )
    events += [Event(at, "completed", number) for number, at in session.execute(completed)]
    for table, what in ((ShareRow, "shares"), (Reservation, "reservations")):
        changes = (
            select(table.recorded_at, func.count())
            .where(table.work_id == work.id, table.recorded_at > work.created_at)
            .group_by(table.recorded_at)
        )
        events += [Event(at, what, number) for at, number in session.execute(changes)]
    if work.contested_since is not None:
        events.append(Event(work.contested_since, "contested"))
    if work.withdrawn_at is not None:
        events.append(Event(work.withdrawn_at, "withdrawn"))
    return sorted(events, key=lambda event: event.at)
