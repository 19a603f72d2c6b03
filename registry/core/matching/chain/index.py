"""The index that others use: tables in memory or in a folder, what was added since, what was taken out.

Files are mapped into memory as they are and shared by all processes that have the index open. A process keeps the
state that it opened, also when another one goes on (see `folder`).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import ChangedMeanwhile, Corrupt, InvalidInput
from registry.core.matching import storage
from registry.core.matching.chain import folder as folders
from registry.core.matching.chain.build import build
from registry.core.matching.chain.costs import LOADING, Way, estimate
from registry.core.matching.chain.folder import Current, Part
from registry.core.matching.chain.search import codes_of, search
from registry.core.matching.chain.tables import LAYOUTS, NAMES, WIDE, Layout, Stored, assemble
from registry.core.matching.codes import BITS, CODE_BYTES, CodeIndex, as_words
from registry.core.matching.hits import MAX_ROWS, Hits

Codes = NDArray[np.uint8]
Words = NDArray[np.uint64]

_CHANGES_FORMAT: Final = "vorbehalt-chain-changes-v1"

_DELTA: Final = 1 << 17
"""Codes that may be added before the tables are built anew: brute force takes 10 microseconds a query for them ..."""
_DELTA_SHARE: Final = 32
"""... or so small a part of the tables' entries, so that adding stays cheap however large they are."""
_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _State:
    """What a search sees; replaced as a whole."""

    base: Stored
    codes: CodeIndex | None
    """The codes of the tables for brute force, if at hand."""
    delta: Codes
    """(D, 32) codes of the rows after those of the tables."""
    gone: NDArray[np.bool_] | None
    """(rows,) true where a row is taken out."""
    current: Current | None
    """Where it lies, if in a folder."""

    @property
    def rows(self) -> int:
        return self.base.tables.rows + len(self.delta)


