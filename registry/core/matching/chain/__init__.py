"""Exact search among millions of 256-bit codes: every code within a radius of a query, without comparing them all.

The idea, in four steps. A code is cut into sixteen *chunks* of 16 bits (after its bits were dealt by a fixed
permutation, see `permutation`). Chunk c differs from the query's in d(c) bits; together they differ in at most the
radius.

**Pigeonholes.** Give each chunk a share w(c) of a budget of radius + 1. A code within the radius spends at most the
radius, so the four quarters (rings of four chunks) cannot all spend their whole share: in some quarter d(c) + ... <
w(c) + ... Walk around the ring of that quarter: there is a chunk to start at from which *every* partial sum of d
stays below that of w (start behind the last place where the running sum of d - w is greatest). So the code is found
from a chunk c with

    d(c) < w(c),   d(c) + d(c+1) < w(c) + w(c+1),   ...

At radius 31 each share is 2: look for a chunk that differs in at most 1 bit, which then also satisfies 3, 5 and 7.
All codes are found, whatever they are; among random ones 4 in 10^11 are found in vain. Shares need not be equal, so
any radius has its own exact search (`budget`).

**Inline chunks.** There is one table a chunk: the codes (*postings*) sorted into 65,536 buckets by that chunk. A
query looks into the buckets that differ from its own chunk in fewer bits than the share: 17 a table at radius 31,
137 at 47, 697 at 63. A posting holds the chunks that follow around its ring, and a posting is all that the test
needs: 32 of them are tested by a few instructions, one after the other in memory. Nothing else is touched before
one survives.

**Region-blocked batches.** With many queries the buckets are visited in the order of their place in memory, stretch
after stretch of the size of a level 1 cache, and all queries that look into a stretch do so before the next is
read. Each list then comes from memory once a batch instead of once a probe, and only its first column: what is
near there is written down and tested in full a little later. The next stretch is asked for while this one is compared,
a few cache lines at each visit.

**Families.** The nine variants of a picture (`dihedral.VARIANTS`) differ by inverted quarters, since each quarter holds
the bits that change their sign together (`permutation`). A quarter that several of them have in common is looked for
once, and what survives is compared with all of these: 15 quarters instead of 36.

**Ids.** What a posting stands for is stored only in the first table of each ring, since a survivor of another one
knows all chunks of the ring and finds its like in one bucket there. Rows are ordered as in table 0, so ids ascend
in every bucket and take 18 bits each (Elias and Fano), and two to four chunks of each code need not be stored
again.

Invariants: codes that are equal stand in the tables once (*entries*); a hit is reported by the first table that
finds it, so no pair is seen twice; a query that finds too many survivors is compared with all entries instead, so
that nobody can make a picture expensive by registering codes that crowd into its buckets (`search`); files that are
damaged can give wrong answers if nobody checks their digests, but cannot make the kernels read elsewhere
(`tables`).

Cost for N codes, with p probes a query (`budget.probes`): p * N / 65,536 postings to test, 32 at a time. At 10
million codes a posting list is 153 long and a batch of 20,000 queries costs about 20 ns a probe on one core: 5
microseconds a query at radius 31, 55 at 47, 600 at 63; one query alone about 70 ns a probe. A picture in all its
variants at radius 33 costs 43 microseconds in a batch of 1,000, 33 in one of 10,000. Memory: 16 * 2 * (ring
- 1) bytes inline, 2.3 * 16 / ring for ids, 32 - 2 * ring for the rest: 129 bytes a code for whole quarters
(`WIDE`), 78 for pairs (`COMPACT`). Brute force remains the fastest way for few codes and for radii beyond 63;
`costs` chooses.

The pigeonhole ring is that of Qin and Xiao (Pigeonring, VLDB 2018), its use for Hamming distance goes back to
Norouzi, Punjani and Fleet (Multi-index hashing, CVPR 2012).
"""

from registry.core.matching.chain.index import ChainIndex
from registry.core.matching.chain.tables import COMPACT, WIDE, Layout

__all__ = ["COMPACT", "WIDE", "ChainIndex", "Layout"]
