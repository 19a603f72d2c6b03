"""From a list of codes to the tables that find them.

Besides the tables themselves, which memory-mapped files take, building holds about 50 bytes a code: it goes ring by
ring, dealing only that quarter of the codes which the ring needs. Codes that occur several times stand in the tables
once: a watermark found in ten thousand works costs a search as much as any other code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.matching.chain import tables as shape
from registry.core.matching.chain.permutation import PERMUTATION, dealing
from registry.core.matching.chain.tables import BUCKETS, WIDE, Create, Layout, Stored
from registry.core.matching.hits import MAX_ROWS

Words = NDArray[np.uint64]
Rows = NDArray[np.uint32]

_QUARTERS, _QUARTER_CHUNKS = 4, 4


def build(
    codes: Words,
    *,
    live: NDArray[np.bool_] | None = None,
    layout: Layout = WIDE,
    create: Create = shape.in_memory,
) -> Stored:
    """Tables over the (N, 4) words of codes, of those rows that are `live` (all, if not given).

    `create` makes the arrays, in memory or in files. Rows keep their numbers: row i of a hit is `codes[i]`.
    """
    if len(codes) >= MAX_ROWS:
        raise InvalidInput("An index holds fewer than 2^32 codes; cut the list into shards.")
    table = dealing()
    chosen = (
        np.arange(len(codes), dtype=np.uint32) if live is None else np.flatnonzero(live).astype(np.uint32)
    )
    words = _dealt(codes, table, 0, chosen)
    once, twin_of, twin = _twins(codes, words, chosen)
    chosen, buckets = chosen[once], _chunk(words[once], 0)
    del words
    made = {
        name: create(name, dtype, size)
        for name, (dtype, size) in shape.shapes(layout, len(chosen), len(codes)).items()
    }
    blocks = shape.sizes(len(chosen), len(codes))[1]
    for quarter in range(_QUARTERS):
        # in the order of the first table, which numbers the entries
        words, rows, _ = _sorted(buckets, _dealt(codes, table, quarter, chosen), chosen)
        _fill_rest(words, quarter, layout, made["rest"])
        for first in range(_QUARTER_CHUNKS * quarter, _QUARTER_CHUNKS * (quarter + 1), layout.ring):
            _fill_ring(words, rows, first, layout, blocks, made)
    for name, column in (("twin_of", twin_of), ("twin", twin), ("permutation", PERMUTATION)):
        made[name] = create(name, column.dtype, column.shape)
        made[name][:] = column
    return shape.assemble(layout, len(chosen), len(codes), made)


def _dealt(codes: Words, table: Words, quarter: int, rows: Rows) -> Words:
    """One quarter of these rows' codes, their bits dealt."""
    from registry.core.matching.chain.sorting import deal_quarter

    words = np.empty(len(rows), np.uint64)
    deal_quarter(codes, np.ascontiguousarray(table[..., quarter]).reshape(-1), rows, words)
    return words


def _chunk(words: Words, number: int) -> NDArray[np.uint16]:
    """One of the four chunks of each quarter."""
    return np.ascontiguousarray(words.view(np.uint16).reshape(-1, _QUARTER_CHUNKS)[:, number])


def _sorted(keys: NDArray[np.uint16], words: Words, ids: Rows) -> tuple[Words, Rows, NDArray[np.uint32]]:
    """Words and ids by key, and where each key begins."""
    from registry.core.matching.chain.sorting import sort_pairs

    offsets = np.empty(BUCKETS + 1, np.uint32)
    ordered, places = np.empty(len(keys), np.uint64), np.empty(len(keys), np.uint32)
    sort_pairs(keys, words, ids, offsets, ordered, places)
    return ordered, places, offsets


def _twins(codes: Words, words: Words, chosen: Rows) -> tuple[NDArray[np.bool_], Rows, Rows]:
    """Which of the chosen rows come first with their code, and for each other one which row that is.

    Rows are sorted by their first quarter (`words`); only those that share it with another are compared in full.
    """
    ordered, rows = words, chosen
    for number in range(_QUARTER_CHUNKS):
        ordered, rows, _ = _sorted(_chunk(ordered, number), ordered, rows)
    same = ordered[1:] == ordered[:-1]
    shared = np.zeros(len(chosen), np.bool_)
    shared[1:] = same
    shared[:-1] |= same
    rows = np.sort(rows[shared])
    once = np.ones(len(chosen), np.bool_)
    if not len(rows):
        return once, rows, rows.copy()
    full = codes[rows]
    order = np.lexsort((rows, *full.T))
    rows, full = rows[order], full[order]
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (full[1:] != full[:-1]).any(axis=1)
    first = rows[np.flatnonzero(starts)][np.cumsum(starts) - 1]
    twin, twin_of = rows[~starts], first[~starts]
    once[np.searchsorted(chosen, twin)] = False
    order = np.lexsort((twin, twin_of))
    return once, twin_of[order], twin[order]


def _fill_rest(words: Words, quarter: int, layout: Layout, rest: NDArray[Any]) -> None:
    """The chunks of a quarter that an entry's first ring does not hold."""
    for number in range(_QUARTER_CHUNKS):
        chunk = _QUARTER_CHUNKS * quarter + number
        if chunk >= layout.ring:
            rest[:, chunk - layout.ring] = _chunk(words, number)


def _fill_ring(
    words: Words, rows: Rows, first: int, layout: Layout, blocks: int, made: dict[str, NDArray[Any]]
) -> None:
    """The tables of one ring; the first of them also says which entry (table 0: which row) a posting is."""
    from registry.core.matching.chain.sorting import code_ids

    entries = np.arange(len(words), dtype=np.uint32)
    for table in range(first, first + layout.ring):
        ordered, ids, made["offsets"][table] = _sorted(_chunk(words, table % _QUARTER_CHUNKS), words, entries)
        for lane in range(1, layout.ring):
            chunk = first + (table - first + lane) % layout.ring
            made["inline"][lane - 1, table, : len(words)] = _chunk(ordered, chunk % _QUARTER_CHUNKS)
        if table == first:
            number = first // layout.ring
            code_ids(
                rows if first == 0 else ids,
                made["offsets"][table],
                blocks,
                made["low"][number],
                made["high"][number],
            )
