"""The search through the tables, compiled by numba on first use and cached on disk.

Names of the steps: a *visit* compares one bucket of one table with one query; postings near enough are *survivors*;
resolving a survivor gives the *entries* (distinct codes) that it may stand for; an entry within the radius is a *hit*.
"""

from __future__ import annotations

import numpy as np

from registry.core.matching.chain.arguments import CANDIDATES, LANES, ROOM
from registry.core.matching.chain.vectors import (
    compiled,
    inlined,
    prefetch,
    ring_test_1,
    ring_test_2,
    ring_test_3,
    word_at,
)
from registry.core.matching.kernels import lowest, ones

CHUNKS = 16
BUCKETS = 1 << 16
STARTS = BUCKETS + 1
"""Offsets of a table."""

AHEAD = 64 * LANES
"""Postings of a bucket that are asked for before they are needed; longer ones the processor foresees by itself."""

_EVERY_LANE = 0x0001_0001_0001_0001
_ALL = 0xFFFF_FFFF


@inlined
def _turned(group, chunks, ring):  # type: ignore[no-untyped-def]
    """The chunks of a ring, moved up by so many places around it."""
    by = np.uint64(16 * chunks)
    if ring == 4:
        return group if chunks == 0 else (group << by) | (group >> (np.uint64(64) - by))
    return ((group << by) | (group >> (np.uint64(32) - by))) & np.uint64(_ALL)


@inlined
def _group(word0, word1, word2, word3, table, ring):  # type: ignore[no-untyped-def]
    """The chunks of the ring that a table belongs to, out of the four words of a code."""
    quarter = table >> 2
    word = word0 if quarter == 0 else word1 if quarter == 1 else word2 if quarter == 2 else word3
    if ring == 4:
        return word
    return (word >> np.uint64(16 * (table & 2))) & np.uint64(_ALL)


@inlined
def _from_here(group, table, ring):  # type: ignore[no-untyped-def]
    """The chunks of a ring in the order in which a table's postings have them: its own first."""
    return _turned(group, (ring - table) & (ring - 1), ring)


@inlined
def _own(keys):  # type: ignore[no-untyped-def]
    """The first of a ring's chunks: the bucket of the table that begins there."""
    return np.int64(keys & np.uint64(0xFFFF))


@inlined
def _span(tables, table, bucket):  # type: ignore[no-untyped-def]
    """First posting of a bucket, and the one after its last."""
    at = table * STARTS + bucket
    return np.int64(tables.offsets[at]), np.int64(tables.offsets[at + 1])


@inlined
def _block(posting):  # type: ignore[no-untyped-def]
    """First posting of the block of 32 in which this one lies."""
    return posting & ~(LANES - 1)


@inlined
def _keys(asked, query, table, ring):  # type: ignore[no-untyped-def]
    """What a table's postings are compared with for a query."""
    at, words = 4 * query, asked.words
    return _from_here(
        _group(words[at], words[at + 1], words[at + 2], words[at + 3], table, ring), table, ring
    )


@inlined
def _test(tables, column, keys, limits):  # type: ignore[no-untyped-def]
    """The survivors among the 32 postings that begin at this place of a table's first column."""
    gap = CHUNKS * tables.stride
    if tables.ring == 2:
        return ring_test_1(tables.inline, column, gap, keys, limits)
    mask = ring_test_2(tables.inline, column, gap, keys, limits)
    if mask:
        mask &= ring_test_3(tables.inline, column, gap, keys, limits)
    return mask


@inlined
def _test_lazily(tables, column, keys, limits):  # type: ignore[no-untyped-def]
    """The same where memory is far: the other columns are read only if the first leaves something."""
    gap = CHUNKS * tables.stride
    mask = ring_test_1(tables.inline, column, gap, keys, limits)
    if mask and tables.ring == 4:
        mask &= ring_test_3(tables.inline, column, gap, keys, limits)
    return mask


@inlined
def _inside(block, begin, end):  # type: ignore[no-untyped-def]
    """A bit for each of the 32 postings from `block` that lies in the bucket."""
    mask = np.uint64(_ALL)
    if block < begin:
        mask = (mask << np.uint64(begin - block)) & np.uint64(_ALL)
    if end - block < LANES:
        mask &= (np.uint64(1) << np.uint64(end - block)) - np.uint64(1)
    return mask


