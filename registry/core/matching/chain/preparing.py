"""Codes as the search kernels take them, compiled by numba: their bits dealt, and what the codes of a family share."""

from __future__ import annotations

import numpy as np

from registry.core.matching.kernels import compiled


@compiled
def deal(codes, table, dealt):  # type: ignore[no-untyped-def]
    """Permute the bits of (N, 4) codes by a table from `permutation.dealing`."""
    for i in range(len(codes)):
        word0 = word1 = word2 = word3 = np.uint64(0)
        for byte in range(32):
            value = (codes[i, byte >> 3] >> np.uint64(8 * (byte & 7))) & np.uint64(0xFF)
            word0 ^= table[byte, value, 0]
            word1 ^= table[byte, value, 1]
            word2 ^= table[byte, value, 2]
            word3 ^= table[byte, value, 3]
        dealt[i, 0], dealt[i, 1], dealt[i, 2], dealt[i, 3] = word0, word1, word2, word3


@compiled
def relate(words, family, alike, led):  # type: ignore[no-untyped-def]
    """Note which of so many dealt queries in a row have a quarter in common: `alike` and `led` of `arguments.Asked`."""
    queries = len(words) // 4
    for query in range(queries):
        first = query - query % family
        for quarter in range(4):
            at = quarter * queries + query
            alike[at], led[at] = -1, 0
            for earlier in range(query - 1, first - 1, -1):
                if words[4 * earlier + quarter] == words[4 * query + quarter]:
                    alike[quarter * queries + earlier], led[at] = query, 1
                    break
