"""The searchable state of one process, kept up with the registry change by change.

Three matchers. The *base* holds the codes of all works as of some change; it lies in files that the processes of a
machine share (`base_files`). The *recent* one holds those of the works that changed since then: a registration adds to
it without touching the base, whatever the registry's size. When it has grown to a tenth of the base, or something on
which others lean is gone, both are merged: by one process, whose new base the others take over. Addresses depend on
one another across works (`registry.domains`), are few, and have a matcher of their own, made anew with every change.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from registry.base.db import Database
from registry.checking.base_files import Base, BaseFiles, Lists, held
from registry.checking.layers import count_entries, merged, size
from registry.checking.phrases import (
    LEANED_ON,
    Layer,
    all_owners,
    counts_no_more,
    known_phrases,
    with_phrases_marked,
)
from registry.core.decisions import Terms
from registry.core.errors import NotReady, VorbehaltError
from registry.core.fingerprints import Fingerprint
from registry.core.ids import format_id
from registry.core.matching import (
    MIN_WORDS,
    NOBODY,
    Match,
    Matcher,
    by_algorithm,
    lists_of,
    with_common_marked,
)
from registry.domains import service as domains
from registry.licences import service as licences
from registry.log import service as log
from registry.works import service as works

LAG_SECONDS: Final = 60
"""How long an index may go without having been brought up to date, before its process is not ready any more."""

_PATIENCE_SECONDS = 2
_LEAST = 1_000
_SHARE = 10
_log = logging.getLogger("registry.checking")


@dataclass(frozen=True, slots=True)
class KnownWork:
    """A work that something matched: its name, and what anyone and one licensee may do with it."""

    id: int
    """Private key."""
    public_id: str
    public: Terms
    personal: Terms
    hidden: bool
    """Whether its maker shows it to the server only."""
    owner_id: int
    """Private key of its owner."""


@dataclass(frozen=True, slots=True)
class Index:
    """Everything on record at one change. Never changed; `known` only remembers what was read of that very state."""

    change_seq: int
    base: Base
    recent: Matcher
    recent_lists: Lists
    superseded: frozenset[int]
    """Rows of works whose codes are in `recent`, whatever the base says."""
    owners: Mapping[int, int]
    """Of those of them that changed, as `works.owners_by_row` has them."""
    addresses: Matcher
    known: dict[tuple[int | None, int], KnownWork] = field(default_factory=dict)
    """By private key of the licensee, and row of the work."""

    def match(
        self, items: Sequence[Sequence[Fingerprint]], min_words: int = MIN_WORDS
    ) -> list[tuple[Match, ...]]:
        """For each item its best match with each work, the surest and nearest first.

        `min_words`: of fewer words a passage is a trace, see `registry.core.matching.passages_search`.
        """
        layers = zip(
            self.base.matcher.match(items, min_words=min_words),
            self.recent.match(items, min_words=min_words),
            self.addresses.match(items),
            strict=True,
        )
        return [self._joined(old, new, places) for old, new, places in layers]

    def match_codes(self, algorithm: str, codes: NDArray[np.uint8]) -> dict[int, tuple[Match, ...]]:
        """The same for (N, w) codes, each an item; only items that match anything are in the answer, in their order."""
        old, new = self.base.matcher.match_codes(algorithm, codes), self.recent.match_codes(algorithm, codes)
        joined = {
            item: self._joined(old.get(item, ()), new.get(item, ()), ())
            for item in sorted(old.keys() | new.keys())
        }
        return {item: matches for item, matches in joined.items() if matches}

    def digests_beginning(self, algorithm: str, prefix: int, bits: int) -> list[tuple[bytes, int]]:
        """The digests of which the first bits are this number, each with the row of a work that has it."""
        old, new = (m.digests_beginning(algorithm, prefix, bits) for m in (self.base.matcher, self.recent))
        found = [pair for pair in zip(*old, strict=True) if int(pair[1]) not in self.superseded]
        return [(code.tobytes(), int(row)) for code, row in (*found, *zip(*new, strict=True))]

    def _joined(
        self, old: Sequence[Match], new: Sequence[Match], places: Sequence[Match]
    ) -> tuple[Match, ...]:
        if not new and not places and not self.superseded:
            return tuple(old)
        found = [m for m in old if m.work_row not in self.superseded]
        best: dict[int, Match] = {}
        for match in sorted([*found, *new, *places], key=lambda match: match.order):
            best.setdefault(match.work_row, match)
        return tuple(best.values())


class LiveIndex:
    """The index of one process; safe to share between threads."""

    def __init__(self, files: BaseFiles | None = None) -> None:
        """Without `files` the base is this process's own."""
        self._lock = threading.Lock()
        self._files = files
        self._index: Index | None = None
        self._seen = -math.inf
        self._following: threading.Thread | None = None

    def current(self, session: Session) -> tuple[Index, int]:
        """The index, and the last change up to which it holds what the registry held when this was asked.

        Usually nothing has changed since the last time, and then no transaction begins for it.
        """
        known = self._index
        if known is not None and log.newest_change_seq(session) == known.change_seq:
            self._seen = time.monotonic()
            return known, known.change_seq
        change_seq = log.current_change_seq(session)
        with self._lock:
            if self._index is None:
                self._index = self._first(session, change_seq)
            if self._index.change_seq < change_seq:
                self._index = self._next(session, self._index, change_seq)
            self._seen = time.monotonic()
            return self._index, change_seq

    def check_ready(self, database: Database) -> None:
        """Bring the index up to date; `NotReady` if there is none yet, or it has not kept up for `LAG_SECONDS`.

        Waits a moment only, so that whoever asks is told while a large one is still being made.
        """
        if self._following is None or not self._following.is_alive():
            self._following = threading.Thread(target=self._follow, args=(database,), daemon=True)
            self._following.start()
        self._following.join(_PATIENCE_SECONDS)
        if self._index is None:
            raise NotReady(
                "The index of checks is not there yet: it is being made, or cannot be; see the log."
            )
        if (behind := time.monotonic() - self._seen) > LAG_SECONDS:
            raise NotReady(f"The index of checks has not been brought up to date for {behind:.0f} seconds.")

    def _follow(self, database: Database) -> None:
        try:
            with database.reading() as session:
                self.current(session)
        except (VorbehaltError, SQLAlchemyError) as error:
            _log.error("the index of checks cannot be brought up to date: %s", error)

    def _first(self, session: Session, change_seq: int) -> Index:
        """The base that another process has made; else one from the database, for all."""
        if self._files is None:
            return _upon(session, held(session, change_seq, _all_lists(session)), change_seq)
        with self._files.alone(wait=True):
            base = self._files.newest(session)
            if base is None:
                base = self._files.kept(session, change_seq, _all_lists(session))
        return _upon(session, base, change_seq)

    def _next(self, session: Session, before: Index, change_seq: int) -> Index:
        """The index after some more changes."""
        after, is_due, must = _followed(session, before, change_seq)
        if not (is_due or must):
            return after
        if self._files is None:
            return _upon(session, held(session, change_seq, _merged_lists(session, after)), change_seq)
        with self._files.alone(wait=must) as is_alone:
            if not is_alone:
                return after
            base = self._files.newest(session, before.base.change_seq)
            if base is None:
                base = self._files.kept(session, change_seq, _merged_lists(session, after))
        made = _upon(session, base, change_seq)
        return made if made.change_seq >= change_seq else self._next(session, made, change_seq)


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
            work.row: KnownWork(
                key, format_id("work", work.public_id), *terms[key], work.hidden, work.owner_id
            )
            for key, work in standing.items()
        }
        found |= read
        if same and log.current_change_seq(session) == index.change_seq:
            index.known.update({(licensee, row): work for row, work in read.items()})
    return found


