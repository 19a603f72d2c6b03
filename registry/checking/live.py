"""The searchable state of one process, kept up with the registry change by change.

Three matchers. The *base* holds the codes of all works as of some change. The *recent* one holds those of the works
that changed since then: a registration adds to it without touching the base, whatever the registry's size. When it
has grown to a tenth of the base, or a work has lost codes, both are merged. Addresses depend on one another across
works (`registry.domains`), are few, and have a matcher of their own, made anew with every change.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from registry.core.decisions import Terms
from registry.core.fingerprints import Fingerprint
from registry.core.ids import format_id
from registry.core.matching import ListColumns, Match, Matcher, by_algorithm, lists_of, with_common_marked
from registry.domains import service as domains
from registry.licences import service as licences
from registry.log import service as log
from registry.works import service as works

Lists = Mapping[str, ListColumns]

_LEAST = 1_000
_SHARE = 10


@dataclass(frozen=True, slots=True)
class KnownWork:
    """A work that something matched: its name, and what anyone and one licensee may do with it."""

    public_id: str
    public: Terms
    personal: Terms


@dataclass(frozen=True, slots=True)
class Index:
    """Everything on record at one change. Never changed; `known` only remembers what was read of that very state."""

    change_seq: int
    base: Matcher
    base_lists: Lists
    recent: Matcher
    recent_lists: Lists
    superseded: frozenset[int]
    """Rows of works whose codes are in `recent`, whatever the base says."""
    addresses: Matcher
    known: dict[tuple[int | None, int], KnownWork] = field(default_factory=dict)
    """By private key of the licensee, and row of the work."""

    def match(self, items: Sequence[Sequence[Fingerprint]]) -> list[tuple[Match, ...]]:
        """For each item its best match with each work, the surest and nearest first."""
        layers = zip(
            self.base.match(items), self.recent.match(items), self.addresses.match(items), strict=True
        )
        return [self._joined(old, new, places) for old, new, places in layers]

    def match_codes(self, algorithm: str, codes: NDArray[np.uint8]) -> dict[int, tuple[Match, ...]]:
        """The same for (N, w) codes, each an item; only items that match anything are in the answer, in their order."""
        old, new = self.base.match_codes(algorithm, codes), self.recent.match_codes(algorithm, codes)
        joined = {
            item: self._joined(old.get(item, ()), new.get(item, ()), ())
            for item in sorted(old.keys() | new.keys())
        }
        return {item: matches for item, matches in joined.items() if matches}

    def _joined(
        self, old: Sequence[Match], new: Sequence[Match], places: Sequence[Match]
    ) -> tuple[Match, ...]:
        if not new and not places and not self.superseded:
            return tuple(old)
        found = [m for m in old if m.work_row not in self.superseded]
        best: dict[int, Match] = {}
        for match in sorted([*found, *new, *places], key=_order):
            best.setdefault(match.work_row, match)
        return tuple(best.values())


def _order(match: Match) -> tuple[int, bool, int, int]:
    """As the matcher orders: of equal grades, what was recognised goes before where it was found."""
    return -match.grade, match.by_address, match.distance, match.work_row


class LiveIndex:
    """The index of one process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index: Index | None = None

    def current(self, session: Session) -> tuple[Index, int]:
        """The index of at least this transaction's state, and the last change that the transaction sees."""
        change_seq = log.current_change_seq(session)
        with self._lock:
            if self._index is None:
                self._index = _first(session, change_seq)
            elif self._index.change_seq < change_seq:
                self._index = _next(session, self._index, change_seq)
            return self._index, change_seq


