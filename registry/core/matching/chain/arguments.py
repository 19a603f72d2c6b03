"""What the kernels take and what they write into, as tuples of arrays that numba knows."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LANES = 32
"""Postings compared by one instruction."""

ROOM = 96
"""Survivors resolved together: while one is looked at, the memory of the others is on its way."""

CANDIDATES = 512
"""Entries compared together, for the same reason."""

MARKS = 384
"""Blocks tested in full together, for the same reason."""


class Asked(NamedTuple):
    """A search: the dealt queries and what a hit is."""

    words: NDArray[np.uint64]
    """[queries][4]"""
    queries: int
    shares: NDArray[np.int64]
    limits: NDArray[np.uint64]
    radius: int
    family: int
    """So many queries in a row are variants of one picture, and what they have in common is looked for once."""
    alike: NDArray[np.int32]
    """[4][queries] the next one of the family with the same quarter, -1 if there is none; empty without families."""
    led: NDArray[np.uint8]
    """[4][queries] 1 if an earlier one of the family has the same quarter, so that it is found with that one."""
    survivors: NDArray[np.int64]
    """[families] how many so far."""
    patience: int
    """A family with so many survivors is flooded and left to `scan`."""


class Pending(NamedTuple):
    """Survivors not yet resolved, then candidates not yet compared."""

    query: NDArray[np.uint32]
    table: NDArray[np.uint8]
    posting: NDArray[np.uint32]
    group: NDArray[np.uint64]
    """The chunks of the survivor's ring, in their order in the code."""
    candidate_query: NDArray[np.uint32]
    candidate_table: NDArray[np.uint8]
    candidate_head: NDArray[np.uint8]
    candidate_bucket: NDArray[np.uint16]
    candidate: NDArray[np.int64]
    waiting: NDArray[np.int64]
    """[2] survivors, candidates."""


class Scratch(NamedTuple):
    """What a search writes down for itself; the kernels allocate nothing."""

    begins: NDArray[np.int64]
    """[2][probes] of two tables, the one that is compared and the next."""
    ends: NDArray[np.int64]
    starts: NDArray[np.int64]
    """[regions + 2]"""
    order: NDArray[np.int64]
    """[queries]"""
    keys: NDArray[np.uint64]
    marks: NDArray[np.int64]


class Out(NamedTuple):
    """Hits; those that do not fit are counted and not written."""

    query: NDArray[np.uint32]
    row: NDArray[np.uint32]
    distance: NDArray[np.uint16]
    found: NDArray[np.int64]
    """[1]"""


def pending() -> Pending:
    """Room for the survivors of one search."""
    room = ROOM + LANES
    return Pending(
        np.empty(room, np.uint32),
        np.empty(room, np.uint8),
        np.empty(room, np.uint32),
        np.empty(room, np.uint64),
        np.empty(CANDIDATES, np.uint32),
        np.empty(CANDIDATES, np.uint8),
        np.empty(CANDIDATES, np.uint8),
        np.empty(CANDIDATES, np.uint16),
        np.empty(CANDIDATES, np.int64),
        np.zeros(2, np.int64),
    )


def scratch(queries: int, probes: int, region_bits: int) -> Scratch:
    """Room for one search."""
    return Scratch(
        np.empty((2, probes), np.int64),
        np.empty((2, probes), np.int64),
        np.empty((1 << region_bits) + 2, np.int64),
        np.empty(queries, np.int64),
        np.empty(queries, np.uint64),
        np.empty(MARKS, np.int64),
    )


def out(room: int) -> Out:
    """Room for so many hits."""
    columns = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint16)
    return Out(*columns, np.zeros(1, np.int64))


FEW = 64
"""Queries of a search that is answered on a `Desk`."""


class Desk(threading.local):
    """What a thread writes on in one search of few queries after the other.

    To make these twenty arrays anew takes 14 microseconds, longer than such a search. Nothing on it outlasts a search.
    """

    def __init__(self) -> None:
        self.pending = pending()
        self._out = out(1024 + 4 * FEW)
        self._scratches: dict[tuple[int, int], Scratch] = {}

    def out(self) -> Out:
        """Room for hits, empty; the next search writes over them."""
        self._out.found[0] = 0
        return self._out

    def scratch(self, probes: int, region_bits: int) -> Scratch:
        """Room for a search query by query, which takes as much for many as for one."""
        key = probes, region_bits
        if key not in self._scratches:
            self._scratches[key] = scratch(FEW, probes, region_bits)
        return self._scratches[key]
