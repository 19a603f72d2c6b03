"""Which registered works share fingerprints with a text: an exact table of winnowed fingerprints, mapped into memory.

The list itself has the 64-bit values, works and positions. Beside it, about six bytes a fingerprint:

| array | bytes a fingerprint | |
|---|---|---|
| `bitmap` | 0.5 | four bits a fingerprint, of which a fifth is set: four in five lookups that miss end here |
| `starts` | 0.5 | first entry of each bucket of about eight |
| `tags` | 1 | eight bits of the value, so that strangers in the bucket fall out |
| `rows` | 4 | where it is in the list; there all 64 bits are compared |
| `files`, `sizes` | | where each registered text begins in the list, and how many fingerprints it has that count |

Winnowing chooses small hashes, so the upper bits of values are far from even; buckets are cut after a multiplication.
Fingerprints that are common (see `passages_common`) are not in the tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints.metering import Meter
from registry.core.matching import storage
from registry.core.matching.hits import MAX_ROWS, expand
from registry.core.matching.lists import ListColumns

MOST_PAIRS: Final = 1 << 22
"""Pairs that are held at a time. A search needs about a hundred bytes for each; what is more is met in portions."""
MOST_REPEATS: Final = 4
"""Entries of one value that a registered text has in the tables; repetitive texts have thousands."""
COMMON: Final = np.uint64(1 << 63)
"""Bit of an entry's `aux`: a common phrase, which accuses nobody."""
FILE_SHIFT: Final = np.uint64(32)
"""Above this bit of `aux`, the number of the text among those of its work; below, the position in it."""
_FORMAT = "vorbehalt-passages-v1"
_ARRAYS = ("bitmap", "starts", "tags", "rows", "files", "sizes")
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_PER_BUCKET = 8
_BITS_PER_VALUE = 4
_MAX_ENTRIES = 1 << 30
_AT_ONCE = 1 << 20
_BUCKETS_AT_ONCE = 1 << 22
"""Of which a table is made at a time: 34 million fingerprints, at eight bytes each."""
LOOKUPS = Meter(200_000)
"""Fingerprints looked up by numpy before loading the compiled lookup pays."""

Pairs = tuple[NDArray[np.uint32], NDArray[np.uint32]]
"""Number of the query, and row of the list."""


class Within(NamedTuple):
    """Which pairs are asked for."""

    begin: int = 0
    stop: int = MAX_ROWS
    """Rows of the list from `begin` on, below `stop`."""
    each: int = MAX_ROWS
    """Of one query only so many, the first."""
    most: int = 1 << 62
    """Of all together so many or none."""


ALL: Final = Within()


