"""The search through the tables, compiled by numba on first use and cached on disk.

Names of the steps: a *visit* compares one bucket of one table with one query; by regions, blocks of postings of which
one is near enough in its first chunk are *marked* before they are tested in full; postings near enough are *survivors*;
resolving a survivor gives the *entries* (distinct codes) that it may stand for; an entry within the radius is a *hit*.
"""

from __future__ import annotations

import numpy as np

from registry.core.matching.chain.arguments import LANES, MARKS
from registry.core.matching.chain.postings import (
    AHEAD,
    BUCKETS,
    CHUNKS,
    EVERY_LANE,
    STARTS,
    block_of,
    inside,
    is_left_out,
    keys_of,
    near_postings,
    near_postings_lazily,
    own,
    span,
)
from registry.core.matching.chain.resolving import keep, resolve
from registry.core.matching.chain.vectors import compiled, inlined, prefetch, ring_test_1
from registry.core.matching.kernels import ones

_BLOCK_BITS, _PLACE = 27, 27 + 16
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
"""Where the numbers of a mark lie: there are at most 2^32 / 32 blocks, and 2^16 buckets."""


SOME = 8 * LANES
"""Postings of the next region that are asked for at a visit. A processor forgets what is asked for at once beyond some
dozens of lines: with the whole region asked for before its first visit, a thousand pictures in all variants took 69
microseconds each among 10 million, now 43."""


@compiled
def search_each(tables, asked, masks, scratch, pending, out):  # type: ignore[no-untyped-def]
    """Query after query: while one table is compared, the lists of the next are on their way from memory."""
    begins, ends = scratch.begins, scratch.ends
    for query in range(asked.queries):
        for table in range(CHUNKS):
            if is_left_out(asked, query, table):
                continue
            key = own(keys_of(asked, query, table, tables.ring))
            for probe in range(masks.up_to[asked.shares[table] - 1] if asked.shares[table] else 0):
                prefetch(tables.offsets, table * STARTS + (key ^ masks.values[probe]))
        for ahead in range(CHUNKS + 1):
            if ahead < CHUNKS and asked.shares[ahead] and not is_left_out(asked, query, ahead):
                key = own(keys_of(asked, query, ahead, tables.ring))
                for probe in range(masks.up_to[asked.shares[ahead] - 1]):
                    begin, end = span(tables, ahead, key ^ masks.values[probe])
                    begins[ahead & 1, probe], ends[ahead & 1, probe] = begin, end
                    for line in range(block_of(begin), min(end, begin + AHEAD), LANES):
                        prefetch(tables.inline, ahead * tables.stride + line)
            table = ahead - 1
            if table < 0 or asked.shares[table] == 0 or is_left_out(asked, query, table):
                continue
            keys = keys_of(asked, query, table, tables.ring)
            for probe in range(masks.up_to[asked.shares[table] - 1]):
                begin, end = begins[table & 1, probe], ends[table & 1, probe]
                limits = asked.limits[table] - np.uint64(masks.ones[probe]) * np.uint64(EVERY_LANE)
                bucket = own(keys) ^ masks.values[probe]
                for block in range(block_of(begin), end, LANES):
                    mask = near_postings_lazily(tables, table * tables.stride + block, keys, limits)
                    if mask:
                        mask &= inside(block, begin, end)
                        if keep(tables, asked, pending, query, table, bucket, block, mask):
                            resolve(tables, asked, pending, out)
    resolve(tables, asked, pending, out)


@compiled
def _by_region(asked, table, ring, low_bits, scratch):  # type: ignore[no-untyped-def]
    """Sort the queries by the upper bits of their chunk: `order[starts[r]:starts[r + 1]]` lie in region r."""
    starts, order, keys = scratch.starts, scratch.order, scratch.keys
    for region in range(len(starts)):
        starts[region] = 0
    for query in range(asked.queries):
        if not is_left_out(asked, query, table):
            chunk = own(keys_of(asked, query, table, ring))
            starts[(chunk >> low_bits) + 2] += 1
    for region in range(2, len(starts)):
        starts[region] += starts[region - 1]
    for query in range(asked.queries):
        if is_left_out(asked, query, table):
            continue
        key = keys_of(asked, query, table, ring)
        region = (own(key) >> low_bits) + 1
        order[starts[region]], keys[starts[region]] = query, key
        starts[region] += 1


