"""Which registered pictures and texts are so like a new one that two titles are in conflict.

Whether a title is in doubt must not depend on when a background task ran: it is decided in the transaction that
registers, which holds the log head, so that every earlier registration is committed and seen. Each process keeps the
codes that matter, 44 bytes a picture and about 700 a text, reads at each registration only what came since, and
compares with all of them.

| | in conflict |
|---|---|
| pictures | phash256 of the full frame <= 31 bits apart, plain or mirrored; <= 47 if dhash256 agrees, too |
| texts | >= 103 of the 128 values of minhash128 equal |

No such pair is missed: pictures are compared one by one, and 25 differing values cannot lie in all 32 bands of a text.
Everything weaker (trimmed frames, anchors, symmetric pictures) is a hint for the operator at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import (
    DHASH256,
    FULL,
    MINHASH128,
    PHASH256,
    WHOLE,
    Fingerprint,
    from_lean,
)
from registry.core.fingerprints.algorithms import LEAN_HEADER
from registry.core.matching import KIND_CODES, BandIndex, CodeIndex, Hits, ListColumns, dihedral
from registry.core.matching.grades import outlines_agree
from registry.core.matching.outlines import samples

ALONE: Final = 31
"""Bits of phash256 up to which two full frames are in conflict whatever else differs."""
SECONDED: Final = 47
TEXT_VALUES: Final = 128 - 103
"""Values of minhash128 that may differ."""
_CHANGES: Final = ("identity", "flip_h")
MATTER: Final = frozenset({(PHASH256, FULL), (DHASH256, FULL), (MINHASH128, WHOLE)})
"""Algorithm and kind of the codes that are compared: of a picture's full frame, and of the whole of a text."""
_UNSORTED = 2_000
"""Texts that are compared one by one before they are sorted into bands ..."""
_UNSORTED_SHARE = 64
"""... or one in so many."""

T = TypeVar("T", np.uint8, np.uint32, np.uint64)


@dataclass(frozen=True, slots=True)
class Likeness:
    """A registered version that is in conflict with a new one, by what it was found and how near."""

    version: int
    algorithm: str
    distance: int
    mirrored: bool = False


class _Column(Generic[T]):
    """An array that grows at its end; what is there never moves within it."""

    def __init__(self, dtype: type[T], width: int | None = None) -> None:
        shape = (1_024,) if width is None else (1_024, width)
        self._room: NDArray[T] = np.empty(shape, dtype)
        self._used = 0

    def add(self, values: NDArray[T]) -> None:
        end = self._used + len(values)
        if end > len(self._room):
            room = np.empty((max(end, 2 * len(self._room)), *self._room.shape[1:]), self._room.dtype)
            room[: self._used] = self.values
            self._room = room
        self._room[self._used : end] = values
        self._used = end

    @property
    def values(self) -> NDArray[T]:
        return self._room[: self._used]


class LikenessIndex:
    """Codes of versions; only ever added to. One thread at a time."""

    def __init__(self) -> None:
        self._codes = _Column(np.uint8, 32)
        self._outlines = _Column(np.uint64)
        self._pictures = _Column(np.uint32)
        self._signatures = _Column(np.uint32, 128)
        self._texts = _Column(np.uint32)
        self._bands: BandIndex | None = None

    def add(self, lists: Mapping[str, ListColumns]) -> None:
        """The codes of further versions, as lists are made of them, with the versions in place of works' rows."""
        if PHASH256 in lists:
            columns = lists[PHASH256]
            whole = columns.kinds == KIND_CODES[FULL]
            self._codes.add(columns.codes[whole])
            self._outlines.add(columns.aux[whole])
            self._pictures.add(columns.work_rows[whole])
        if MINHASH128 in lists:
            columns = lists[MINHASH128]
            self._signatures.add(columns.codes[:, LEAN_HEADER.size :].copy().view("<u4"))
            self._texts.add(columns.work_rows)

    def search(self, items: Sequence[Sequence[Fingerprint]]) -> list[list[Likeness]]:
        """For each new version all registered ones in conflict with it, in no particular order."""
        found: list[list[Likeness]] = [[] for _ in items]
        mattered = [mattering(item) for item in items]
        self._like_pictures(mattered, found)
        self._like_texts(mattered, found)
        return found

    def _like_pictures(self, items: Sequence[Mapping[str, bytes]], found: list[list[Likeness]]) -> None:
        asked = [n for n, item in enumerate(items) if PHASH256 in item]
        if not asked or not len(self._codes.values):
            return
        plain = np.frombuffer(b"".join(items[n][PHASH256] for n in asked), np.uint8).reshape(-1, 32)
        turned = np.ascontiguousarray(dihedral(plain)[:, : len(_CHANGES)]).reshape(-1, 32)
        hits = CodeIndex(self._codes.values).search(turned, SECONDED)
        for query, row, distance in _rows(hits):
            n, change = asked[query // len(_CHANGES)], _CHANGES[query % len(_CHANGES)]
            if distance > ALONE and not _seconded(items[n], change, int(self._outlines.values[row])):
                continue
            version = int(self._pictures.values[row])
            found[n].append(Likeness(version, PHASH256, distance, change != "identity"))

    def _like_texts(self, items: Sequence[Mapping[str, bytes]], found: list[list[Likeness]]) -> None:
        asked = [n for n, item in enumerate(items) if MINHASH128 in item]
        signatures = self._signatures.values
        if not asked or not len(signatures):
            return
        queries = np.stack([_signature(items[n][MINHASH128]) for n in asked])
        begin = self._sorted()
        hits = [] if self._bands is None else list(_rows(self._bands.search(queries, TEXT_VALUES)))
        for query, values in enumerate(queries):
            differ = np.count_nonzero(signatures[begin:] != values, axis=1)
            near = np.flatnonzero(differ <= TEXT_VALUES)
            hits += [(query, begin + row, int(differ[row])) for row in near.tolist()]
        for query, row, distance in hits:
            found[asked[query]].append(Likeness(int(self._texts.values[row]), MINHASH128, distance))

    def _sorted(self) -> int:
        """How many texts are in bands; the rest is few."""
        signatures = self._signatures.values
        done = 0 if self._bands is None else len(self._bands)
        if len(signatures) - done > max(_UNSORTED, done // _UNSORTED_SHARE):
            self._bands = BandIndex.build(signatures)
            return len(signatures)
        return done


def mattering(fingerprints: Iterable[Fingerprint]) -> dict[str, bytes]:
    """Of a version's codes those that are compared, by algorithm."""
    return {f.algorithm: f.code for f in fingerprints if (f.algorithm, f.kind) in MATTER}


def _seconded(item: Mapping[str, bytes], change: str, registered: int) -> bool:
    return DHASH256 in item and outlines_agree(samples(item[DHASH256])[change], registered)


def _signature(code: bytes) -> NDArray[np.uint32]:
    return np.asarray(from_lean(code), np.uint32)


def _rows(hits: Hits) -> Iterator[tuple[int, int, int]]:
    return zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True)
