"""From the stored codes of works to the lists that are searched: the same for snapshots and live checks.

All codes of one algorithm are handled at once, as columns: a registry has millions of them, and no step here looks at
them one by one but for the few works with several anchored pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.fingerprints import (
    ALGORITHMS,
    ANCHORS256,
    COLOUR42,
    DHASH256,
    PHASH256,
    WINNOW32,
    winnow_records,
)
from registry.core.fingerprints.anchors_records import PICTURE_SHIFT, RECORD
from registry.core.matching.lists import KIND_CODES, ListColumns
from registry.core.matching.outlines import samples_of
from registry.core.matching.passages import COMMON, FILE_SHIFT
from registry.core.matching.passages_common import is_background

_KIND_BITS = 2

StoredRow = tuple[int, int, str, str, bytes, int]
"""Row of the work, number of the file, algorithm, kind, code, and what stands beside it: see `StoredCodes`."""


@dataclass(frozen=True, slots=True)
class StoredCodes:
    """Codes of one algorithm as they are stored: N in parallel columns, in any order."""

    work_rows: NDArray[np.uint32]
    """(N,) row of the work in the works table."""
    files: NDArray[np.int64]
    """(N,) which file each was made from: codes of one file and kind are of one frame."""
    kinds: NDArray[np.uint8]
    """(N,) one of `KIND_CODES`."""
    sizes: NDArray[np.int64]
    """(N,) bytes of each code."""
    aux: NDArray[np.uint64]
    """(N,) what stands beside the code already; only addresses have it."""
    codes: NDArray[np.uint8]
    """(sum of sizes,) the codes, one after the other."""

    def __len__(self) -> int:
        return len(self.work_rows)

    @classmethod
    def joined(cls, parts: Sequence[StoredCodes]) -> StoredCodes:
        """One after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


def by_algorithm(rows: Sequence[StoredRow]) -> dict[str, StoredCodes]:
    """Stored codes of any algorithms, sorted into those of each; in the order in which they are given."""
    if not rows:
        return {}
    work_rows, files, algorithms, kinds, codes, aux = zip(*rows, strict=True)
    numbers = {algorithm: n for n, algorithm in enumerate(dict.fromkeys(algorithms))}
    which = np.fromiter(map(numbers.__getitem__, algorithms), np.uint8, len(rows))
    rows_of_works, numbers_of_files = np.array(work_rows, np.uint32), np.array(files, np.int64)
    kind = np.fromiter(map(KIND_CODES.__getitem__, kinds), np.uint8, len(rows))
    size = np.fromiter(map(len, codes), np.int64, len(rows))
    beside = np.array(aux, np.uint64)
    found = {}
    for algorithm, number in numbers.items():
        mine = which == number
        found[algorithm] = StoredCodes(
            work_rows=rows_of_works[mine],
            files=numbers_of_files[mine],
            kinds=kind[mine],
            sizes=size[mine],
            aux=beside[mine],
            codes=np.frombuffer(b"".join(compress(codes, mine.tolist())), np.uint8),
        )
    return found


def lists_of(stored: Mapping[str, StoredCodes]) -> dict[str, ListColumns]:
    """The lists, each ordered by (work row, kind, code, aux) so that equal contents give equal bytes.

    A frame's codes depend on each other. Its dhash256 is listed only where it has no phash256, that is where it is
    too symmetric for one, with its colour code in `aux`; a phash256 has a sample of the dhash256 in `aux`. The colour
    code by itself is no list, since it alone can identify nothing. Each anchor is an entry of its own, with the
    number of its picture among those of the work, by which anchors of different pictures are kept apart. So is each
    fingerprint of a text; these are in the order of (work row, text, position).
    """
    found = {}
    for algorithm in sorted(stored.keys() - {COLOUR42, ANCHORS256, WINNOW32}):
        codes, aux = _matrix(algorithm, stored[algorithm]), stored[algorithm].aux
        kept = np.ones(len(aux), np.bool_)
        if algorithm == PHASH256 and DHASH256 in stored:
            outlines = samples_of(_matrix(DHASH256, stored[DHASH256]))
            aux = _beside(stored[PHASH256], stored[DHASH256], outlines)
        if algorithm == DHASH256:
            if COLOUR42 in stored:
                colours = _matrix(COLOUR42, stored[COLOUR42]).view(">u8").ravel().astype(np.uint64)
                aux = _beside(stored[DHASH256], stored[COLOUR42], colours)
            if PHASH256 in stored:
                kept = ~np.isin(_frames(stored[DHASH256]), _frames(stored[PHASH256]))
        listed = stored[algorithm]
        entries = _ordered(listed.work_rows[kept], listed.kinds[kept], codes[kept], aux[kept])
        if len(entries):
            found[algorithm] = entries
    if ANCHORS256 in stored:
        found[ANCHORS256] = _anchors(stored[ANCHORS256])
    if WINNOW32 in stored:
        found[WINNOW32] = _passages(stored[WINNOW32])
    return found


