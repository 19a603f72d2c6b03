"""A search through the tables, in the way that is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.matching.chain import arguments, budget, costs
from registry.core.matching.chain.permutation import dealing
from registry.core.matching.chain.tables import Stored
from registry.core.matching.hits import Hits

Words = NDArray[np.uint64]

_AT_ONCE: Final = 1 << 16
"""Queries of one call: enough to share each region among many, few enough to stay in the cache."""

_SHARED_OUT: Final = 1 << 12
"""Queries from which on threads are worth starting."""

_NO_RELATIONS: Final = (np.empty(0, np.int32), np.empty(0, np.uint8))

_desk: Final = arguments.Desk()


def search(
    stored: Stored, queries: Words, radius: int, way: costs.Way, family: int = 1, threads: int = 1
) -> Hits:
    """All (query, row) at most `radius` bits apart; `queries` is (Q, 4) words, not yet dealt.

    Every `family` of them in a row are variants of one picture. What they share is looked for once.
    A large batch by regions takes so many `threads`.
    """
    if len(queries) <= _AT_ONCE:
        return _with_twins(stored, _search(stored, queries, 0, radius, way, family, threads))
    step = _AT_ONCE - _AT_ONCE % family
    parts = [
        _with_twins(
            stored, _search(stored, queries[begin : begin + step], begin, radius, way, family, threads)
        )
        for begin in range(0, len(queries), step)
    ]
    return Hits.joined(parts)


def _search(
    stored: Stored, queries: Words, offset: int, radius: int, way: costs.Way, family: int, threads: int
) -> Hits:
    """The entries within the radius of some of the queries, with room for more hits if there were too many."""
    from registry.core.matching.chain import preparing  # numba takes half a second to import

    dealt = np.empty((len(queries), 4), np.uint64)
    preparing.deal(np.ascontiguousarray(queries), dealing(stored.permutation), dealt)
    few = len(queries) <= arguments.FEW
    out = _desk.out() if few else arguments.out(1024 + 4 * len(queries))
    flooded = _run(stored, dealt, radius, way, family, threads, out)
    if out.found[0] > len(out.row):
        few, out = False, arguments.out(int(out.found[0]))
        flooded = _run(stored, dealt, radius, way, family, threads, out)
    hits = _hits(out, copied=few)
    if flooded.any():
        hits = _kept(hits, ~flooded[hits.query])
        asked = np.flatnonzero(flooded)
        scanned = _search(stored, queries[asked], 0, radius, "brute", 1, 1)
        hits = Hits.joined(
            (hits, Hits(asked[scanned.query].astype(np.uint32), scanned.row, scanned.distance))
        )
    if len(hits) <= 1 and not offset:
        return hits
    return Hits.sorted(hits.query + np.uint32(offset), hits.row, hits.distance)


def _hits(out: arguments.Out, *, copied: bool) -> Hits:
    """What was found; `copied` where the next search writes over it."""
    count = int(out.found[0])
    if not count:
        return Hits.none()
    hits = Hits(out.query[:count], out.row[:count], out.distance[:count])
    return Hits(hits.query.copy(), hits.row.copy(), hits.distance.copy()) if copied else hits


def _run(
    stored: Stored, dealt: Words, radius: int, way: costs.Way, family: int, threads: int, out: arguments.Out
) -> NDArray[np.bool_]:
    """Fill `out`; true for the queries that have so many survivors that a scan of all entries is cheaper.

    An adversary may register many codes that agree in some chunks with a picture that is often asked for. Each of
    them costs more to resolve than to compare, so no query waits longer than about two scans.
    """
    from registry.core.matching.chain import kernels, resolving

    tables, shared = stored.tables, budget.shares(radius)
    patience = int(4096 + (4 * costs.survivors(stored.layout, radius) + 1 / 64) * tables.entries)
    patience *= family
    survivors = np.zeros(len(dealt) // family, np.int64)
    limits, related = budget.limits(radius, tables.ring), _related(dealt, family)
    asked = arguments.Asked(
        dealt.reshape(-1), len(dealt), shared, limits, radius, family, *related, survivors, patience
    )
    if way == "brute":
        resolving.scan(tables, asked, out)
        return np.zeros(len(dealt), np.bool_)
    most = int(shared.max()) - 1
    bits = costs.region_bits(tables.entries)
    whole = budget.masks(budget.CHUNK_BITS, most)
    if way == "each":
        scratch = _desk.scratch(len(whole.values), bits)
        kernels.search_each(tables, asked, whole, scratch, _desk.pending, out)
    else:
        _by_regions(stored, asked, bits, most, threads if len(dealt) >= _SHARED_OUT else 1, out)
    return np.repeat(survivors >= patience, family)


def _by_regions(
    stored: Stored, asked: arguments.Asked, bits: int, most: int, threads: int, out: arguments.Out
) -> None:
    """Each thread searches some of the tables; a pair is found in one of them, whoever searches it.

    If only the survivors of all threads together are too many, a query is scanned that need not be.
    """
    from registry.core.matching.chain import kernels

    upper, lower = budget.masks(bits, most), budget.masks(budget.CHUNK_BITS - bits, most)

    def part(number: int) -> tuple[arguments.Asked, arguments.Out]:
        own, found = asked, out
        if threads > 1:
            own = asked._replace(survivors=np.zeros_like(asked.survivors))
            found = arguments.out(len(out.row))
        scratch = arguments.scratch(asked.queries, len(upper.values), bits)
        first, last = (budget.CHUNKS * n // threads for n in (number, number + 1))
        kernels.search_regions(
            stored.tables, own, first, last, bits, upper, lower, scratch, arguments.pending(), found
        )
        return own, found

    if threads == 1:
        part(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        for own, found in pool.map(part, range(threads)):
            asked.survivors[:] += own.survivors
            begin, count = int(out.found[0]), int(found.found[0])
            out.found[0] = end = begin + count
            if end <= len(out.row):  # else all of it is repeated with more room
                out.query[begin:end] = found.query[:count]
                out.row[begin:end] = found.row[:count]
                out.distance[begin:end] = found.distance[:count]


def _related(dealt: Words, family: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Which queries of each family have a quarter in common."""
    from registry.core.matching.chain import preparing

    if family == 1:
        return _NO_RELATIONS
    if len(dealt) % family:
        raise ValueError(f"{len(dealt)} queries are no families of {family}.")
    alike, led = np.empty(4 * len(dealt), np.int32), np.empty(4 * len(dealt), np.uint8)
    preparing.relate(dealt.reshape(-1), family, alike, led)
    return alike, led


