"""Exact equality: which registered file has this digest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.matching.hits import MAX_ROWS, Hits, expand


class DigestIndex:
    """Rows of equal bytes among N digests of one width: sorted by the first 8 bytes, the rest is compared."""

    def __init__(self, digests: NDArray[np.uint8]) -> None:
        """`digests` is (N, w) with w of at least 8 bytes; it stays in place, 12 bytes a row are added."""
        if digests.ndim != 2 or digests.shape[1] < 8 or digests.dtype != np.uint8:
            raise InvalidInput(
                f"digests must be an (N, w) array of bytes with w >= 8, not {digests.dtype} {digests.shape}."
            )
        if len(digests) >= MAX_ROWS:
            raise InvalidInput("An index holds fewer than 2^32 digests; cut the list into shards.")
        self._digests = digests
        self.width = int(digests.shape[1])
        keys = _heads(digests)
        self._rows = np.argsort(keys, kind="stable").astype(np.uint32)
        self._keys = keys[self._rows]

    def __len__(self) -> int:
        return len(self._digests)

    def search(self, queries: NDArray[np.uint8]) -> Hits:
        """All (query, row) with equal bytes, at distance 0; `queries` is (Q, w)."""
        if queries.ndim != 2 or queries.shape[1] != self.width or queries.dtype != np.uint8:
            raise InvalidInput(
                f"queries must be a (Q, {self.width}) array of bytes, not {queries.dtype} {queries.shape}."
            )
        heads = _heads(queries)
        first = np.searchsorted(self._keys, heads, side="left")
        count = np.searchsorted(self._keys, heads, side="right") - first
        parts = []
        for query, position in expand(first, count):
            row = self._rows[position]
            same = np.flatnonzero((self._digests[row] == queries[query]).all(axis=1))
            parts.append(Hits(query[same].astype(np.uint32), row[same], np.zeros(len(same), np.uint16)))
        return Hits.joined(parts)


def _heads(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The first 8 bytes of each digest as a number; any order will do."""
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64).reshape(-1)
