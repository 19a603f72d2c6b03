"""The compiled lookup of signatures: the same answers as by numpy, imported only where it pays."""

from __future__ import annotations

import numpy as np
from numba import uint32, uint64
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

    The bitmaps are asked for 64 queries before any bucket is looked at, the tags of all buckets before any row, so that
    the processor waits for many of their lines at the same time. A pair is looked at in the first band that it shares.
    """
    half, low, one = uint64(32), uint64(0xFFFFFFFF), uint64(1)
    bits, buckets = uint64(64 * bitmap.shape[1]), uint64(starts.shape[1] - 1)
    hashes = np.empty(64 * 32, np.uint64)
    keys = np.empty(64 * 32, np.uint64)
    asked = np.empty(64 * 32, np.uint32)
    first, stop = np.empty(64 * 32, np.uint32), np.empty(64 * 32, np.uint32)
    probes, places = np.empty(64 * 32, np.uint32), np.empty(64 * 32, np.uint32)
    total = 0
    for begin in range(0, len(queries), 64):
        values = queries[begin : begin + 64].reshape(-1)
        _band_keys(values, multipliers, hashes)
        count = uint64(0)
        for j in range(uint64(len(values) // 4)):
            key = hashes[j]
            bit = (key & low) * bits >> half
            keys[count], asked[count] = key, j
            count += (bitmap[j & uint64(31), bit >> uint64(6)] >> (bit & uint64(63))) & one
        for j in range(count):
            bucket = (keys[j] >> half) * buckets >> half
            first[j] = starts[asked[j] & 31, bucket]
            stop[j] = starts[asked[j] & 31, bucket + one]
        near = uint64(0)
        for j in range(count):
            tag, band = np.uint8(keys[j] >> uint64(24)), asked[j] & uint32(31)
            for k in range(first[j], stop[j]):
                probes[near], places[near] = asked[j], k
                near += uint64(tags[band, k] == tag)
                if near == uint64(len(places)):
                    total = _compare(
                        queries, begin, probes, places, rows, signatures, max_distance, found, total
                    )
                    near = uint64(0)
        total = _compare(
            queries, begin, probes[:near], places[:near], rows, signatures, max_distance, found, total
        )
    return total


@compiled
def _compare(
    queries: Words,
    begin: int,
    probes: Words,
    places: Words,
    rows: Words,
    signatures: Words,
    max_distance: int,
    found: Words,
    total: int,
) -> int:
    """Look at what lies at these places of the bands' tables; returns how many pairs there are by now.

    A probe is the band, and above it the number of the query from `begin` on.
    """
    near = np.empty(len(places), np.uint32)
    for i in range(len(places)):
        near[i] = rows[probes[i] & uint32(31), places[i]]
    for i in range(len(places)):
        query = begin + (probes[i] >> uint32(5))
        distance = _distance(queries[query], signatures[near[i]], probes[i] & uint32(31))
        if distance <= max_distance:
            if total < found.shape[1]:
                found[0, total], found[1, total], found[2, total] = query, near[i], distance
            total += 1
    return total


@compiled
def _band_keys(values: Words, multipliers: LongWords, keys: LongWords) -> None:
    """The keys of all bands of signatures that lie one behind the other; see `bands._band_keys`."""
    a, b, c, d = multipliers[0], multipliers[1], multipliers[2], multipliers[3]
    for j in range(uint64(len(values) // 4)):
        at = uint64(4) * j
        key = values[at] * a + values[at + uint64(1)] * b
        key += values[at + uint64(2)] * c + values[at + uint64(3)] * d
        keys[j] = (key >> uint64(32)) * uint64(0x9E3779B97F4A7C15)


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
