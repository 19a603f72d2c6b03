"""What all search kernels are made of: where a table's postings lie, and which of them are near a query.

Every function here becomes part of the kernels that call it (`vectors` says what to do after a change).
"""

from __future__ import annotations

import numpy as np

from registry.core.matching.chain.arguments import LANES
from registry.core.matching.chain.vectors import inlined, ring_test_1, ring_test_2, ring_test_3

CHUNKS = 16
BUCKETS = 1 << 16
STARTS = BUCKETS + 1
"""Offsets of a table."""

AHEAD = 64 * LANES
"""Postings of a bucket that are asked for before they are needed; longer ones the processor foresees by itself."""

EVERY_LANE = 0x0001_0001_0001_0001

_ALL = 0xFFFF_FFFF


@inlined
def turned(group, chunks, ring):  # type: ignore[no-untyped-def]
    """The chunks of a ring, moved up by so many places around it."""
    by = np.uint64(16 * chunks)
    if ring == 4:
        return group if chunks == 0 else (group << by) | (group >> (np.uint64(64) - by))
    return ((group << by) | (group >> (np.uint64(32) - by))) & np.uint64(_ALL)


@inlined
def group_of(word0, word1, word2, word3, table, ring):  # type: ignore[no-untyped-def]
    """The chunks of the ring that a table belongs to, out of the four words of a code."""
    quarter = table >> 2
    word = word0 if quarter == 0 else word1 if quarter == 1 else word2 if quarter == 2 else word3
    if ring == 4:
        return word
    return (word >> np.uint64(16 * (table & 2))) & np.uint64(_ALL)


@inlined
def from_here(group, table, ring):  # type: ignore[no-untyped-def]
    """The chunks of a ring in the order in which a table's postings have them: its own first."""
    return turned(group, (ring - table) & (ring - 1), ring)


@inlined
def own(keys):  # type: ignore[no-untyped-def]
    """The first of a ring's chunks: the bucket of the table that begins there."""
    return np.int64(keys & np.uint64(0xFFFF))


@inlined
def span(tables, table, bucket):  # type: ignore[no-untyped-def]
    """First posting of a bucket, and the one after its last."""
    at = table * STARTS + bucket
    return np.int64(tables.offsets[at]), np.int64(tables.offsets[at + 1])


@inlined
def block_of(posting):  # type: ignore[no-untyped-def]
    """First posting of the block of 32 in which this one lies."""
    return posting & ~(LANES - 1)


@inlined
def keys_of(asked, query, table, ring):  # type: ignore[no-untyped-def]
    """What a table's postings are compared with for a query."""
    at, words = 4 * query, asked.words
    return from_here(
        group_of(words[at], words[at + 1], words[at + 2], words[at + 3], table, ring), table, ring
    )


@inlined
def is_left_out(asked, query, table):  # type: ignore[no-untyped-def]
    """Whether a table finds what this query meets by another of its family."""
    return asked.family > 1 and asked.led[(table >> 2) * asked.queries + query] != 0


@inlined
def next_alike(asked, query, table):  # type: ignore[no-untyped-def]
    """The next query of the family with the same quarter, to which the table that a survivor is of belongs; else -1."""
    if asked.family == 1:
        return -1
    return np.int64(asked.alike[(table >> 2) * asked.queries + query])


@inlined
def near_postings(tables, column, keys, limits):  # type: ignore[no-untyped-def]
    """The survivors among the 32 postings that begin at this place of a table's first column."""
    gap = CHUNKS * tables.stride
    if tables.ring == 2:
        return ring_test_1(tables.inline, column, gap, keys, limits)
    mask = ring_test_2(tables.inline, column, gap, keys, limits)
    if mask:
        mask &= ring_test_3(tables.inline, column, gap, keys, limits)
    return mask


@inlined
def near_postings_lazily(tables, column, keys, limits):  # type: ignore[no-untyped-def]
    """The same where memory is far: the other columns are read only if the first leaves something."""
    gap = CHUNKS * tables.stride
    mask = ring_test_1(tables.inline, column, gap, keys, limits)
    if mask and tables.ring == 4:
        mask &= ring_test_3(tables.inline, column, gap, keys, limits)
    return mask


@inlined
def inside(block, begin, end):  # type: ignore[no-untyped-def]
    """A bit for each of the 32 postings from `block` that lies in the bucket."""
    mask = np.uint64(_ALL)
    if block < begin:
        mask = (mask << np.uint64(begin - block)) & np.uint64(_ALL)
    if end - block < LANES:
        mask &= (np.uint64(1) << np.uint64(end - block)) - np.uint64(1)
    return mask
