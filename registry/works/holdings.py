"""Shares and reservations: facts with a history. A change closes rows and adds new ones; nothing is overwritten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import check_period, whole_second
from registry.core.decisions import Purpose
from registry.core.decisions.terms import WORLD
from registry.core.errors import InvalidInput
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May
from registry.works import access
from registry.works.models import History, Reservation, ShareRow, Work
from registry.works.shares import WHOLE, Right, Share, check_shares, ends_by, in_place, replan

H = TypeVar("H", bound=History)
_MAX_LINES = 1_000
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class NewShare:
    """A share as it is stated: from now on and without end, unless it says otherwise."""

    party: bytes
    """Public id."""
    ppm: int
    right: Right = Right.REPRODUCTION
    territory: str = WORLD
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewReservation:
    """An explicit denial as it is stated: from now on and without end, unless it says otherwise."""

    purpose: Purpose
    valid_from: datetime | None = None
    valid_to: datetime | None = None


def recorded(table: type[History], as_of: datetime) -> ColumnElement[bool]:
    """The rows that the registry held for true at that moment."""
    return (table.recorded_at <= as_of) & or_(table.superseded_at.is_(None), table.superseded_at > as_of)


# -- shares -------------------------------------------------------------------------------------------------
def record_initial_shares(
    session: Session, work: Work, stated: Sequence[NewShare], acting: Actor, now: datetime
) -> None:
    """The shares of a new work; if none are stated, every right belongs to the owner."""
    if stated:
        shares = _read_shares(session, stated, now)
    else:
        shares = tuple(Share(work.owner_id, right, WORLD, now, None, WHOLE) for right in Right)
    check_shares(shares)
    session.add_all(share_row(work, share, acting, now) for share in shares)
    session.flush()


def set_shares(
    session: Session, actor: Actor, work_id: bytes, stated: Sequence[NewShare], sources: Sources
) -> Work:
    """Replace all shares from the first moment that is stated, now or later.

    What was held before stays as it was: money for past use goes to those who held the right then.
    """
    if not stated:
        raise InvalidInput("State at least one share: somebody holds the rights in a work.")
    now = whole_second(sources.now())
    work, acting = access.work_for(session, actor, work_id, May.REGISTER, now)
    work.change_seq = log.next_change_seq(session)
    wanted = _read_shares(session, stated, now)
    current = shares_now(session, work, now)
    since = min(share.valid_from for share in wanted)
    check_shares(replan([_share(row) for row in current], wanted), since)
    for row in current:
        if not ends_by(_share(row), since):
            end_row(session, row, since, acting, now)
    session.add_all(share_row(work, share, acting, now) for share in wanted)
    session.flush()
    return work


def shares_now(session: Session, work: Work, now: datetime) -> list[ShareRow]:
    """All shares on record, past and future ones too, in order of right, territory, start and party."""
    query = (
        select(ShareRow)
        .where(ShareRow.work_id == work.id, recorded(ShareRow, now))
        .order_by(ShareRow.right, ShareRow.territory, ShareRow.valid_from, ShareRow.party_id)
    )
    return list(session.scalars(query))


def shares_of(
    session: Session,
    work_ids: Collection[int],
    right: Right | str,
    territory: str,
    at: datetime,
    as_of: datetime | None = None,
) -> dict[int, list[tuple[int, int]]]:
    """Who held this right in these works there and then: work -> [(party, ppm)], private keys.

    `as_of` asks for what was on record at another time than `at`, so that an old distribution can be recomputed.
    A work without holders is missing from the answer.
    """
    right = Right(right)
    found: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    wanted = sorted(set(work_ids))
    columns = select(ShareRow.work_id, ShareRow.territory, ShareRow.party_id, ShareRow.ppm)
    for start in range(0, len(wanted), _CHUNK):
        query = columns.where(
            ShareRow.work_id.in_(wanted[start : start + _CHUNK]),
            ShareRow.right == right.value,
            ShareRow.territory.in_({territory, WORLD}),
            ShareRow.valid_from <= at,
            or_(ShareRow.valid_to.is_(None), ShareRow.valid_to > at),
            recorded(ShareRow, as_of or at),
        )
        for work_id, place, party_id, ppm in session.execute(query):
            found[work_id].append((place, party_id, ppm))
    return {work_id: list(in_place(found[work_id], territory)) for work_id in sorted(found)}


def _read_shares(session: Session, stated: Sequence[NewShare], now: datetime) -> tuple[Share, ...]:
    if len(stated) > _MAX_LINES:
        raise InvalidInput(f"A work has at most {_MAX_LINES:,} shares at a time; these are {len(stated):,}.")
    return tuple(
        Share(
            parties.party_by_public_id(session, line.party).id,
            line.right,
            line.territory,
            *check_period(line.valid_from, line.valid_to, now),
            line.ppm,
        )
        for line in stated
    )


def _share(row: ShareRow) -> Share:
    return Share(row.party_id, Right(row.right), row.territory, row.valid_from, row.valid_to, row.ppm)


def share_row(work: Work, share: Share, acting: Actor, now: datetime) -> ShareRow:
    """The share as it is recorded now."""
    return ShareRow(
        work_id=work.id,
        party_id=share.party_id,
        right=share.right.value,
        territory=share.territory,
        ppm=share.ppm,
        valid_from=share.valid_from,
        valid_to=share.valid_to,
        recorded_at=now,
        recorded_by=acting.party_id,
    )


# -- reservations -------------------------------------------------------------------------------------------
def set_reservations(
    session: Session, actor: Actor, work_id: bytes, stated: Iterable[NewReservation], sources: Sources
) -> Work:
    """Replace what is explicitly denied from now on; an empty list leaves only the rule that nothing is granted.

    A reservation that stays is left as it is, so that it goes back to when it was first made.
    """
    now = whole_second(sources.now())
    work, acting = access.work_for(session, actor, work_id, May.REGISTER, now)
    work.change_seq = log.next_change_seq(session)
    wanted = {(r.purpose.value, *check_period(r.valid_from, r.valid_to, now)) for r in stated}
    for row in reservations_now(session, work, now):
        if row.valid_to is not None and row.valid_to <= now:
            continue
        same = (row.purpose, max(row.valid_from, now), row.valid_to)
        if same in wanted:
            wanted.remove(same)
        else:
            end_row(session, row, now, acting, now)
    session.add_all(
        Reservation(
            work_id=work.id,
            purpose=purpose,
            valid_from=start,
            valid_to=end,
            recorded_at=now,
            recorded_by=acting.party_id,
        )
        for purpose, start, end in wanted
    )
    session.flush()
    return work


def reservations_now(session: Session, work: Work, now: datetime) -> list[Reservation]:
    """All reservations on record, past and future ones too, in order of purpose and start."""
    query = (
        select(Reservation)
        .where(Reservation.work_id == work.id, recorded(Reservation, now))
        .order_by(Reservation.purpose, Reservation.valid_from, Reservation.id)
    )
    return list(session.scalars(query))


# -- history ------------------------------------------------------------------------------------------------
def end_row(session: Session, row: History, since: datetime, acting: Actor, now: datetime) -> None:
    """Close the row, and record what of it still stands: that it held until `since`."""
    row.superseded_at = now
    if row.valid_from < since:
        columns = [c.key for c in type(row).__table__.columns if c.key != "id"]  # type: ignore[attr-defined]
        copy = type(row)(**{key: getattr(row, key) for key in columns})
        copy.valid_to, copy.recorded_at, copy.recorded_by = since, now, acting.party_id
        copy.superseded_at = None
        session.add(copy)