def _matrix(algorithm: str, stored: StoredCodes) -> NDArray[np.uint8]:
    """(N, w) bytes; `Corrupt` if a stored code has another length."""
    width = ALGORITHMS[algorithm].code_bytes
    if (stored.sizes != width).any():
        raise Corrupt(f"A stored code of {algorithm} has {stored.sizes[stored.sizes != width][0]} bytes.")
    return stored.codes.reshape(len(stored), width)


def _frames(stored: StoredCodes) -> NDArray[np.int64]:
    """(N,) a number of the frame that each code was made from."""
    return stored.files << _KIND_BITS | stored.kinds


def _beside(stored: StoredCodes, others: StoredCodes, values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(N,) for each code the value of the same frame's other code, 0 where there is none."""
    frames, theirs = _frames(stored), _frames(others)
    order = np.argsort(theirs)
    place = np.minimum(np.searchsorted(theirs, frames, sorter=order), len(theirs) - 1)
    found = order[place]
    return np.where(theirs[found] == frames, values[found], np.uint64(0))


def _anchors(stored: StoredCodes) -> ListColumns:
    """Each record of each picture as an entry; `Corrupt` if these are no records."""
    counts, rest = np.divmod(stored.sizes, RECORD.size)
    if rest.any() or not counts.all():
        raise Corrupt(f"A stored code of {ANCHORS256} is no list of records of {RECORD.size} bytes.")
    records = stored.codes.reshape(-1, RECORD.size)
    places = np.ascontiguousarray(records[:, 32:]).view(">u8").ravel().astype(np.uint64)
    if (places >> np.uint64(PICTURE_SHIFT)).any():
        raise Corrupt(f"A stored code of {ANCHORS256} numbers its picture; only lists do.")
    pictures = (_numbers_of_files(stored) % 256).astype(np.uint64) << np.uint64(PICTURE_SHIFT)
    return _ordered(
        np.repeat(stored.work_rows, counts),
        np.repeat(stored.kinds, counts),
        np.ascontiguousarray(records[:, :32]),
        np.repeat(pictures, counts) | places,
    )


def _passages(stored: StoredCodes) -> ListColumns:
    """Each fingerprint of each text as an entry; `Corrupt` if these are no records.

    In `aux`, the position in the text, above it the number of the text among those of the work, and at the top whether
    it is a phrase that is known to be common.
    """
    counts, rest = np.divmod(stored.sizes, winnow_records.RECORD.itemsize)
    if rest.any() or not counts.all():
        raise Corrupt(f"A stored code of {WINNOW32} is no list of records.")
    records = stored.codes.view(winnow_records.RECORD)
    texts = _numbers_of_files(stored)
    aux = np.repeat(texts.astype(np.uint64) << FILE_SHIFT, counts) | records["position"]
    values = records["value"].astype("<u8")
    aux |= np.where(is_background(values), COMMON, np.uint64(0))
    order = np.lexsort((texts, stored.work_rows))
    firsts = np.cumsum(counts) - counts
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts[order]) - counts[order], counts[order])
    rows = np.repeat(firsts[order], counts[order]) + within
    return ListColumns(
        values[rows].view(np.uint8).reshape(-1, 8),
        np.repeat(stored.work_rows[order], counts[order]),
        np.repeat(stored.kinds[order], counts[order]),
        aux[rows],
    )


def _numbers_of_files(stored: StoredCodes) -> NDArray[np.int64]:
    """(N,) the number of each file with such a code among those of its work, in the order of (kind, code)."""
    numbers = np.zeros(len(stored), np.int64)
    order = np.argsort(stored.work_rows, kind="stable")
    rows = stored.work_rows[order]
    ends = np.cumsum(stored.sizes)
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    counts = np.diff(np.r_[starts, len(rows)])

    def rank(n: int) -> tuple[int, bytes]:
        return int(stored.kinds[n]), stored.codes[ends[n] - stored.sizes[n] : ends[n]].tobytes()

    for start, count in zip(starts[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        for number, n in enumerate(sorted(order[start : start + count].tolist(), key=rank)):
            numbers[n] = number
    return numbers


def _ordered(
    work_rows: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    aux: NDArray[np.uint64],
) -> ListColumns:
    """The entries in their order. Codes are compared only where a work has several of one kind."""
    keys = work_rows.astype(np.uint64) << np.uint64(_KIND_BITS) | kinds
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    if same.any():
        tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
        among = order[tied]
        words = _words(codes[among])
        order[tied] = among[np.lexsort((aux[among], *words.T[::-1], keys[among]))]
    return ListColumns(codes[order], work_rows[order], kinds[order], aux[order])


def _words(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(N, k) numbers whose order is that of the codes' bytes."""
    padded = np.zeros((len(codes), -(-codes.shape[1] // 8) * 8), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded.view(">u8").astype(np.uint64)
