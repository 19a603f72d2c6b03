"""Hints: weaker likenesses of works of different owners, recorded for the operator to look at, without any effect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from registry.base.bulk_insert import insert_many
from registry.core.fingerprints import Fingerprint
from registry.works.models import (
    Contest,
    HintReview,
    HintsLooked,
    LikenessHint,
    StoredFingerprint,
    Work,
    WorkVersion,
)

_ONLY = 1
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class NewHint:
    """That a newer work resembles another one; rows of the works table."""

    newer: int
    other: int
    algorithm: str
    variant: str
    grade: str
    distance: int


@dataclass(frozen=True, slots=True)
class SeenHint:
    """A hint on record, with the public ids of both works."""

    newer: bytes
    other: bytes
    algorithm: str
    variant: str
    grade: str
    distance: int
    found_at: datetime


def looked(session: Session) -> int:
    """Up to which change works were looked at."""
    return session.scalar(select(HintsLooked.change_seq).where(HintsLooked.id == _ONLY)) or 0


def codes_to_look_at(session: Session, limit: int) -> tuple[int, dict[int, list[list[Fingerprint]]]]:
    """The codes of the next works that changed, by row and version; and up to which change these are all."""
    since = looked(session)
    standing = select(Work.change_seq).where(Work.change_seq > since, Work.withdrawn_at.is_(None))
    changes = session.scalars(standing.order_by(Work.change_seq).limit(limit)).all()
    if not changes:
        return since, {}
    query = (
        select(
            Work.row,
            StoredFingerprint.version_id,
            StoredFingerprint.algorithm,
            StoredFingerprint.kind,
            StoredFingerprint.code,
        )
        .join(WorkVersion, WorkVersion.id == StoredFingerprint.version_id)
        .join(Work, Work.id == WorkVersion.work_id)
        .where(Work.change_seq > since, Work.change_seq <= changes[-1], Work.withdrawn_at.is_(None))
        .order_by(Work.row, StoredFingerprint.version_id, StoredFingerprint.id)
    )
    found: dict[int, dict[int, list[Fingerprint]]] = defaultdict(lambda: defaultdict(list))
    for row in session.execute(query):
        found[row.row][row.version_id].append(Fingerprint(row.algorithm, row.kind, row.code))
    return changes[-1], {row: list(versions.values()) for row, versions in found.items()}


def record_hints(session: Session, found: Sequence[NewHint], upto: int, now: datetime) -> int:
    """Record those about works of different owners that are neither in conflict nor on record; how many.

    `upto`: the works of all changes up to this one were looked at.
    """
    works = _works(session, {row for hint in found for row in (hint.newer, hint.other)})
    known = _known_pairs(session, {key for key, _ in works.values()})
    rows = []
    for hint in found:
        if hint.newer not in works or hint.other not in works:
            continue
        (newer, owner), (other, others_owner) = works[hint.newer], works[hint.other]
        pair = frozenset({newer, other})
        if owner != others_owner and pair not in known:
            known.add(pair)
            rows.append((newer, other, hint.algorithm, hint.variant, hint.grade, hint.distance, now))
    columns = ("work_id", "other_id", "algorithm", "variant", "grade", "distance", "found_at")
    insert_many(session, LikenessHint, columns, rows)
    session.merge(HintsLooked(id=_ONLY, change_seq=upto))
    session.flush()
    return len(rows)


def _works(session: Session, rows: Collection[int]) -> Mapping[int, tuple[int, int]]:
    """Private key and owner of works, by row."""
    wanted = sorted(rows)
    return {
        row.row: (row.id, row.owner_id)
        for start in range(0, len(wanted), _CHUNK)
        for row in session.execute(
            select(Work.row, Work.id, Work.owner_id).where(Work.row.in_(wanted[start : start + _CHUNK]))
        )
    }


def _known_pairs(session: Session, keys: Collection[int]) -> set[frozenset[int]]:
    """Pairs of works that a contest or a hint is about, as far as one of them is among these."""
    wanted, found = sorted(keys), set[frozenset[int]]()
    for one, other in ((Contest.work_id, Contest.earlier_id), (LikenessHint.work_id, LikenessHint.other_id)):
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            query = select(one, other).where(or_(one.in_(part), other.in_(part)))
            found |= {frozenset(pair) for pair in session.execute(query)}
    return found


def hint_between(session: Session, newer: bytes, other: bytes) -> LikenessHint | None:
    """The hint that one work (public id) resembles another."""
    first, second = aliased(Work), aliased(Work)
    query = (
        select(LikenessHint)
        .join(first, first.id == LikenessHint.work_id)
        .join(second, second.id == LikenessHint.other_id)
        .where(first.public_id == newer, second.public_id == other)
    )
    return session.scalar(query)


def hints(session: Session, limit: int, *, dismissed: bool = False) -> list[SeenHint]:
    """The newest hints that are open first; or those that a person has put aside."""
    newer, other = aliased(Work), aliased(Work)
    last = select(HintReview.act).where(HintReview.hint_id == LikenessHint.id).order_by(HintReview.id.desc())
    aside = func.coalesce(last.limit(1).scalar_subquery(), "") == "dismiss"
    query = (
        select(LikenessHint, newer.public_id, other.public_id)
        .join(newer, newer.id == LikenessHint.work_id)
        .join(other, other.id == LikenessHint.other_id)
        .where(aside if dismissed else ~aside)
        .order_by(LikenessHint.id.desc())
        .limit(limit)
    )
    return [
        SeenHint(mine, theirs, h.algorithm, h.variant, h.grade, h.distance, h.found_at)
        for h, mine, theirs in session.execute(query)
    ]