def known_works(
    session: Session,
    index: Index,
    change_seq: int,
    rows: Collection[int],
    licensee: int | None,
    now: datetime,
) -> dict[int, KnownWork]:
    """Names and terms of matched works, by row. A work that this transaction does not see yet is missing.

    They are read once for each change. Terms name their own times, so what is remembered does not age.
    """
    same = index.change_seq == change_seq
    found = {row: index.known[licensee, row] for row in rows if same and (licensee, row) in index.known}
    missing = [row for row in rows if row not in found]
    if missing:
        standing = works.standing_by_row(session, missing)
        terms = licences.terms_of_works(session, standing, licensee, now)
        read = {
            work.row: KnownWork(format_id("work", work.public_id), *terms[key])
            for key, work in standing.items()
        }
        found |= read
        if same:
            index.known.update({(licensee, row): work for row, work in read.items()})
    return found


def _first(session: Session, change_seq: int) -> Index:
    lists = with_common_marked(lists_of(works.stored_codes(session)), works.owners_by_row(session))
    return _index(change_seq, Matcher(lists), lists, {}, frozenset(), _addresses(session))


def _next(session: Session, before: Index, change_seq: int) -> Index:
    """The index after some more changes."""
    changed = works.rows_changed_since(session, before.change_seq)
    superseded = before.superseded | changed
    fresh = lists_of(works.stored_codes(session, since=before.change_seq))
    recent = merged(before.recent_lists, changed, fresh)
    if _lost_codes(before, fresh, changed) or _size(recent) > max(_LEAST, _size(before.base_lists) // _SHARE):
        base = merged(before.base_lists, superseded, recent)
        return _index(change_seq, Matcher(base), base, {}, frozenset(), _addresses(session))
    return _index(change_seq, before.base, before.base_lists, recent, superseded, _addresses(session))


def _index(
    change_seq: int,
    base: Matcher,
    base_lists: Lists,
    recent: Lists,
    superseded: frozenset[int],
    addresses: Matcher,
) -> Index:
    return Index(change_seq, base, base_lists, Matcher(recent), recent, superseded, addresses)


def _addresses(session: Session) -> Matcher:
    return Matcher(lists_of(by_algorithm(list(domains.address_codes(session, public=False)))))


def merged(old: Lists, superseded: frozenset[int], new: Lists) -> dict[str, ListColumns]:
    """The old entries but those of superseded works, and the new ones."""
    gone = np.fromiter(superseded, np.uint32, len(superseded))
    found = {}
    for algorithm in old.keys() | new.keys():
        parts = []
        if algorithm in old:
            kept = ~np.isin(old[algorithm].work_rows, gone)
            parts.append(_picked(old[algorithm], kept))
        if algorithm in new:
            parts.append(new[algorithm])
        found[algorithm] = ListColumns(
            codes=np.concatenate([p.codes for p in parts]),
            work_rows=np.concatenate([p.work_rows for p in parts]),
            kinds=np.concatenate([p.kinds for p in parts]),
            aux=np.concatenate([p.aux for p in parts]),
        )
    return found


def _picked(columns: ListColumns, kept: NDArray[np.bool_]) -> ListColumns:
    return ListColumns(columns.codes[kept], columns.work_rows[kept], columns.kinds[kept], columns.aux[kept])


def _size(lists: Lists) -> int:
    return sum(len(columns) for columns in lists.values())


def _lost_codes(before: Index, fresh: Lists, changed: frozenset[int]) -> bool:
    """Whether one of the changed works has fewer entries than it had: nothing may lean on what is gone."""
    had = _entries(before.base_lists, changed - before.superseded)
    had += _entries(before.recent_lists, changed & before.superseded)
    has = _entries(fresh, changed)
    return any(count > has[row] for row, count in had.items())


def _entries(lists: Lists, rows: frozenset[int]) -> Counter[int]:
    """How many entries each of these works has."""
    wanted, found = np.fromiter(rows, np.uint32, len(rows)), Counter[int]()
    for columns in lists.values():
        own, counts = np.unique(columns.work_rows[np.isin(columns.work_rows, wanted)], return_counts=True)
        found.update(dict(zip(own.tolist(), counts.tolist(), strict=True)))
    return found
