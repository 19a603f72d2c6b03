"""How a radius is shared among the sixteen chunks of a code, and which buckets a share lets a query look into.

All of it depends on the radius alone and is kept; nobody writes into these arrays.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNKS: Final = 16
CHUNK_BITS: Final = 16

_FIRST_SERVED: Final = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)
"""Who gets one bit more if the budget cannot be shared evenly: each quarter once, then each half quarter."""


class Masks(NamedTuple):
    """All numbers of some width with few bits set, those with the fewest first."""

    values: NDArray[np.int64]
    ones: NDArray[np.int64]
    """(len(values),) bits set in each."""
    up_to: NDArray[np.int64]
    """`up_to[k]` of them have at most k bits set."""


@lru_cache(maxsize=64)
def shares(radius: int) -> NDArray[np.int64]:
    """(16,) whole numbers that add up to radius + 1, as even as possible."""
    each, left = divmod(radius + 1, CHUNKS)
    shared = np.full(CHUNKS, each, np.int64)
    shared[list(_FIRST_SERVED[:left])] += 1
    return shared


@lru_cache(maxsize=64)
def limits(radius: int, ring: int) -> NDArray[np.uint64]:
    """(16,) for each chunk how far the chunks from it onwards, around its ring, may be apart together.

    Lane j (16 bits, the lowest first) is the greatest sum of the first j + 1 distances. A chunk without a share
    starts nothing; its lanes mean nothing.
    """
    shared, packed = shares(radius), np.zeros(CHUNKS, np.uint64)
    for chunk in range(CHUNKS):
        first, total = chunk - chunk % ring, 0
        for lane in range(ring):
            total += int(shared[first + (chunk + lane) % ring])
            packed[chunk] |= np.uint64(max(total - 1, 0) << CHUNK_BITS * lane)
    return packed


@lru_cache(maxsize=64)
def masks(width: int, most: int) -> Masks:
    """Numbers of `width` bits of which at most `most` are set."""
    values: list[int] = []
    up_to: list[int] = []
    for count in range(most + 1):
        values.extend(sum(1 << bit for bit in bits) for bits in combinations(range(width), count))
        up_to.append(len(values))
    ones = [value.bit_count() for value in values]
    return Masks(*(np.array(column, np.int64) for column in (values, ones, up_to)))


@lru_cache(maxsize=64)
def probes(radius: int) -> int:
    """Buckets that one query looks into."""
    return sum(len(masks(CHUNK_BITS, int(share) - 1).values) for share in shares(radius) if share)