@compiled
def _test_marked(tables, asked, table, count, scratch, pending, out):  # type: ignore[no-untyped-def]
    """Test the blocks that `search_regions` has marked in all chunks; asks for the memory of all of them first."""
    column = table * tables.stride
    for m in range(count):
        block = (scratch.marks[m] & _BLOCK_MASK) * LANES
        prefetch(tables.inline, column + block + (0 if tables.ring == 2 else CHUNKS * tables.stride))
    for m in range(count):
        mark = scratch.marks[m]
        block, bucket, x = (mark & _BLOCK_MASK) * LANES, (mark >> _BLOCK_BITS) & 0xFFFF, mark >> _PLACE
        keys, query = scratch.keys[x], scratch.order[x]
        apart = ones(np.uint64(bucket ^ own(keys)))
        limits = asked.limits[table] - apart * np.uint64(EVERY_LANE)
        mask = near_postings(tables, column + block, keys, limits)
        if mask:
            begin, end = span(tables, table, bucket)
            mask &= inside(block, begin, end)
            if keep(tables, asked, pending, query, table, bucket, block, mask):
                resolve(tables, asked, pending, out)


@inlined
def _ask_for_some(tables, line, end):  # type: ignore[no-untyped-def]
    """Ask for the next cache lines before `end`, and return the first that was not asked for."""
    stop = min(end, line + SOME)
    for at in range(line, stop, LANES):
        prefetch(tables.inline, at)
    return stop


@compiled
def search_regions(tables, asked, first, last, region_bits, upper, lower, scratch, pending, out):  # type: ignore[no-untyped-def]
    """All queries at once, region after region of each table from `first` to before `last`.

    The memory of the next region is asked for meanwhile, some of it at each visit.

    A region is a stretch of buckets with the same upper bits of the chunk, small enough for the level 1 cache.
    The queries that look into it have those upper bits, or differ from them in a few (`upper`); each then visits
    the buckets that differ in the lower bits by what is left of its share (`lower`).

    A visit reads the first column only. It writes each block down and steps on if there is a posting near enough in it,
    so that no branch waits for memory; one block in three to ten is then tested in full. A mark is three numbers: place
    of the query in `order`, bucket, block.
    """
    low_bits, gap = 16 - region_bits, CHUNKS * tables.stride
    starts, sorted_keys, marks = scratch.starts, scratch.keys, scratch.marks
    for table in range(first, last):
        most = asked.shares[table] - 1
        if most < 0:
            continue
        _by_region(asked, table, tables.ring, low_bits, scratch)
        column, count = table * tables.stride, np.uint64(0)
        for region in range(1 << region_bits):
            _, after = span(tables, table, ((region + 1) << low_bits) - 1)
            _, next_end = span(tables, table, min((region + 2) << low_bits, BUCKETS) - 1)
            line, next_end = column + block_of(after), column + next_end
            for u in range(upper.up_to[most]):
                near, used = region ^ upper.values[u], upper.ones[u]
                probes = lower.up_to[most - used]
                for x in range(starts[near], starts[near + 1]):
                    keys = sorted_keys[x]
                    same = (region << low_bits) | (np.int64(keys) & ((1 << low_bits) - 1))
                    for probe in range(probes):
                        bucket = same ^ lower.values[probe]
                        begin, end = span(tables, table, bucket)
                        line = _ask_for_some(tables, line, next_end)
                        apart = np.uint64(used + lower.ones[probe])
                        limits = asked.limits[table] - apart * np.uint64(EVERY_LANE)
                        mark = (x << _PLACE) | (bucket << _BLOCK_BITS)
                        for block in range(begin // LANES, (end + LANES - 1) // LANES):
                            marks[count] = mark | block
                            near_ones = ring_test_1(tables.inline, column + block * LANES, gap, keys, limits)
                            count += np.uint64(near_ones != 0)
                            if count == np.uint64(MARKS):
                                _test_marked(tables, asked, table, MARKS, scratch, pending, out)
                                count = np.uint64(0)
        _test_marked(tables, asked, table, np.int64(count), scratch, pending, out)
    resolve(tables, asked, pending, out)
