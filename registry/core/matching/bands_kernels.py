"""The compiled lookup of signatures: the same answers as by numpy, imported only where it pays."""

from __future__ import annotations

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import compiled

Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]


@compiled
def find(
    queries: Words,
    bitmap: LongWords,
    starts: Words,
    rows: Words,
    tags: NDArray[np.uint8],
    signatures: Words,
    multipliers: LongWords,
    max_distance: int,
    found: Words,
) -> int:
    """(query, row, distance) of all pairs that share a band and are near enough; returns how many, writes what fits.

    The bitmaps are asked for 64 queries before any bucket is looked at, so that the processor waits for many of their
    lines at the same time. A pair is looked at in the first band that it shares.
    """
    half, low = uint64(32), uint64(0xFFFFFFFF)
    bits, buckets = uint64(64 * bitmap.shape[1]), uint64(starts.shape[1] - 1)
    keys = np.empty(64 * 32, np.uint64)
    asked = np.empty(64 * 32, np.uint32)
    first, stop = np.empty(64 * 32, np.uint32), np.empty(64 * 32, np.uint32)
    total = 0
    for begin in range(0, len(queries), 64):
        count = uint64(0)
        for q in range(begin, min(begin + 64, len(queries))):
            for band in range(32):
                key = uint64(0)
                for i in range(4):
                    key += uint64(queries[q, 4 * band + i]) * multipliers[i]
                key = (key >> half) * uint64(0x9E3779B97F4A7C15)
                bit = (key & low) * bits >> half
                keys[count], asked[count] = key, (q - begin) << 5 | band
                count += (bitmap[band, bit >> uint64(6)] >> (bit & uint64(63))) & uint64(1)
        for j in range(count):
            bucket = (keys[j] >> half) * buckets >> half
            first[j] = starts[asked[j] & 31, bucket]
            stop[j] = starts[asked[j] & 31, bucket + uint64(1)]
        for j in range(count):
            band, query = asked[j] & 31, begin + (asked[j] >> 5)
            tag = np.uint8(keys[j] >> uint64(24))
            for k in range(first[j], stop[j]):
                if tags[band, k] != tag:
                    continue
                row = rows[band, k]
                distance = _distance(queries[query], signatures[row], band)
                if distance <= max_distance:
                    if total < found.shape[1]:
                        found[0, total], found[1, total], found[2, total] = query, row, distance
                    total += 1
    return total


@compiled
def _distance(one: Words, other: Words, band: int) -> int:
    """How many of 128 values differ; more than there are unless this band is the first that is equal."""
    for b in range(band + 1):
        equal = True
        for i in range(4 * b, 4 * b + 4):
            equal &= one[i] == other[i]
        if equal != (b == band):
            return 129
    differing = 0
    for i in range(128):
        differing += one[i] != other[i]
    return differing