def _kept(hits: Hits, keep: NDArray[np.bool_]) -> Hits:
    return Hits(hits.query[keep], hits.row[keep], hits.distance[keep])


def _with_twins(stored: Stored, hits: Hits) -> Hits:
    """Besides each row found the others that have the same code."""
    if not len(stored.twin) or not len(hits):
        return hits
    first = np.searchsorted(stored.twin_of, hits.row, side="left")
    count = np.searchsorted(stored.twin_of, hits.row, side="right") - first
    owner = np.repeat(np.arange(len(hits)), count)
    position = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + first[owner]
    more = Hits(hits.query[owner], stored.twin[position].astype(np.uint32), hits.distance[owner])
    return Hits.joined((hits, more))


def codes_of(stored: Stored) -> tuple[Words, NDArray[np.uint32]]:
    """(entries, 4) words of the distinct codes, as they were before dealing, and the first row of each."""
    from registry.core.matching.chain import preparing, resolving
    from registry.core.matching.chain.permutation import inverse

    codes = np.empty((stored.tables.entries, 4), np.uint64)
    rows = np.empty(stored.tables.entries, np.uint32)
    resolving.entries_of(stored.tables, 0, codes, rows)
    preparing.deal(codes, dealing(inverse(stored.permutation)), codes)
    return codes, rows
