"""What every index answers: which query met which row, how far apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_ROWS = 1 << 32
"""Rows are counted in 32 bits; a larger registry is cut into shards of rows."""

_EXPAND_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Hits:
    """Parallel columns, one entry a pair within the radius, sorted by (query, row), no pair twice."""

    query: NDArray[np.uint32]
    row: NDArray[np.uint32]
    distance: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.query)

    @classmethod
    def sorted(
        cls, query: NDArray[np.integer], row: NDArray[np.integer], distance: NDArray[np.integer]
    ) -> Hits:
        """Hits from columns in any order."""
        order = np.lexsort((row, query))
        return cls(
            query[order].astype(np.uint32, copy=False),
            row[order].astype(np.uint32, copy=False),
            distance[order].astype(np.uint16, copy=False),
        )

    @classmethod
    def none(cls) -> Hits:
        """No hit at all."""
        return cls(np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty(0, np.uint16))

    @classmethod
    def joined(cls, parts: Iterable[Hits]) -> Hits:
        """All hits of several disjoint parts of one search."""
        found = [p for p in parts if len(p)]
        if not found:
            return cls.none()
        return cls.sorted(
            np.concatenate([p.query for p in found]),
            np.concatenate([p.row for p in found]),
            np.concatenate([p.distance for p in found]),
        )


def expand(
    first: NDArray[np.int64], count: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Walk many short ranges at once: yields (which range, position) for every position of every range.

    In portions of about a million positions, so that a bucket flooded by one owner costs time and not memory.
    """
    total = np.concatenate(([0], np.cumsum(count, dtype=np.int64)))
    begin = 0
    while begin < len(count):
        end = int(np.searchsorted(total, total[begin] + _EXPAND_AT_ONCE, side="right")) - 1
        end = min(max(end, begin + 1), len(count))
        owner = np.repeat(np.arange(begin, end), count[begin:end])
        if len(owner):
            yield owner, np.arange(total[begin], total[end]) - total[owner] + first[owner]
        begin = end
