"""The loops that build the tables, compiled by numba: counting sorts and the coding of ids.

Everything that they call lives in this file, because numba's disk cache notices changes of this file only.
"""

from __future__ import annotations

import numpy as np

from registry.core.matching.kernels import compiled

BUCKETS = 1 << 16


@compiled
def deal_quarter(codes, table, rows, dealt):  # type: ignore[no-untyped-def]
    """One dealt quarter of the codes (N, 4) in these rows; `table` is that quarter of `permutation.dealing`, flat."""
    for i in range(len(rows)):
        word = np.uint64(0)
        for part in range(4):
            code = codes[rows[i], part]
            for byte in range(8):
                word ^= table[np.uint64(256 * (8 * part + byte)) + (code & np.uint64(0xFF))]
                code >>= np.uint64(8)
        dealt[i] = word


@compiled
def sort_pairs(keys, words, ids, offsets, sorted_words, sorted_ids):  # type: ignore[no-untyped-def]
    """Sort words and their ids by 16-bit keys, equal keys in the order in which they came (counting sort).

    `offsets` (65537) becomes the first place of each key. Input is read in order and each key's output written in
    order, so that no step waits for memory.
    """
    place = np.zeros(BUCKETS + 1, np.int64)
    for i in range(len(keys)):
        place[np.int64(keys[i]) + 1] += 1
    for key in range(BUCKETS):
        place[key + 1] += place[key]
    for key in range(BUCKETS + 1):
        offsets[key] = place[key]
    for i in range(len(keys)):
        at = place[np.int64(keys[i])]
        sorted_words[at] = words[i]
        sorted_ids[at] = ids[i]
        place[np.int64(keys[i])] = at + 1


@compiled
def code_ids(ids, offsets, blocks, low, high):  # type: ignore[no-untyped-def]
    """Write the ids of all buckets, ascending in each, by Elias and Fano; `high` holds zeros before."""
    for bucket in range(BUCKETS):
        begin, end = np.int64(offsets[bucket]), np.int64(offsets[bucket + 1])
        first = begin + bucket * blocks
        for posting in range(begin, end):
            number = np.int64(ids[posting])
            place = first + (posting - begin) + (number >> 16)
            low[posting] = number & 0xFFFF
            high[place >> 6] |= np.uint64(1) << np.uint64(place & 63)
