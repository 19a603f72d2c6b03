"""The arrays of an index: what each holds, how long it is, and whether what was opened can be right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.matching.chain.budget import CHUNKS
from registry.core.matching.chain.permutation import BITS, PERMUTATION

BUCKETS: Final = 1 << 16
BLOCK: Final = 32
"""Postings compared by one instruction; lists are read in whole blocks."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many chunks stand together in a posting: the trade of memory for speed."""

    name: str
    ring: int
    """Chunks of a ring: 4 (64 bits) or 2 (32 bits)."""


WIDE: Final = Layout("wide", 4)
"""130 bytes a code. A posting holds its whole quarter of the code; nearly no survivor turns out to be none."""

COMPACT: Final = Layout("compact", 2)
"""78 bytes a code, for radii up to 31; beyond, most of the time goes to survivors that are none."""

LAYOUTS: Final[Mapping[str, Layout]] = {layout.name: layout for layout in (WIDE, COMPACT)}


class Tables(NamedTuple):
    """The arrays as one line each and the numbers to find the place in them, as the kernels take them."""

    offsets: NDArray[np.uint32]
    """[16][65537] first posting of each bucket of each table."""
    inline: NDArray[np.uint16]
    """[ring - 1][16][stride] the chunks that follow a posting's own around its ring."""
    low: NDArray[np.uint16]
    """[16 / ring][entries] lower 16 bits of the ids of a ring's first table."""
    high: NDArray[np.uint64]
    """[16 / ring][words] the upper bits, by Elias and Fano."""
    rest: NDArray[np.uint16]
    """[entries][16 - ring] the chunks of each entry outside the first ring."""
    ring: int
    entries: int
    """Distinct codes."""
    rows: int
    """Rows that the ids of the first table count; at least the entries."""
    stride: int
    blocks: int
    """Of 65536 ids each, that the upper bits of an id tell apart."""
    words: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An index as it lies in memory or on disk."""

    layout: Layout
    tables: Tables
    twin_of: NDArray[np.uint32]
    """(T,) ascending; row that stands in the tables for ..."""
    twin: NDArray[np.uint32]
    """(T,) ... this row with the same code."""
    permutation: NDArray[np.uint8]

    @property
    def bytes(self) -> int:
        """All arrays together."""
        return sum(a.nbytes for a in (*self.tables[:5], self.twin_of, self.twin, self.permutation))


Create = Callable[[str, Any, tuple[int, ...]], NDArray[Any]]
"""Makes an array of zeros of this name, type and shape."""

NAMES: Final = ("offsets", "inline", "low", "high", "rest", "twin_of", "twin", "permutation")


def sizes(entries: int, rows: int) -> tuple[int, int, int]:
    """`stride`, `blocks` and `words` of the tables."""
    stride = -(-entries // BLOCK) * BLOCK + BLOCK
    blocks = max(rows - 1, 0) // BUCKETS + 1
    return stride, blocks, (entries + BUCKETS * blocks) // 64 + 1


def shapes(layout: Layout, entries: int, rows: int) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Type and shape of the tables' arrays by name."""
    stride, _, words = sizes(entries, rows)
    rings = CHUNKS // layout.ring
    return {
        "offsets": (np.uint32, (CHUNKS, BUCKETS + 1)),
        "inline": (np.uint16, (layout.ring - 1, CHUNKS, stride)),
        "low": (np.uint16, (rings, entries)),
        "high": (np.uint64, (rings, words)),
        "rest": (np.uint16, (entries, CHUNKS - layout.ring)),
    }


def assemble(layout: Layout, entries: int, rows: int, arrays: Mapping[str, NDArray[Any]]) -> Stored:
    """The arrays as an index; `Corrupt` if they cannot be one.

    What is checked here is cheap and suffices for a damaged index to give at worst wrong answers: the kernels
    follow offsets without looking, and check every other number that they read before they use it.
    """
    for name, (dtype, shape) in shapes(layout, entries, rows).items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            raise Corrupt(f"{name} of the code index has the type {arrays[name].dtype} and shape {shape}.")
    offsets, twin_of, twin = arrays["offsets"], arrays["twin_of"], arrays["twin"]
    if (offsets[:, 0] != 0).any() or (offsets[:, -1] != entries).any():
        raise Corrupt("The buckets of the code index do not cover its postings.")
    if (offsets[:, 1:] < offsets[:, :-1]).any():
        raise Corrupt("The buckets of the code index overlap.")
    if twin.shape != twin_of.shape or twin.ndim != 1 or {twin.dtype, twin_of.dtype} != {np.dtype(np.uint32)}:
        raise Corrupt("The twins of the code index do not pair up.")
    if len(twin) and (max(twin.max(), twin_of.max()) >= rows or (twin_of[1:] < twin_of[:-1]).any()):
        raise Corrupt("The twins of the code index are not in order.")
    permutation = arrays["permutation"]
    if permutation.dtype != np.uint8 or not np.array_equal(np.sort(permutation), np.arange(BITS)):
        raise Corrupt("The permutation of the code index is none.")
    offsets, inline, low, high, rest = (_still(arrays[name].reshape(-1)) for name in NAMES[:5])
    tables = Tables(offsets, inline, low, high, rest, layout.ring, entries, rows, *sizes(entries, rows))
    return Stored(layout, tables, twin_of, twin, permutation)


def _still(array: NDArray[Any]) -> NDArray[Any]:
    """Read-only and of the plain array type, so that numba compiles for one type whether mapped or in memory."""
    view = np.asarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def in_memory(_name: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Zeros that begin at a cache line, as those in a mapped file do."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    made: NDArray[Any] = raw[begin : begin + size].view(dtype).reshape(shape)
    return made


def frozen_permutation(create: Create) -> NDArray[np.uint8]:
    """A copy beside the tables."""
    copy = create("permutation", np.uint8, (BITS,))
    copy[:] = PERMUTATION
    return copy
