"""Whose title counts: for works in conflict, the one that a person found for, and by which decision in the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.works.models import Contest, TitleDecision, Work
from registry.works.queries import chunks

TitlePath = tuple[int, ...]
"""From a work in conflict to the one that a person found for, over others between them; private keys."""


def titles_in_conflict(session: Session, work_ids: Iterable[int]) -> dict[int, TitlePath]:
    """Those of these works whose title is contested now, with the path to the rightful one; private keys.

    It is empty while that is undecided: nobody has decided, or the title that was found for is contested itself.
    """
    found = _contested_by(session, work_ids)
    known, left = dict(found), set(found.values()) - {None}
    while left:
        more = _contested_by(session, (key for key in left if key is not None and key not in known))
        known |= more
        left = set(more.values()) - {None}
    return {key: _path(key, known) for key in found}


def _contested_by(session: Session, work_ids: Iterable[int]) -> dict[int, int | None]:
    """The contested ones, and the work that was found for, if a person has decided."""
    query = select(Work.id, Work.contested_by, Work.upheld_at).where(Work.contested_since.is_not(None))
    return {
        key: earlier if upheld_at is not None else None
        for chunk in chunks(work_ids)
        for key, earlier, upheld_at in session.execute(query.where(Work.id.in_(chunk)))
    }


def _path(key: int, contested_by: Mapping[int, int | None]) -> TitlePath:
    path = [key]
    while path[-1] in contested_by:
        earlier = contested_by[path[-1]]
        if earlier is None or earlier in path:
            return ()
        path.append(earlier)
    return tuple(path[1:])


def newest_decisions(session: Session, work_ids: Collection[int]) -> dict[int, int]:
    """The log index of the newest decision about each of these works, on either side of a conflict, if there is one."""
    found: dict[int, int] = defaultdict(int)
    for chunk in chunks(work_ids):
        for side in (Contest.work_id, Contest.earlier_id):
            query = (
                select(side, func.max(TitleDecision.log_index))
                .join(Contest, Contest.id == TitleDecision.contest_id)
                .where(side.in_(chunk))
                .group_by(side)
            )
            for key, index in session.execute(query):
                found[key] = max(found[key], int(index))
    return dict(found)
