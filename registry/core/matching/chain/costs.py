"""Which way of searching is the fastest: an estimate of what each would cost.

The constants are nanoseconds on one core of an AMD EPYC 9005 (AVX-512) at random codes. On other machines all of them
grow together, so that the choice stays good where the times are wrong; and every choice gives the same hits.

* Brute force compares every pair, in as many words of the code as it takes to tell strangers apart.
* Query by query (`each`), a probe waits for its offsets and then for its postings from memory.
* By regions, a region's postings come from memory once for all queries, and a probe finds them in the cache; but
  all regions must be walked through, and where queries are few, each waits for memory that nobody asked for ahead.
  It takes some hundred queries.
* Both search ways pay for each survivor, which the compact layout has many of beyond radius 31.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, comb, exp, inf, log2
from typing import Final, Literal

from registry.core.fingerprints.metering import Meter
from registry.core.matching.chain.budget import CHUNK_BITS, CHUNKS, masks, probes, shares
from registry.core.matching.chain.tables import BLOCK, BUCKETS, Layout
from registry.core.matching.codes import words_compared

Way = Literal["brute", "each", "regions"]

FURTHEST: Final = 79
"""Beyond, a chunk's share would be 5 bits and more, and every way but brute force is slower by far."""

_PAIR, _PAIR_WORD = 0.04, 0.022
"""Brute force, for each pair, and for each word of it that is compared."""
_PAIR_ALONE: Final = 4.5
"""Brute force over the tables, where the codes themselves are not at hand."""
_PROBE_EACH, _BLOCK_EACH = 38.0, 13.0
_PROBE_REGION, _BLOCK_REGION = 5.5, 2.1
_REGION: Final = 4.0
"""Looking for queries in a region, for each upper half of a probe."""
_WAIT, _WAIT_BLOCK, _STREAM_BLOCK = 30.0, 10.0, 2.0
"""A list that is read by regions for the first time, and each block of it: where few lists of a table are read, and
where all are, one after the other."""
_SURVIVOR_EACH, _SURVIVOR_REGION = 45.0, 160.0
"""Query by query, the bucket in which a survivor is looked up has often just been visited."""

LOADING: Final = Meter(400_000_000)
"""Nanoseconds that brute force may cost a process more than the tables would, before it loads their kernels.

Loading takes about so long from the cache on disk and some seconds without one: a process that checks one picture
has its answer by then.
"""

_NOT_SHARED: Final = 15 / 36
"""Of the quarters of the nine variants of a picture those that are different."""

_LEVEL_1: Final = 20_000
"""Bytes that the first column of a region's postings may have: half of the cache, the next region being on its way."""


@lru_cache(maxsize=64)
def region_bits(entries: int) -> int:
    """How many upper bits of a chunk name a region."""
    return min(max(ceil(log2(max(entries * 2, 1) / _LEVEL_1)), 6), 12)


@lru_cache(maxsize=64)
def survivors(layout: Layout, radius: int) -> float:
    """How many survivors a query has to expect for each of the entries, if they are random."""
    bits = CHUNK_BITS * layout.ring
    shared = shares(radius).reshape(-1, layout.ring).sum(axis=1)
    near = (sum(comb(bits, k) for k in range(min(int(share), bits + 1))) for share in shared)
    return float(sum(count / 2**bits for count in near))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Nanoseconds that a search would take."""

    brute: float
    each: float
    regions: float

    @property
    def by_tables(self) -> Way:
        """The better one of the two ways through the tables."""
        return "each" if self.each <= self.regions else "regions"

    @property
    def saved(self) -> float:
        """What the tables save; negative if brute force is faster."""
        return self.brute - min(self.each, self.regions)


@lru_cache(maxsize=1024)
def estimate(
    layout: Layout, entries: int, queries: int, radius: int, family: int = 1, *, codes_at_hand: bool
) -> Estimate:
    """The three ways of searching compared."""
    pair = _PAIR + _PAIR_WORD * words_compared(radius) if codes_at_hand else _PAIR_ALONE
    brute = entries * queries * pair
    if radius > FURTHEST:
        return Estimate(brute, inf, inf)
    visits = queries * probes(radius) * (_NOT_SHARED if family > 1 else 1)
    blocks = entries / BUCKETS / BLOCK + 1
    found = queries * entries * survivors(layout, radius)
    each = visits * (_PROBE_EACH + _BLOCK_EACH * blocks) + found * _SURVIVOR_EACH
    bits = region_bits(entries)
    walks = CHUNKS * len(masks(bits, int(max(shares(radius))) - 1).values) * 2**bits
    regions = visits * (_PROBE_REGION + _BLOCK_REGION * blocks) + found * _SURVIVOR_REGION + walks * _REGION
    read = 1 - exp(-visits / (CHUNKS * BUCKETS))  # of all lists, if queries are random
    first = (1 - read) * (_WAIT + _WAIT_BLOCK * blocks) + read * _STREAM_BLOCK * blocks
    return Estimate(brute, each, regions + CHUNKS * BUCKETS * read * first)
