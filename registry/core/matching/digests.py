"""Exact equality: which registered file has this digest."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.matching.hits import MAX_ROWS, Hits, expand

_MOST_BITS: Final = 24
"""Stretches that are written down: 64 MiB of them at most."""


class DigestIndex:
    """Rows of equal bytes among N digests of one width: sorted by their bytes, found by their first 8.

    Where the digests begin that have the same first bits is written down, about ten of them at a time, so that a
    search of millions takes four steps instead of twenty-three, most of which would wait for memory.

    Digests come from strangers, who can register and send any number that begin alike. Among such a search goes on by
    halves, comparing whole digests, so that a flood of them costs little more than any others.
    """

    def __init__(self, digests: NDArray[np.uint8]) -> None:
        """`digests` is (N, w) with w of at least 8 bytes; it stays in place, 13 bytes a row are added."""
        if digests.ndim != 2 or digests.shape[1] < 8 or digests.dtype != np.uint8:
            raise InvalidInput(
                f"digests must be an (N, w) array of bytes with w >= 8, not {digests.dtype} {digests.shape}."
            )
        if len(digests) >= MAX_ROWS:
            raise InvalidInput("An index holds fewer than 2^32 digests; cut the list into shards.")
        self._digests = digests
        self.width = int(digests.shape[1])
        keys = _heads(digests)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        _sort_ties(self._keys, order, digests)
        self._rows = order.astype(np.uint32)
        bits = min(max(len(keys).bit_length() - 4, 1), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        firsts = np.searchsorted(self._keys, np.arange(1 << bits, dtype=np.uint64) << self._shift)
        self._starts = np.append(firsts, len(keys)).astype(np.uint32)

    def __len__(self) -> int:
        return len(self._digests)

    def search(self, queries: NDArray[np.uint8]) -> Hits:
        """All (query, row) with equal bytes, at distance 0; `queries` is (Q, w)."""
        if queries.ndim != 2 or queries.shape[1] != self.width or queries.dtype != np.uint8:
            raise InvalidInput(
                f"queries must be a (Q, {self.width}) array of bytes, not {queries.dtype} {queries.shape}."
            )
        heads = _heads(queries)
        alike, first = self._beginning_as(heads)
        if not len(alike):
            return Hits.none()
        last = np.searchsorted(self._keys, heads[alike], side="right")
        asked = queries[alike]
        begin = self._place(asked, first, last, behind_equals=False)
        count = self._place(asked, begin, last, behind_equals=True) - begin
        parts = []
        for number, position in expand(begin, count):
            query, row = alike[number].astype(np.uint32), self._rows[position]
            parts.append(Hits(query, row, np.zeros(len(row), np.uint16)))
        return Hits.joined(parts)

    def beginning(self, prefix: int, bits: int) -> NDArray[np.uint32]:
        """Rows of the digests of which the first `bits`, 1 to 64, are this number; in the order of their bytes."""
        if not (0 < bits <= 64 and 0 <= prefix < 1 << bits):
            raise InvalidInput(f"A digest begins with 1 to 64 bits, not with {prefix} of {bits}.")
        low, high = prefix << 64 - bits, (prefix + 1 << 64 - bits) - 1
        first = np.searchsorted(self._keys, np.uint64(low), side="left")
        return self._rows[first : np.searchsorted(self._keys, np.uint64(high), side="right")]

    def _beginning_as(self, heads: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which of the heads any digest has, and the place of the first one that does."""
        if not len(self._keys) or not len(heads):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        stretch = (heads >> self._shift).astype(np.int64)
        first, last = self._starts[stretch].astype(np.int64), self._starts[stretch + 1].astype(np.int64)
        step = 1 << int((last - first).max()).bit_length() >> 1
        while step:  # places move up as long as what lies before is smaller
            further = first + step
            smaller = (further <= last) & (self._keys[np.minimum(further, len(self._keys)) - 1] < heads)
            first[smaller] = further[smaller]
            step >>= 1
        found = (first < last) & (self._keys[np.minimum(first, len(self._keys) - 1)] == heads)
        return np.flatnonzero(found), first[found]

    def _place(
        self,
        queries: NDArray[np.uint8],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        *,
        behind_equals: bool,
    ) -> NDArray[np.int64]:
        """(Q,) where in its range [first, last) each query belongs, before or behind the digests that equal it."""
        first, last = first.copy(), last.copy()
        while len(left := np.flatnonzero(first < last)):
            middle = (first[left] + last[left]) // 2
            order = compared(self._digests[self._rows[middle]], queries[left])
            behind = order <= 0 if behind_equals else order < 0
            first[left[behind]] = middle[behind] + 1
            last[left[~behind]] = middle[~behind]
        return first


def compared(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(N,) negative where ours comes first, 0 where both are equal, positive where theirs comes first."""
    different = (ours != theirs).argmax(axis=1)[:, None]  # the first byte, if they are equal
    at = np.take_along_axis(ours, different, 1).astype(np.int16) - np.take_along_axis(theirs, different, 1)
    return np.asarray(at[:, 0], np.int16)


def _sort_ties(keys: NDArray[np.uint64], order: NDArray[np.int64], digests: NDArray[np.uint8]) -> None:
    """Put digests that begin alike into the order of their other bytes, equal ones into that of their rows."""
    same = keys[1:] == keys[:-1]
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    if len(tied):
        among = order[tied]
        order[tied] = among[np.lexsort((*digests[among, :7:-1].T, keys[tied]))]


def _heads(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The first 8 bytes of each digest as a number; their order is that of the bytes."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