class ChainIndex:
    """All of N codes within a radius of each of Q queries; exact, whatever the radius.

    Rows are numbered in the order in which codes came and keep their numbers. Any number of threads may search, one
    at a time may change.
    """

    width = CODE_BYTES

    def __init__(self, state: _State, folder: Path | None) -> None:
        """By `build` or `open`."""
        self._state = state
        self._folder = folder
        self.threads = 1
        """How many a large batch may take. More than one where nobody else uses the other processors."""

    @classmethod
    def build(cls, codes: Codes, folder: Path | None = None, *, layout: Layout = WIDE) -> ChainIndex:
        """Tables over (N, 32) codes, in memory or in a folder, which appears complete or not at all.

        In a folder that has an index already, that one stays and is opened. `OSError` if it cannot be written to.
        """
        words = as_words(codes, "codes")
        if folder is None:
            state = _State(build(words, layout=layout), CodeIndex(codes), _no_codes(), None, None)
            return cls(state, None)
        with folders.alone(folder):
            if not folders.exists(folder):
                base = _write_base(folder, 1, words, None, layout)
                folders.point(folder, Current(base, None))
        return cls.open(folder, codes=codes, verify=False)

    @classmethod
    def open(cls, folder: Path, *, codes: Codes | None = None, verify: bool = True) -> ChainIndex:
        """Map what lies in a folder; `Corrupt` if it is damaged or was not built from `codes`, if they are given.

        `verify=False` skips the digests of all files (a second for 10 million codes), for further processes after
        one has checked. With `codes` at hand brute force is an option, which it is for few codes and large radii.
        """
        for _ in range(5):
            current = folders.read(folder)
            try:
                return cls(_opened(folder, current, codes, verify=verify), folder)
            except Corrupt:
                if folders.read(folder) == current:
                    raise  # else another process has replaced and deleted what this one was about to open
        raise Corrupt(f"The index {folder} changes faster than it can be opened.")

    def __len__(self) -> int:
        """Rows, also those that are gone."""
        return self._state.rows

    @property
    def bytes(self) -> int:
        """Size of the tables, which hold the codes themselves too, and of what was added."""
        return self._state.base.bytes + self._state.delta.nbytes

    def search(self, queries: Codes, radius: int, *, family: int = 1, way: Way | None = None) -> Hits:
        """All (query, row) at most `radius` (0 to 256) bits apart; `queries` is (Q, 32).

        The answer is the same whatever the `family` and the `way`. Every `family` queries in a row are said to be
        variants of one picture, of which quarters may be alike. The way is chosen by its cost if not given (`costs`).
        """
        if not 0 <= radius <= BITS:
            raise InvalidInput(f"A radius lies between 0 and {BITS} bits, not at {radius}.")
        words, state = as_words(queries, "queries"), self._state
        hits = _search_base(state, words, radius, family, self.threads, way)
        if len(state.delta):
            hits = Hits.joined((hits, _search_delta(state, words.view(np.uint8), radius)))
        if state.gone is None:
            return hits
        keep = ~state.gone[hits.row]
        return Hits(hits.query[keep], hits.row[keep], hits.distance[keep])

    def append(self, codes: Codes) -> range:
        """Add codes behind the others and return their rows; now and then this builds the tables anew."""
        as_words(codes, "codes")
        with self._changing():
            state = self._state
            if state.rows + len(codes) >= MAX_ROWS:
                raise InvalidInput("An index holds fewer than 2^32 codes; cut the list into shards.")
            gone = state.gone
            if gone is not None:
                gone = np.concatenate((gone, np.zeros(len(codes), np.bool_)))
            delta = np.concatenate((state.delta, codes))
            self._change(replace(state, delta=delta, gone=gone))
            if len(delta) > max(_DELTA, state.base.tables.entries // _DELTA_SHARE):
                self._merge()
        return range(state.rows, state.rows + len(codes))

    def remove(self, rows: NDArray[np.integer[Any]]) -> None:
        """Take rows out; their numbers are not used again. `InvalidInput` if there is no such row."""
        with self._changing():
            state = self._state
            if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= state.rows):
                raise InvalidInput(f"The index has rows 0 to {state.rows - 1}.")
            gone = np.zeros(state.rows, np.bool_) if state.gone is None else state.gone.copy()
            gone[rows] = True
            self._change(replace(state, gone=gone))

    def merge(self) -> None:
        """Build the tables anew, with what was added and without what is gone; costs as much as `build`."""
        with self._changing():
            self._merge()

    def _merge(self) -> None:
        state = self._state
        words, live = np.zeros((state.rows, 4), np.uint64), np.zeros(state.rows, np.bool_)
        codes, rows = codes_of(state.base)
        words[rows], live[rows] = codes, True
        twin_of, twin = state.base.twin_of, state.base.twin
        words[twin], live[twin] = words[twin_of], True
        words[state.base.tables.rows :], live[state.base.tables.rows :] = as_words(state.delta, "delta"), True
        if state.gone is not None:
            live &= ~state.gone
        del codes, rows
        layout = state.base.layout
        if self._folder is None:
            at_hand = CodeIndex(words.view(np.uint8)) if state.codes is not None else None
            merged = build(words, live=live, layout=layout)
            self._state = _State(merged, at_hand, _no_codes(), ~live, None)
            return
        assert state.current is not None
        base = _write_base(self._folder, state.current.base.number + 1, words, live, layout)
        current = Current(base, self._write_changes(_no_codes(), ~live))
        folders.point(self._folder, current)
        self._state = _opened(self._folder, current, None, verify=False)
        folders.tidy(self._folder)

    def _change(self, state: _State) -> None:
        """Make a new state with the same tables the current one, on disk first."""
        if self._folder is not None:
            assert state.current is not None
            current = replace(state.current, changes=self._write_changes(state.delta, state.gone))
            folders.point(self._folder, current)
            state = replace(state, current=current)
            folders.tidy(self._folder)
        self._state = state

    def _write_changes(self, delta: Codes, gone: NDArray[np.bool_] | None) -> Part:
        assert self._folder is not None
        assert self._state.current is not None
        last = self._state.current.changes
        number = last.number + 1 if last else 1
        place = self._folder / f"{folders.CHANGES}-{number}"
        shutil.rmtree(place, ignore_errors=True)  # of a process that died before it said so
        packed = np.empty(0, np.uint8) if gone is None else np.packbits(gone)
        storage.write(place, _CHANGES_FORMAT, "", {"delta": delta, "gone": packed})
        return folders.sealed(self._folder, folders.CHANGES, number)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone among processes, and on top of what this process has seen; else `ChangedMeanwhile`."""
        if self._folder is None:
            yield
            return
        with folders.alone(self._folder):
            if folders.read(self._folder) != self._state.current:
                raise ChangedMeanwhile(
                    f"Another process has changed the index {self._folder}; open it again."
                )
            yield


def _search_base(
    state: _State, queries: Words, radius: int, family: int, threads: int, way: Way | None
) -> Hits:
    """The hits in the tables' rows; rows that are gone may be among them."""
    if not state.base.tables.entries or not len(queries):
        return Hits.none()
    chosen = way or _cheapest(state, len(queries), radius, family)
    if chosen == "brute" and state.codes is not None:
        return state.codes.search(queries.view(np.uint8), radius)
    return search(state.base, queries, radius, chosen, family, threads)


