"""Whose title is in doubt: a new registration against all earlier ones, within the transaction that records it.

The caller holds the log head (`registry.log`), under which alone works and versions are recorded. So whatever was
registered before is committed and seen here, by any number of processes: of two near-equal pictures that are sent at
the same moment one finds the other. Works that are `check-api-only` or `digest-only` take part like all others, with
the codes that the registry has of them.

The oldest title without a doubt decides. A contested one contests nobody: else a copy of a copy could be turned
against its maker.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from registry.base.bulk_insert import insert_many
from registry.core.fingerprints import MINHASH128, Fingerprint
from registry.core.matching import StoredRow, by_algorithm, lists_of
from registry.notices import service as notices
from registry.works.likeness import MATTER, Likeness, LikenessIndex
from registry.works.models import Contest, StoredFingerprint, Work, WorkVersion
from registry.works.rules import Content, Doubt, Registered, Rule, doubt_about

_CHUNK = 500
_PAGE = 20_000
_UNRECORDED = 1 << 62
"""Above the number of every version on record."""
_FIRST = 8
"""Of similar versions, so many are looked up at once: hardly ever are there more."""
_OWN = "registry.works: transaction that records works"


# -- what is known of earlier works -------------------------------------------------------------------------
@dataclass(slots=True)
class _Known:
    """The codes of all committed versions up to one, in this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    index: LikenessIndex = field(default_factory=LikenessIndex)
    last_version: int = 0


_known: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()
_known_lock = threading.Lock()


def read_ahead(session: Session) -> None:
    """Learn what was registered by others, before the log head is taken: the first time that may take long."""
    if session.info.get(_OWN) is not session.get_transaction():
        known = _known_to(session)
        with known.lock:
            _learn(session, known)


def _known_to(session: Session) -> _Known:
    engine = session.connection().engine
    with _known_lock:
        return _known.setdefault(engine, _Known())


def _learn(session: Session, known: _Known) -> None:
    """Add the versions that came since. Versions are recorded under the log head, so none comes late."""
    last = session.scalar(select(func.max(WorkVersion.id))) or 0
    _add(session, known.index, known.last_version, last)
    known.last_version = max(known.last_version, last)


def _add(session: Session, index: LikenessIndex, after: int, last: int) -> None:
    """Add the versions in (after, last]."""
    for start in range(after, last, _PAGE):
        query = _CODES.where(StoredFingerprint.version_id > start)
        query = query.where(StoredFingerprint.version_id <= min(start + _PAGE, last))
        rows = [tuple(row) for row in session.connection().execute(query)]
        index.add(lists_of(by_algorithm(cast("list[StoredRow]", rows))))


_CODES: Select[*tuple[Any, ...]] = select(
    StoredFingerprint.version_id,
    StoredFingerprint.version_id,
    StoredFingerprint.algorithm,
    StoredFingerprint.kind,
    StoredFingerprint.code,
    literal_column("0"),
).where(
    or_(
        *(
            (StoredFingerprint.algorithm == algorithm) & (StoredFingerprint.kind == kind)
            for algorithm, kind in sorted(MATTER)
        )
    )
)


# -- new registrations --------------------------------------------------------------------------------------
class NewTitles:
    """New registrations of one transaction, in their order, against all earlier works and against each other."""

    def __init__(self, session: Session, contents: Sequence[Content]) -> None:
        """The caller holds the log head and has recorded none of these."""
        self._session, self._contents = session, contents
        codes = [content.fingerprints for content in contents]
        self._similar = _search(session, codes)
        self._within = _within(codes)
        self._same_file = _same_files(session, [content.sha256 for content in contents])
        self._earlier = _registered(
            session, {one.version for found in self._similar for one in found[:_FIRST]}
        )
        self._taken: dict[int, Registered] = {}

    def doubt(self, n: int, owner_id: int) -> Doubt | None:
        """What puts the title of the n-th in doubt if this owner registers it.

        `Conflict` if it is the owner's own file, registered before.
        """
        return doubt_about(owner_id, self._candidates(n))

    def taken(self, n: int, public_id: bytes, owner_id: int, row: int, *, contested: bool) -> None:
        """The n-th is being recorded as this work, which has no private key (0) and no version yet."""
        work = Registered(0, public_id, owner_id, row, _UNRECORDED + n, contested)
        self._taken[n] = work
        self._same_file[self._contents[n].sha256].append(work)

    def _candidates(self, n: int) -> Iterator[Doubt]:
        for work in self._same_file[self._contents[n].sha256]:
            yield Doubt(work, Rule.SAME_FILE)
        yield from self._standing(self._similar[n])
        for one in self._within[n]:
            if one.version in self._taken:
                yield _doubt(self._taken[one.version], one)

    def _standing(self, similar: Sequence[Likeness]) -> Iterator[Doubt]:
        """From the oldest up to the first without a doubt: of a flood of copies no more is read."""
        for start in range(0, len(similar), _FIRST):
            part = similar[start : start + _FIRST]
            missing = {one.version for one in part} - self._earlier.keys()
            if missing:
                self._earlier |= _registered(self._session, missing)
            found = [
                _doubt(work, one) for one in part if (work := self._earlier.get(one.version)) is not None
            ]
            yield from found
            if not all(doubt.earlier.contested for doubt in found):
                return