def _all_lists(session: Session) -> Lists:
    return with_common_marked(lists_of(works.stored_codes(session)), works.owners_by_row(session))


def _merged_lists(session: Session, index: Index) -> Lists:
    lists = merged(index.base.lists, index.superseded, index.recent_lists)
    return with_common_marked(lists, works.owners_by_row(session))


def _upon(session: Session, base: Base, change_seq: int) -> Index:
    """An index that has seen what its base has, but of addresses only what this transaction sees."""
    seen = min(base.change_seq, change_seq)
    return Index(seen, base, Matcher({}), {}, frozenset(), {}, _addresses(session))


def _followed(session: Session, before: Index, change_seq: int) -> tuple[Index, bool, bool]:
    """The index after some more changes upon the same base; whether a merge is due, and whether it must be."""
    changed = works.rows_changed_since(session, before.change_seq)
    fresh = lists_of(works.stored_codes(session, since=before.change_seq))
    owners = works.owners_of_rows(session, changed)
    must = _lost_codes(before, fresh, changed) or counts_no_more(
        before.base, before.recent_lists, before.owners, owners
    )
    owners = {**before.owners, **owners}
    superseded = before.superseded | changed
    layers = (
        Layer(before.base.lists, before.base.matcher, superseded),
        Layer(before.recent_lists, before.recent, changed),
    )
    known = known_phrases(before.base, before.recent_lists)
    owner_of = all_owners(before.base, owners)
    marked, altered = with_phrases_marked(fresh, layers, known, owner_of)
    recent = merged(before.recent_lists, changed | altered, marked)
    matcher = Matcher(recent, unpublished=owner_of == NOBODY)
    after = Index(change_seq, before.base, matcher, recent, superseded | altered, owners, _addresses(session))
    return after, size(recent) > max(_LEAST, size(before.base.lists) // _SHARE), must


def _addresses(session: Session) -> Matcher:
    return Matcher(lists_of(by_algorithm(list(domains.address_codes(session, public=False)))))


def _lost_codes(before: Index, fresh: Lists, changed: frozenset[int]) -> bool:
    """Whether a changed work has lost entries that decide about other works' too: nothing may lean on what is gone."""
    layers = (
        (before.base.lists, changed - before.superseded),
        (before.recent_lists, changed & before.superseded),
    )
    had = Counter[int]()
    for lists, rows in layers:
        leaned_on = count_entries({a: lists[a] for a in LEANED_ON if a in lists}, rows)
        had += count_entries(lists, frozenset(leaned_on))
    has = count_entries(fresh, frozenset(had))
    return any(count > has[row] for row, count in had.items())
