"""The compiled lookup of signatures: the same answers as by numpy, imported only where it pays."""

from __future__ import annotations

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import compiled

Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]
AT_ONCE = 8192
"""Queries that ask one band before the next."""


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

    Thousands of queries ask one band before the next, so that its bitmap, half a megabyte for a million texts, is read
    from a near cache. All of them ask the bitmap before any bucket is looked at, the tags of all buckets before any
    row, so that the processor waits for many lines at the same time. A pair is looked at in the first band that it
    shares.
    """
    half, low, one = uint64(32), uint64(0xFFFFFFFF), uint64(1)
    bits, buckets = uint64(64 * bitmap.shape[1]), uint64(starts.shape[1] - 1)
    room = min(len(queries), AT_ONCE)
    hashes, keys = np.empty(room, np.uint64), np.empty(room, np.uint64)
    asked, probes, places = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint32)
    first, stop, known = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint8)
    seen = np.empty(room, np.uint32)
    total = 0
    for begin in range(0, len(queries), AT_ONCE):
        some = queries[begin : begin + AT_ONCE]
        seen[:] = 0
        for band in range(uint64(32)):
            _band_keys(some, band, multipliers, hashes)
            count = uint64(0)
            words = bitmap[band]
            for j in range(uint64(len(some))):  # becomes vectors, which collecting would prevent
                bit = (hashes[j] & low) * bits >> half
                known[j] = np.uint8((words[bit >> uint64(6)] >> (bit & uint64(63))) & one)
            for j in range(uint64(len(some))):
                asked[count] = j
                count += uint64(known[j])
            for j in range(count):
                keys[j] = hashes[asked[j]]
                bucket = (keys[j] >> half) * buckets >> half
                first[j], stop[j] = starts[band, bucket], starts[band, bucket + one]
            count = _with_tag(tags[band].view(np.uint64), asked[:count], keys, first, stop)
            near = uint64(0)
            for j in range(count):
                tag = np.uint8(keys[j] >> uint64(24))
                for k in range(first[j], stop[j]):
                    probes[near], places[near] = asked[j], k
                    near += uint64(tags[band, k] == tag)
                    if near == uint64(room):
                        total = _compare(
                            some,
                            begin,
                            band,
                            probes,
                            places,
                            seen,
                            rows,
                            signatures,
                            max_distance,
                            found,
                            total,
                        )
                        near = uint64(0)
            total = _compare(
                some, begin, band, probes[:near], places, seen, rows, signatures, max_distance, found, total
            )
    return total


@compiled
def _with_tag(words: LongWords, asked: Words, keys: LongWords, first: Words, stop: Words) -> np.uint64:
    """Keep, at the front of all four, the buckets that may have their key's tag; returns how many.

    Eight tags are compared at a time: a byte of the difference is 0 where they agree. The words reach beyond the
    bucket, so that a neighbour's tag may keep it as well.
    """
    ones, tops, three = uint64(0x0101010101010101), uint64(0x8080808080808080), uint64(3)
    kept = uint64(0)
    for j in range(uint64(len(asked))):
        pattern = (keys[j] >> uint64(24) & uint64(0xFF)) * ones
        agree = uint64(0)
        for w in range(uint64(first[j]) >> three, (uint64(stop[j]) + uint64(7)) >> three):
            difference = words[w] ^ pattern
            agree |= (difference - ones) & ~difference & tops
        asked[kept], keys[kept], first[kept], stop[kept] = asked[j], keys[j], first[j], stop[j]
        kept += uint64(agree != 0)
    return kept


@compiled
def _compare(
    queries: Words,
    begin: int,
    band: int,
    probes: Words,
    places: Words,
    seen: Words,
    rows: Words,
    signatures: Words,
    max_distance: int,
    found: Words,
    total: int,
) -> int:
    """Look at what lies at the first of these places of a band's table; returns how many pairs there are by now.

    A probe is the number of a query, of which the first is number `begin` of all. Pairs that do not share the band,
    whatever its tag, fall out before any is compared in full. `seen` has the row, plus one, with which a query was last
    compared: like texts share many bands, and their signatures are read but once.
    """
    at = uint64(4) * uint64(band)
    for i in range(uint64(len(probes))):
        places[i] = rows[band, places[i]]
    near = uint64(0)
    for i in range(uint64(len(probes))):
        query, row = probes[i], places[i]
        if seen[query] == row + uint64(1):
            continue
        same = queries[query, at] == signatures[row, at]
        for v in range(at + uint64(1), at + uint64(4)):
            same &= queries[query, v] == signatures[row, v]
        probes[near], places[near] = query, row
        near += uint64(same)
    for i in range(near):
        seen[probes[i]] = places[i] + uint64(1)
        distance = _distance(queries[probes[i]], signatures[places[i]], band)
        if distance <= max_distance:
            if total < found.shape[1]:
                found[0, total], found[1, total], found[2, total] = begin + probes[i], places[i], distance
            total += 1
    return total


@compiled
def _band_keys(queries: Words, band: int, multipliers: LongWords, keys: LongWords) -> None:
    """The keys of one band of all queries; see `bands._band_keys`."""
    a, b, c, d = multipliers[0], multipliers[1], multipliers[2], multipliers[3]
    at = uint64(4) * uint64(band)
    for j in range(uint64(len(queries))):
        key = queries[j, at] * a + queries[j, at + uint64(1)] * b
        key += queries[j, at + uint64(2)] * c + queries[j, at + uint64(3)] * d
        keys[j] = (key >> uint64(32)) * uint64(0x9E3779B97F4A7C15)


@compiled
def _distance(one: Words, other: Words, band: int) -> int:
    """How many of 128 values differ, of signatures that share this band; more than there are if an earlier one, too."""
    for b in range(band):
        equal = True
        for i in range(4 * b, 4 * b + 4):
            equal &= one[i] == other[i]
        if equal:
            return 129
    differing = 0
    for i in range(128):
        differing += one[i] != other[i]
    return differing