def _cheapest(state: _State, queries: int, radius: int, family: int) -> Way:
    at_hand, entries = state.codes is not None, state.base.tables.entries
    estimated = estimate(state.base.layout, entries, queries, radius, family, codes_at_hand=at_hand)
    if estimated.saved <= 0 or (at_hand and not LOADING.compiled_pays(int(estimated.saved))):
        return "brute"
    return estimated.by_tables


def _search_delta(state: _State, queries: Codes, radius: int) -> Hits:
    hits = CodeIndex(state.delta).search(queries, radius)
    return Hits(hits.query, hits.row + np.uint32(state.base.tables.rows), hits.distance)


def _no_codes() -> Codes:
    return np.empty((0, CODE_BYTES), np.uint8)


def _write_base(
    folder: Path, number: int, words: Words, live: NDArray[np.bool_] | None, layout: Layout
) -> Part:
    place, facts = folder / f"{folders.BASE}-{number}", dict[str, int]()
    shutil.rmtree(place, ignore_errors=True)  # of a process that died before it said so
    with storage.building(place, folders.FORMAT, _source(words), facts) as create:
        stored = build(words, live=live, layout=layout, create=create)
        facts |= {"ring": layout.ring, "entries": stored.tables.entries, "rows": len(words)}
    return folders.sealed(folder, folders.BASE, number)


def _opened(folder: Path, current: Current, codes: Codes | None, *, verify: bool) -> _State:
    """The state that a folder has."""
    for part in (current.base, current.changes):
        if verify and part is not None and storage.seal(folder / part.name) != part.seal:
            raise folders.damaged(folder, f"has a damaged manifest in {part.name}")
    base, at_hand = folder / current.base.name, None if codes is None else CodeIndex(codes)
    source = _source(as_words(codes, "codes")) if verify and codes is not None else None
    arrays = storage.read(base, folders.FORMAT, source, NAMES, verify=verify)
    ring, entries, rows = (storage.fact(base, name) for name in ("ring", "entries", "rows"))
    layouts = {layout.ring: layout for layout in LAYOUTS.values()}
    if ring not in layouts or not 0 <= entries <= rows < MAX_ROWS:
        raise folders.damaged(folder, "has an unknown layout or size")
    if codes is not None and len(codes) != rows:
        raise folders.damaged(folder, f"was built from {rows} codes, not {len(codes)}")
    stored, delta, gone = assemble(layouts[ring], entries, rows, arrays), _no_codes(), None
    if current.changes is not None:
        place = folder / current.changes.name
        changes = storage.read(place, _CHANGES_FORMAT, None, ("delta", "gone"), verify=verify)
        delta, gone = _checked_changes(folder, changes, rows)
    return _State(stored, at_hand, delta, gone, current)


def _checked_changes(
    folder: Path, arrays: storage.Arrays, rows: int
) -> tuple[Codes, NDArray[np.bool_] | None]:
    delta, packed = arrays["delta"], arrays["gone"]
    fits = delta.dtype == np.uint8 and delta.ndim == 2 and delta.shape[1] == CODE_BYTES
    rows += len(delta)
    if not fits or packed.dtype != np.uint8 or packed.shape not in {(0,), (-(-rows // 8),)}:
        raise folders.damaged(folder, "has changes that do not fit its tables")
    return delta, np.unpackbits(packed, count=rows).view(np.bool_) if len(packed) else None


def _source(words: Words) -> str:
    """Digest of the codes that tables were built from."""
    digest = hashlib.sha256()
    for begin in range(0, len(words), _AT_ONCE):
        digest.update(np.ascontiguousarray(words[begin : begin + _AT_ONCE]).data)
    return digest.hexdigest()