def _search(session: Session, codes: Sequence[Sequence[Fingerprint]]) -> list[list[Likeness]]:
    """For each new version the registered ones in conflict with it, the oldest first, those of this transaction too."""
    known = _known_to(session)
    begun = session.get_transaction()
    with known.lock:
        if session.info.get(_OWN) is not begun:
            # So far it has recorded nothing: all that it sees is committed.
            _learn(session, known)
            session.info[_OWN] = begun
        found = known.index.search(codes)
        after = known.last_version
    last = session.scalar(select(func.max(WorkVersion.id))) or 0
    if last > after:
        own = LikenessIndex()
        _add(session, own, after, last)
        found = [old + new for old, new in zip(found, own.search(codes), strict=True)]
    return [_oldest_first(each) for each in found]


def _oldest_first(found: Sequence[Likeness]) -> list[Likeness]:
    """Each version once, as it is nearest."""
    nearest: dict[int, Likeness] = {}
    for one in sorted(found, key=lambda one: (one.version, one.distance, one.mirrored)):
        nearest.setdefault(one.version, one)
    return list(nearest.values())


def _within(codes: Sequence[Sequence[Fingerprint]]) -> list[list[Likeness]]:
    """For each of the new versions those before it that are in conflict with it, by their place."""
    if len(codes) == 1:
        return [[]]
    index = LikenessIndex()
    rows = [(n, n, f.algorithm, f.kind, f.code, 0) for n, each in enumerate(codes) for f in each]
    index.add(lists_of(by_algorithm([row for row in rows if row[2:4] in MATTER])))
    return [
        [one for one in _oldest_first(found) if one.version < n]
        for n, found in enumerate(index.search(codes))
    ]


def _same_files(session: Session, digests: Sequence[bytes]) -> dict[bytes, list[Registered]]:
    """Works that stand and have one of these files."""
    found: dict[bytes, list[Registered]] = defaultdict(list)
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), _CHUNK):
        query = _STANDING.where(WorkVersion.sha256.in_(wanted[start : start + _CHUNK]))
        for row in session.execute(query):
            found[row.sha256].append(_of(row))
    return found


def _registered(session: Session, versions: Collection[int]) -> dict[int, Registered]:
    """The works of these versions, by version; those that were withdrawn are missing."""
    wanted = sorted(versions)
    return {
        row.version: _of(row)
        for start in range(0, len(wanted), _CHUNK)
        for row in session.execute(_STANDING.where(WorkVersion.id.in_(wanted[start : start + _CHUNK])))
    }


_STANDING = (
    select(
        WorkVersion.sha256,
        WorkVersion.id.label("version"),
        Work.id,
        Work.public_id,
        Work.owner_id,
        Work.row,
        Work.contested_since,
    )
    .join(Work, Work.id == WorkVersion.work_id)
    .where(Work.withdrawn_at.is_(None))
)


def _of(row: Any) -> Registered:
    contested = row.contested_since is not None
    return Registered(row.id, row.public_id, row.owner_id, row.row, row.version, contested)


def _doubt(earlier: Registered, one: Likeness) -> Doubt:
    rule = Rule.NEAR_TEXT if one.algorithm == MINHASH128 else Rule.NEAR_PICTURE
    return Doubt(earlier, rule, one.distance, one.mirrored)


# -- on record ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class NewContest:
    """How the title of a work came to be in doubt; private keys."""

    work_id: int
    earlier_id: int
    rule: Rule
    distance: int = 0
    mirrored: bool = False


def found_by(doubt: Doubt, work_id: int, earlier_id: int | None = None) -> NewContest:
    """What a comparison found about this work; with the key of the earlier one if it had none then."""
    return NewContest(
        work_id, earlier_id or doubt.earlier.work_id, doubt.rule, doubt.distance, doubt.mirrored
    )


def contest(session: Session, work: Work, found: NewContest, now: datetime) -> None:
    """Put the title of a recorded work in doubt, unless it is already, or a person has looked at just that."""
    same = select(Contest.id).where(Contest.work_id == work.id, Contest.earlier_id == found.earlier_id)
    if work.contested_since is None and session.scalar(same) is None:
        record_contests(session, [found], now)
        session.refresh(work, ["contested_since", "contested_by"])


def record_contests(session: Session, found: Sequence[NewContest], now: datetime) -> None:
    """Put titles in doubt, and record how it came to that."""
    for one in found:
        values = {"contested_since": now, "contested_by": one.earlier_id}
        session.execute(update(Work).where(Work.id == one.work_id).values(values))
    columns = ("work_id", "earlier_id", "rule", "distance", "mirrored", "began_at")
    rows = [(c.work_id, c.earlier_id, c.rule.value, c.distance, c.mirrored, now) for c in found]
    insert_many(session, Contest, columns, rows)
    _tell_owners(session, found, now)


def _tell_owners(session: Session, found: Sequence[NewContest], now: datetime) -> None:
    """Each owner once, however many works are in conflict: of the newer side who is on both."""
    keys = sorted({key for one in found for key in (one.work_id, one.earlier_id)})
    owners: dict[int, int] = {}
    for start in range(0, len(keys), _CHUNK):
        query = select(Work.id, Work.owner_id).where(Work.id.in_(keys[start : start + _CHUNK]))
        owners.update((key, owner) for key, owner in session.execute(query))
    told = {owners[one.earlier_id]: {"newer": False} for one in found}
    notices.tell(
        session, notices.Kind.CONTESTED, told | {owners[one.work_id]: {"newer": True} for one in found}, now
    )