class PassageIndex:
    """The registered fingerprints of all texts."""

    def __init__(self, columns: ListColumns, arrays: storage.Arrays) -> None:
        """From `build` or `open`; `Corrupt` if the tables do not fit the list."""
        self._columns = columns
        self._values = _values(columns)
        self._bitmap, self._starts, self._tags, self._rows, self._files, self._sizes = (
            arrays[name] for name in _ARRAYS
        )
        types = (np.uint64, np.uint32, np.uint8, np.uint32, np.uint32, np.uint32)
        if (
            any(arrays[name].dtype != dtype for name, dtype in zip(_ARRAYS, types, strict=True))
            or len(self._tags) != len(self._rows)
            or len(self._starts) != _buckets(len(columns)) + 1
            or len(self._bitmap) != _words(len(columns))
            or len(self._files) != len(self._sizes)
        ):
            raise Corrupt(
                f"The tables of the index of passages do not fit {len(columns)} fingerprints. Build it again."
            )

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def bytes(self) -> int:
        """Size of the tables, without the list."""
        parts = (self._bitmap, self._starts, self._tags, self._rows, self._files, self._sizes)
        return sum(int(part.nbytes) for part in parts)

    @classmethod
    def build(cls, columns: ListColumns, folder: Path | None = None) -> Self:
        """In memory or, with a folder, in files that all processes map."""
        if len(columns) >= _MAX_ENTRIES:
            raise InvalidInput("An index holds fewer than 2^30 fingerprints; cut the list into shards.")
        if folder is None:
            made: storage.Arrays = {}

            def create(name: str, dtype: object, shape: tuple[int, ...]) -> NDArray[np.generic]:
                made[name] = np.zeros(shape, dtype)  # type: ignore[call-overload]
                return made[name]

            _fill(columns, create)
            return cls(columns, made)
        with storage.building(folder, _FORMAT, _source(columns)) as create_file:
            _fill(columns, create_file)
        return cls.open(folder, columns)

    @classmethod
    def open(cls, folder: Path, columns: ListColumns, *, verify: bool = True) -> Self:
        """Map what `build` wrote for this list; `Corrupt` if it is damaged or belongs to another.

        `verify=False` skips the digests, for further processes after one has checked.
        """
        source = _source(columns) if verify else None
        return cls(columns, storage.read(folder, _FORMAT, source, _ARRAYS))

    def find(self, values: NDArray[np.uint64]) -> Iterator[Pairs]:
        """All pairs of one of these values and a row of the list that has it, ordered by (value's number, row).

        Mostly in one portion; if there are more than `MOST_PAIRS`, in several, each of other texts, all of whose pairs
        it has. So it costs time and not memory if many works share what is asked for.
        """
        waiting = [(0, len(self._files))] if len(self._rows) and len(values) else []
        while waiting:
            first, stop = waiting.pop()
            rows = (int(self._files[first]), int(self._files[stop]) if stop < len(self._files) else len(self))
            pairs = self._find(values, Within(*rows, most=MOST_PAIRS if stop - first > 1 else ALL.most))
            if pairs is not None:
                yield pairs
            else:
                middle = (first + stop) // 2
                waiting += [(middle, stop), (first, middle)]

    def known(self, values: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """The numbers of those of these values that any text has, in ascending order."""
        pairs = self._find(values, Within(each=1)) if len(self._rows) and len(values) else None
        return np.empty(0, np.uint32) if pairs is None else pairs[0]

    def _find(self, values: NDArray[np.uint64], within: Within) -> Pairs | None:
        if LOOKUPS.compiled_pays(len(values)):
            return self.find_by_kernel(values, within)
        return self.find_by_numpy(values, within)

    def find_by_kernel(self, values: NDArray[np.uint64], within: Within = ALL) -> Pairs | None:
        """The pairs asked for, ordered by (value's number, row); `None` if there are too many."""
        from registry.core.matching import passages_kernels as kernels  # numba only where it pays

        tables = (self._bitmap, self._starts, self._tags, self._rows, self._values)
        room = len(values)
        while True:
            queries, rows = np.empty(room, np.uint32), np.empty(room, np.uint32)
            count = kernels.find(values, *tables, *within, queries, rows)
            if count > within.most:
                return None
            if count <= room:
                return queries[:count], rows[:count]
            room = count

    def find_by_numpy(self, values: NDArray[np.uint64], within: Within = ALL) -> Pairs | None:
        """See `find_by_kernel`."""
        bit = _bit(values, len(self._bitmap))
        passed = np.flatnonzero(self._bitmap[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1))
        asked = values[passed]
        bucket = _bucket(asked, len(self._starts) - 1)
        first = self._starts[bucket].astype(np.int64)
        length = self._starts[bucket + np.uint64(1)] - first
        queries, rows, count = [np.empty(0, np.uint32)], [np.empty(0, np.uint32)], 0
        for probe, position in expand(first, length):
            alike = self._tags[position] == asked[probe].astype(np.uint8)
            probe, row = probe[alike], self._rows[position[alike]]
            same = (self._values[row] == asked[probe]) & (row >= within.begin) & (row < within.stop)
            queries.append(passed[probe[same]].astype(np.uint32))
            rows.append(row[same])
            count += len(rows[-1])
            if count > within.most:
                return None
        return _first_of_each(np.concatenate(queries), np.concatenate(rows), within.each)

    def texts(self, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
        """For rows of the list, the number of the registered text that each is of."""
        return np.searchsorted(self._files, rows, side="right") - 1

    def sizes(self, texts: NDArray[np.int64]) -> NDArray[np.uint32]:
        """How many fingerprints of each of these registered texts count."""
        return self._sizes[texts]

    def places(self, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
        """For rows of the list, the positions in their texts."""
        return (self._columns.aux[rows] & _LOW).astype(np.int64)

    def work_rows(self, texts: NDArray[np.int64]) -> NDArray[np.uint32]:
        """The work that each of these registered texts is of."""
        return self._columns.work_rows[self._files[texts]]


def _fill(columns: ListColumns, create: storage.Create) -> None:
    """Make all arrays, a range of buckets at a time: besides them, a byte a fingerprint is in memory, and the range."""
    count, values = len(columns), _values(columns)
    kept = np.empty(count, np.bool_)
    for begin in range(0, count, _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        kept[part] = columns.aux[part] & COMMON == 0
    files = _starts_of_texts(columns)
    searched = int(np.count_nonzero(kept))
    bitmap = create("bitmap", np.uint64, (_words(count),))
    starts = create("starts", np.uint32, (_buckets(count) + 1,))
    tags = create("tags", np.uint8, (searched,))
    rows = create("rows", np.uint32, (searched,))
    texts = create("files", np.uint32, (len(files),))
    sizes = create("sizes", np.uint32, (len(files),))
    texts[...] = files
    if len(files):
        sizes[...] = np.add.reduceat(kept, files, dtype=np.uint32)
    filled, width = 0, _BUCKETS_AT_ONCE
    for first in range(0, _buckets(count), width):
        packed = _packed(values, kept, first, min(first + width, _buckets(count)))
        repeats = _repeats(packed, values, files)
        owners = np.searchsorted(files, packed[repeats] & _LOW, side="right") - 1
        np.subtract.at(sizes, owners, np.uint32(1))
        packed = packed[~repeats]
        bounds = np.arange(first, min(first + width, _buckets(count)), dtype=np.uint64) << _HALF
        starts[first : first + len(bounds)] = filled + np.searchsorted(packed, bounds)
        row = (packed & _LOW).astype(np.uint32)
        end = filled + len(row)
        rows[filled:end], tags[filled:end] = row, values[row].astype(np.uint8)
        bit = _bit(values[row], len(bitmap))
        np.bitwise_or.at(bitmap, bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63)))
        filled = end
    starts[-1] = filled


def _packed(values: NDArray[np.uint64], kept: NDArray[np.bool_], first: int, stop: int) -> NDArray[np.uint64]:
    """The entries whose bucket lies in [first, stop), as bucket and row in one word each, in ascending order."""
    found, buckets = [np.empty(0, np.uint64)], _buckets(len(values))
    for begin in range(0, len(values), _AT_ONCE):
        bucket = _bucket(values[begin : begin + _AT_ONCE], buckets)
        mine = (bucket >= np.uint64(first)) & (bucket < np.uint64(stop)) & kept[begin : begin + _AT_ONCE]
        at = np.flatnonzero(mine)
        found.append(bucket[at] << _HALF | (at + begin).astype(np.uint64))
    packed = np.concatenate(found)
    packed.sort()
    return packed


def _repeats(
    packed: NDArray[np.uint64], values: NDArray[np.uint64], files: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which entries repeat a value for the fifth time and more within one text. `packed`: bucket and row, sorted."""
    found = np.zeros(len(packed), np.bool_)
    for begin in range(MOST_REPEATS, len(packed), _AT_ONCE):
        part = packed[begin - MOST_REPEATS : begin + _AT_ONCE]
        row, before = part[MOST_REPEATS:] & _LOW, part[:-MOST_REPEATS] & _LOW
        same = np.flatnonzero(values[row] == values[before])
        text = np.searchsorted(files, row[same], side="right")
        found[begin + same] = text == np.searchsorted(files, before[same], side="right")
    return found


def _starts_of_texts(columns: ListColumns) -> NDArray[np.int64]:
    """Rows at which a text begins; the entries of one text follow each other."""
    starts = [np.zeros(min(len(columns), 1), np.int64)]
    for begin in range(1, len(columns), _AT_ONCE):
        part = slice(begin - 1, begin + _AT_ONCE)
        work, number = columns.work_rows[part], (columns.aux[part] & ~COMMON) >> FILE_SHIFT
        changes = (work[1:] != work[:-1]) | (number[1:] != number[:-1])
        starts.append(begin + np.flatnonzero(changes))
    return np.concatenate(starts)


def _first_of_each(query: NDArray[np.uint32], row: NDArray[np.uint32], most: int) -> Pairs:
    """The first `most` rows of each query."""
    order = np.lexsort((row, query))
    query, row = query[order], row[order]
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    kept = rank < most
    return query[kept], row[kept]


def _values(columns: ListColumns) -> NDArray[np.uint64]:
    if columns.codes.shape[1] != 8:
        raise Corrupt(f"The list of fingerprints has codes of {columns.codes.shape[1]} bytes, not 8.")
    flat = np.ascontiguousarray(columns.codes).reshape(-1).view("<u8")
    return np.require(flat, np.uint64, ["ALIGNED"])


def _buckets(count: int) -> int:
    return max(count // _PER_BUCKET, 1)


def _words(count: int) -> int:
    """Words of 64 bits in the bitmap."""
    return max(count * _BITS_PER_VALUE // 64, 1)


def _bucket(values: NDArray[np.uint64], buckets: int) -> NDArray[np.uint64]:
    """By the upper half of a product with an odd number, which is even whatever winnowing prefers."""
    return np.asarray(((values * _ODD) >> _HALF) * np.uint64(buckets) >> _HALF)


def _bit(values: NDArray[np.uint64], words: int) -> NDArray[np.uint64]:
    """By the lower half of the same product."""
    return np.asarray(((values * _ODD) & _LOW) * np.uint64(64 * words) >> _HALF)


def _source(columns: ListColumns) -> str:
    """Digest of the list that the tables belong to."""
    digest = hashlib.sha256()
    parts: Sequence[NDArray[np.generic]] = (columns.codes, columns.work_rows, columns.aux)
    for column in parts:
        for begin in range(0, len(column), _AT_ONCE):
            digest.update(np.ascontiguousarray(column[begin : begin + _AT_ONCE]).tobytes())
    return digest.hexdigest()
