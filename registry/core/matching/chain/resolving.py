"""From survivors to hits: which entries a survivor may stand for, and whether their whole code is within the radius."""

from __future__ import annotations

import numpy as np

from registry.core.matching.chain.arguments import CANDIDATES, LANES, ROOM
from registry.core.matching.chain.postings import (
    AHEAD,
    BUCKETS,
    CHUNKS,
    STARTS,
    block_of,
    from_here,
    group_of,
    inside,
    near_postings,
    next_alike,
    own,
    span,
    turned,
)
from registry.core.matching.chain.vectors import compiled, inlined, prefetch, word_at
from registry.core.matching.kernels import lowest, ones


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
    begin, _ = span(tables, head, bucket)
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
    begin, _ = span(tables, table, bucket)
    for block in range(block_of(begin), posting, LANES):
        if near_postings(tables, table * tables.stride + block, keys, np.uint64(0)) & inside(
            block, begin, posting
        ):
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
        apart = from_here(group_of(word0, word1, word2, word3, earlier, ring), earlier, ring)
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
            begin, _ = span(tables, head, bucket)
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
            table, query = np.int64(pending.candidate_table[x]), np.int64(pending.candidate_query[x])
            while query >= 0:
                _compare(tables, asked, query, entry, table, out)
                query = next_alike(asked, query, table)
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
def resolve(tables, asked, pending, out):  # type: ignore[no-untyped-def]
    """From survivors to hits.

    Only the first table of each ring knows what its postings stand for. A survivor of another table knows all
    chunks of its ring, so the postings of the first table with the same chunks are found in one bucket.
    """
    count, ring = pending.waiting[0], tables.ring
    for x in range(count):
        head = np.int64(pending.table[x]) & -ring
        prefetch(tables.offsets, head * STARTS + own(pending.group[x]))
    for x in range(count):
        table = np.int64(pending.table[x])
        head = table & -ring
        if table != head:
            begin, end = span(tables, head, own(pending.group[x]))
            for ahead in range(block_of(begin), min(end, begin + AHEAD), LANES):
                prefetch(tables.inline, head * tables.stride + ahead)
    for x in range(count):
        table, posting, group = np.int64(pending.table[x]), np.int64(pending.posting[x]), pending.group[x]
        head, bucket = table & -ring, own(group)
        if table == head:
            if _stand(pending, x, head, bucket, posting):
                _settle(tables, asked, pending, out)
            continue
        keys = from_here(group, table, ring)
        if _comes_again(tables, table, own(keys), posting, keys):
            continue
        begin, end = span(tables, head, bucket)
        for block in range(block_of(begin), end, LANES):
            mask = near_postings(tables, head * tables.stride + block, group, np.uint64(0)) & inside(
                block, begin, end
            )
            while mask:
                if _stand(pending, x, head, bucket, block + lowest(mask)):
                    _settle(tables, asked, pending, out)
                mask &= mask - np.uint64(1)
    _settle(tables, asked, pending, out)
    pending.waiting[0] = 0


@compiled
def scan(tables, asked, out):  # type: ignore[no-untyped-def]
    """Compare every entry with every query, whatever the buckets say."""
    for entry in range(tables.entries):
        for query in range(asked.queries):
            _compare(tables, asked, query, entry, 0, out)


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


@inlined
def keep(tables, asked, pending, query, table, bucket, block, mask):  # type: ignore[no-untyped-def]
    """Note the survivors of one block; true once there are enough to resolve."""
    count, ring = pending.waiting[0], tables.ring
    while mask:
        posting = block + lowest(mask)
        mask &= mask - np.uint64(1)
        if asked.survivors[query // asked.family] >= asked.patience:
            break
        asked.survivors[query // asked.family] += 1
        group = np.uint64(bucket)
        for lane in range(1, ring):
            chunk = tables.inline[((lane - 1) * CHUNKS + table) * tables.stride + posting]
            group |= np.uint64(chunk) << np.uint64(16 * lane)
        pending.query[count] = query
        pending.table[count] = table
        pending.posting[count] = posting
        pending.group[count] = turned(group, table & (ring - 1), ring)
        count += 1
    pending.waiting[0] = count
    return count >= ROOM
