"""What the kernels take and what they write into, as tuples of arrays that numba knows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LANES = 32
"""Postings compared by one instruction."""

ROOM = 96
"""Survivors resolved together: while one is looked at, the memory of the others is on its way."""

CANDIDATES = 512
"""Entries compared together, for the same reason."""


class Asked(NamedTuple):
    """A search: the dealt queries and what a hit is."""

    words: NDArray[np.uint64]
    """[queries][4]"""
    queries: int
    shares: NDArray[np.int64]
    limits: NDArray[np.uint64]
    radius: int
    survivors: NDArray[np.int64]
    """[queries] how many so far."""
    patience: int
    """A query with so many survivors is flooded and left to `scan`."""


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
    )


def out(room: int) -> Out:
    """Room for so many hits."""
    columns = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint16)
    return Out(*columns, np.zeros(1, np.int64))