@inlined
def _keep(tables, asked, pending, query, table, bucket, block, mask):  # type: ignore[no-untyped-def]
    """Note the survivors of one block; true once there are enough to resolve."""
    count, ring = pending.waiting[0], tables.ring
    while mask:
        posting = block + lowest(mask)
        mask &= mask - np.uint64(1)
        if asked.survivors[query] >= asked.patience:
            break
        asked.survivors[query] += 1
        group = np.uint64(bucket)
        for lane in range(1, ring):
            chunk = tables.inline[((lane - 1) * CHUNKS + table) * tables.stride + posting]
            group |= np.uint64(chunk) << np.uint64(16 * lane)
        pending.query[count] = query
        pending.table[count] = table
        pending.posting[count] = posting
        pending.group[count] = _turned(group, table & (ring - 1), ring)
        count += 1
    pending.waiting[0] = count
    return count >= ROOM


@inlined
def _select(bits, rank):  # type: ignore[no-untyped-def]
    """Position of the set bit that has `rank` set bits below it; there must be one."""
    position = 0
    for width in (32, 16, 8, 4, 2, 1):
        below = np.int64(ones(bits & ((np.uint64(1) << np.uint64(width)) - np.uint64(1))))
        if rank >= below:
            rank -= below
            bits >>= np.uint64(width)
            position += width
    return position


@inlined
def _id(tables, head, bucket, posting):  # type: ignore[no-untyped-def]
    """What a posting of a ring's first table stands for: a row in table 0, an entry in the others.

    The ids of a bucket ascend. The lower half of each is stored as it is, the upper half as one bit at place
    `upper half + rank` of the bucket's stretch (Elias 1974, Fano 1971). A damaged file gives -1 or a wrong id.
    """
    number = head // tables.ring
    begin, _ = _span(tables, head, bucket)
    first = begin + bucket * tables.blocks
    rank = posting - begin
    word, last = number * tables.words + (first >> 6), (number + 1) * tables.words
    bits = (tables.high[word] >> np.uint64(first & 63)) << np.uint64(first & 63)
    while True:
        here = np.int64(ones(bits))
        if rank < here:
            break
        rank -= here
        word += 1
        if word >= last:
            return -1
        bits = tables.high[word]
    place = ((word - number * tables.words) << 6) + _select(bits, rank)
    upper = place - first - (posting - begin)
    return (upper << 16) | np.int64(tables.low[number * tables.entries + posting])


@compiled
def _comes_again(tables, table, bucket, posting, keys):  # type: ignore[no-untyped-def]
    """Whether an earlier posting of the same bucket has the same chunks, so that its survivor stands for both."""
    begin, _ = _span(tables, table, bucket)
    for block in range(_block(begin), posting, LANES):
        if _test(tables, table * tables.stride + block, keys, np.uint64(0)) & _inside(block, begin, posting):
            return True
    return False


@compiled
def _first_word(tables, entry):  # type: ignore[no-untyped-def]
    """The first quarter of an entry's code: its bucket in table 0, the columns there, and what is left."""
    below, above = 0, BUCKETS
    while above - below > 1:
        middle = (below + above) >> 1
        if np.int64(tables.offsets[middle]) <= entry:
            below = middle
        else:
            above = middle
    word = np.uint64(below)
    for lane in range(1, 4):
        if lane < tables.ring:
            chunk = tables.inline[(lane - 1) * CHUNKS * tables.stride + entry]
        else:
            chunk = tables.rest[entry * (CHUNKS - tables.ring) + lane - tables.ring]
        word |= np.uint64(chunk) << np.uint64(16 * lane)
    return word


@inlined
def _rest_word(tables, entry, quarter):  # type: ignore[no-untyped-def]
    """Quarter 1, 2 or 3 of an entry's code."""
    return word_at(tables.rest, entry * (CHUNKS - tables.ring) + 4 * quarter - tables.ring)


@compiled
def _found_before(asked, table, ring, word0, word1, word2, word3):  # type: ignore[no-untyped-def]
    """Whether a table before this one finds the pair too; the words say where query and code differ."""
    for earlier in range(table):
        if asked.shares[earlier] == 0:
            continue
        apart = _from_here(_group(word0, word1, word2, word3, earlier, ring), earlier, ring)
        limits, total, near = asked.limits[earlier], np.uint64(0), True
        for lane in range(ring):
            by = np.uint64(16 * lane)
            total += ones((apart >> by) & np.uint64(0xFFFF))
            if total > (limits >> by) & np.uint64(0xFFFF):
                near = False
                break
        if near:
            return True
    return False


