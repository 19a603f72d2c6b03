"""The compiled lookup of fingerprints: the same answers as by numpy, imported only where it pays."""

from __future__ import annotations

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import compiled

LongWords = NDArray[np.uint64]
AT_ONCE = 8192
"""Queries that ask the bitmap before the first of them goes on."""


@compiled
def find(
    values: LongWords,
    bitmap: LongWords,
    starts: NDArray[np.uint32],
    tags: NDArray[np.uint8],
    rows: NDArray[np.uint32],
    registered: LongWords,
    begin: int,
    stop: int,
    each: int,
    most: int,
    queries: NDArray[np.uint32],
    found: NDArray[np.uint32],
) -> int:
    """Pairs of a query and a row of the list with the same value; returns how many, and writes those that fit.

    For `begin` to `most` see `passages.Within`; when it is clear that there are more than `most`, it ends. The bitmap
    is asked for thousands of queries before any bucket is looked at, so that the processor waits for many of its lines
    at the same time, and what passed stays near it.
    """
    odd, half, low = uint64(0x9E3779B97F4A7C15), uint64(32), uint64(0xFFFFFFFF)
    bits, buckets = uint64(len(bitmap)) << uint64(6), uint64(len(starts) - 1)
    room = min(len(values), AT_ONCE)
    passed, first, last = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint32)
    total = 0
    for portion in range(0, len(values), AT_ONCE):
        some = values[portion : portion + AT_ONCE]
        count = uint64(0)
        for i in range(uint64(len(some))):
            bit = (((some[i] * odd) & low) * bits) >> half
            passed[count] = i
            count += (bitmap[bit >> uint64(6)] >> (bit & uint64(63))) & uint64(1)
        for j in range(count):
            bucket = ((some[passed[j]] * odd) >> half) * buckets >> half
            first[j], last[j] = starts[bucket], starts[bucket + uint64(1)]
        for j in range(count):
            value = some[passed[j]]
            tag = np.uint8(value & uint64(0xFF))
            here = 0
            for k in range(first[j], last[j]):
                if (
                    tags[k] == tag
                    and begin <= rows[k] < stop
                    and registered[rows[k]] == value
                    and here < each
                ):
                    if total < len(found):
                        queries[total], found[total] = portion + passed[j], rows[k]
                    total += 1
                    here += 1
            if total > most:
                return total
    return total