@compiled
def _compare(tables, asked, query, entry, table, out):  # type: ignore[no-untyped-def]
    """Note the hit if the whole code is within the radius and this table is the first to find it."""
    at, words = 4 * query, asked.words
    word1 = _rest_word(tables, entry, 1) ^ words[at + 1]
    word2 = _rest_word(tables, entry, 2) ^ words[at + 2]
    word3 = _rest_word(tables, entry, 3) ^ words[at + 3]
    distance = np.int64(ones(word1) + ones(word2) + ones(word3))
    if distance > asked.radius:
        return
    word0 = _first_word(tables, entry) ^ words[at]
    distance += np.int64(ones(word0))
    if distance > asked.radius or _found_before(asked, table, tables.ring, word0, word1, word2, word3):
        return
    row = _id(tables, 0, np.int64((word0 ^ words[at]) & np.uint64(0xFFFF)), entry)
    if not 0 <= row < tables.rows:
        return
    place = out.found[0]
    if place < len(out.row):
        out.query[place], out.row[place], out.distance[place] = query, row, distance
    out.found[0] = place + 1


@compiled
def _settle(tables, asked, pending, out):  # type: ignore[no-untyped-def]
    """Find the entries of the candidates and compare them; each step asks for the memory of the next."""
    count, ring = pending.waiting[1], tables.ring
    for x in range(count):
        head = np.int64(pending.candidate_head[x])
        if head:
            bucket, posting = np.int64(pending.candidate_bucket[x]), pending.candidate[x]
            begin, _ = _span(tables, head, bucket)
            place = begin + bucket * tables.blocks + 2 * (posting - begin)
            prefetch(tables.low, (head // ring) * tables.entries + posting)
            prefetch(tables.high, (head // ring) * tables.words + (place >> 6))
    for x in range(count):
        head = np.int64(pending.candidate_head[x])
        if head:
            bucket = np.int64(pending.candidate_bucket[x])
            pending.candidate[x] = _id(tables, head, bucket, pending.candidate[x])
        first = pending.candidate[x] * (CHUNKS - ring)
        prefetch(tables.rest, first)
        prefetch(tables.rest, first + CHUNKS - ring - 1)
    for x in range(count):
        entry = pending.candidate[x]
        if 0 <= entry < tables.entries:
            table = np.int64(pending.candidate_table[x])
            _compare(tables, asked, np.int64(pending.candidate_query[x]), entry, table, out)
    pending.waiting[1] = 0


@inlined
def _stand(pending, x, head, bucket, posting):  # type: ignore[no-untyped-def]
    """Note that survivor x may stand for this posting of its ring's first table; true once there is no more room."""
    count = pending.waiting[1]
    pending.candidate_query[count] = pending.query[x]
    pending.candidate_table[count] = pending.table[x]
    pending.candidate_head[count] = head
    pending.candidate_bucket[count] = bucket
    pending.candidate[count] = posting
    pending.waiting[1] = count + 1
    return count + 1 >= CANDIDATES


@compiled
def _resolve(tables, asked, pending, out):  # type: ignore[no-untyped-def]
    """From survivors to hits.

    Only the first table of each ring knows what its postings stand for. A survivor of another table knows all
    chunks of its ring, so the postings of the first table with the same chunks are found in one bucket.
    """
    count, ring = pending.waiting[0], tables.ring
    for x in range(count):
        head = np.int64(pending.table[x]) & -ring
        prefetch(tables.offsets, head * STARTS + _own(pending.group[x]))
    for x in range(count):
        table = np.int64(pending.table[x])
        head = table & -ring
        if table != head:
            begin, end = _span(tables, head, _own(pending.group[x]))
            for ahead in range(_block(begin), min(end, begin + AHEAD), LANES):
                prefetch(tables.inline, head * tables.stride + ahead)
    for x in range(count):
        table, posting, group = np.int64(pending.table[x]), np.int64(pending.posting[x]), pending.group[x]
        head, bucket = table & -ring, _own(group)
        if table == head:
            if _stand(pending, x, head, bucket, posting):
                _settle(tables, asked, pending, out)
            continue
        keys = _from_here(group, table, ring)
        if _comes_again(tables, table, _own(keys), posting, keys):
            continue
        begin, end = _span(tables, head, bucket)
        for block in range(_block(begin), end, LANES):
            mask = _test(tables, head * tables.stride + block, group, np.uint64(0)) & _inside(
                block, begin, end
            )
            while mask:
                if _stand(pending, x, head, bucket, block + lowest(mask)):
                    _settle(tables, asked, pending, out)
                mask &= mask - np.uint64(1)
    _settle(tables, asked, pending, out)
    pending.waiting[0] = 0


@compiled
def search_each(tables, asked, masks, scratch, pending, out):  # type: ignore[no-untyped-def]
    """Query after query: while one table is compared, the lists of the next are on their way from memory."""
    begins, ends = scratch.begins, scratch.ends
    for query in range(asked.queries):
        for table in range(CHUNKS):
            key = _own(_keys(asked, query, table, tables.ring))
            for probe in range(masks.up_to[asked.shares[table] - 1] if asked.shares[table] else 0):
                prefetch(tables.offsets, table * STARTS + (key ^ masks.values[probe]))
        for ahead in range(CHUNKS + 1):
            if ahead < CHUNKS and asked.shares[ahead]:
                key = _own(_keys(asked, query, ahead, tables.ring))
                for probe in range(masks.up_to[asked.shares[ahead] - 1]):
                    begin, end = _span(tables, ahead, key ^ masks.values[probe])
                    begins[ahead & 1, probe], ends[ahead & 1, probe] = begin, end
                    for line in range(_block(begin), min(end, begin + AHEAD), LANES):
                        prefetch(tables.inline, ahead * tables.stride + line)
            table = ahead - 1
            if table < 0 or asked.shares[table] == 0:
                continue
            keys = _keys(asked, query, table, tables.ring)
            for probe in range(masks.up_to[asked.shares[table] - 1]):
                begin, end = begins[table & 1, probe], ends[table & 1, probe]
                limits = asked.limits[table] - np.uint64(masks.ones[probe]) * np.uint64(_EVERY_LANE)
                bucket = _own(keys) ^ masks.values[probe]
                for block in range(_block(begin), end, LANES):
                    mask = _test_lazily(tables, table * tables.stride + block, keys, limits)
                    if mask:
                        mask &= _inside(block, begin, end)
                        if _keep(tables, asked, pending, query, table, bucket, block, mask):
                            _resolve(tables, asked, pending, out)
    _resolve(tables, asked, pending, out)


@compiled
def _by_region(asked, table, ring, low_bits, scratch):  # type: ignore[no-untyped-def]
    """Sort the queries by the upper bits of their chunk: `order[starts[r]:starts[r + 1]]` lie in region r."""
    starts, order, keys = scratch.starts, scratch.order, scratch.keys
    for region in range(len(starts)):
        starts[region] = 0
    for query in range(asked.queries):
        chunk = _own(_keys(asked, query, table, ring))
        starts[(chunk >> low_bits) + 2] += 1
    for region in range(2, len(starts)):
        starts[region] += starts[region - 1]
    for query in range(asked.queries):
        key = _keys(asked, query, table, ring)
        region = (_own(key) >> low_bits) + 1
        order[starts[region]], keys[starts[region]] = query, key
        starts[region] += 1


@compiled
def search_regions(tables, asked, region_bits, upper, lower, scratch, pending, out):  # type: ignore[no-untyped-def]
    """All queries at once, region after region of each table.

    A region is a stretch of buckets with the same upper bits of the chunk, small enough for the level 1 cache.
    The queries that look into it have those upper bits, or differ from them in a few (`upper`); each then visits
    the buckets that differ in the lower bits by what is left of its share (`lower`).
    """
    low_bits = 16 - region_bits
    starts, order, sorted_keys = scratch.starts, scratch.order, scratch.keys
    for table in range(CHUNKS):
        most = asked.shares[table] - 1
        if most < 0:
            continue
        _by_region(asked, table, tables.ring, low_bits, scratch)
        column = table * tables.stride
        for region in range(1 << region_bits):
            for u in range(upper.up_to[most]):
                near, used = region ^ upper.values[u], upper.ones[u]
                probes = lower.up_to[most - used]
                for x in range(starts[near], starts[near + 1]):
                    keys, query = sorted_keys[x], order[x]
                    same = (region << low_bits) | (np.int64(keys) & ((1 << low_bits) - 1))
                    for probe in range(probes):
                        bucket = same ^ lower.values[probe]
                        begin, end = _span(tables, table, bucket)
                        apart = np.uint64(used + lower.ones[probe])
                        limits = asked.limits[table] - apart * np.uint64(_EVERY_LANE)
                        for block in range(_block(begin), end, LANES):
                            mask = _test(tables, column + block, keys, limits)
                            if mask:
                                mask &= _inside(block, begin, end)
                                if _keep(tables, asked, pending, query, table, bucket, block, mask):
                                    _resolve(tables, asked, pending, out)
    _resolve(tables, asked, pending, out)


@compiled
def scan(tables, asked, out):  # type: ignore[no-untyped-def]
    """Compare every entry with every query, whatever the buckets say."""
    for entry in range(tables.entries):
        for query in range(asked.queries):
            _compare(tables, asked, query, entry, 0, out)


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
def entries_of(tables, first, dealt, rows):  # type: ignore[no-untyped-def]
    """Write the dealt codes and the rows of the entries from `first` on: what the tables were built from."""
    for i in range(len(rows)):
        entry = first + i
        word = _first_word(tables, entry)
        dealt[i, 0] = word
        for quarter in range(1, 4):
            dealt[i, quarter] = _rest_word(tables, entry, quarter)
        rows[i] = _id(tables, 0, np.int64(word & np.uint64(0xFFFF)), entry)
