"""Exact Hamming radius search over 256-bit codes: all of them, compared one by one, in place.

Nothing is built: the codes stay where they are, for instance in a memory-mapped snapshot that all processes of a
machine share. Vectorised, one core compares 10 to 20 thousand million codes a second (AVX-512), which is enough up to
some hundred thousand codes; `registry.core.matching.chain` is for more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.fingerprints.metering import Meter
from registry.core.matching.hits import MAX_ROWS, Hits

CODE_BYTES = 32
BITS = 8 * CODE_BYTES

PAIRS: Final = Meter(1 << 27)
"""Pairs that numpy compares, at about 4 ns each, before a process loads the kernel, which takes half a second.

Changing when the one has cost as much as the other will is never more than twice as slow as knowing the amount
of work beforehand.
"""

_PAIRS_AT_ONCE = 1 << 15
_POPCOUNT8 = np.array([i.bit_count() for i in range(256)], dtype=np.uint8)


class CodeIndex:
    """All of N codes within a radius of each of Q queries; exact, whatever the radius."""

    width = CODE_BYTES

    def __init__(self, codes: NDArray[np.uint8], *, meter: Meter = PAIRS) -> None:
        """`codes` is (N, 32); it is not copied if contiguous and aligned to 8 bytes, as in an Arrow file."""
        self._codes = as_words(codes, "codes")
        if len(self._codes) >= MAX_ROWS:
            raise InvalidInput("An index holds fewer than 2^32 codes; cut the list into shards.")
        self._meter = meter

    def __len__(self) -> int:
        return len(self._codes)

    def search(self, queries: NDArray[np.uint8], radius: int, *, family: int = 1) -> Hits:  # noqa: ARG002
        """All (query, row) at most `radius` (0 to 256) bits apart; `queries` is (Q, 32).

        `family`: see `ChainIndex`; here nothing is shared.
        """
        if not 0 <= radius <= BITS:
            raise InvalidInput(f"A radius lies between 0 and {BITS} bits, not at {radius}.")
        words = as_words(queries, "queries")
        if not len(words) or not len(self._codes):
            return Hits.none()
        if self._meter.compiled_pays(len(words) * len(self._codes)):
            return search_compiled(self._codes, words, radius)
        return search_numpy(self._codes, words, radius)


def as_words(codes: NDArray[np.uint8], name: str) -> NDArray[np.uint64]:
    """(N, 32) bytes as (N, 4) words, read-only so that numba sees a single type. Hamming distance has no byte order."""
    if codes.ndim != 2 or codes.shape[1] != CODE_BYTES or codes.dtype != np.uint8:
        raise InvalidInput(
            f"{name} must be an (N, {CODE_BYTES}) array of bytes, not {codes.dtype} of shape {codes.shape}."
        )
    words = np.require(np.ascontiguousarray(codes).view(np.uint64), requirements="A").view()
    words.flags.writeable = False
    return words


def search_compiled(codes: NDArray[np.uint64], queries: NDArray[np.uint64], radius: int) -> Hits:
    """By the kernel, once more with room for all of them if there were more hits than expected."""
    from registry.core.matching.kernels import within_radius  # numba takes half a second to import

    room = 1024 + 4 * len(queries)
    while True:
        query, row, distance = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint16)
        found = within_radius(codes, queries, np.uint64(radius), words_compared(radius), query, row, distance)
        if found <= room:
            return Hits.sorted(query[:found], row[:found], distance[:found])
        room = found


def words_compared(radius: int) -> int:
    """How many of a code's four words are compared first, so that they tell nearly all strangers apart.

    Of 64 k bits strangers differ in 32 k, give or take 4 times the root of k; three such steps are left between
    that and the radius (of 32 strangers at once none passes in 24 of 25 cases).
    """
    return next((k for k in (1, 2, 3) if radius <= 32 * k - 12 * k**0.5), 4)


def search_numpy(codes: NDArray[np.uint64], queries: NDArray[np.uint64], radius: int) -> Hits:
    """In squares of pairs that stay in the cache; as many words first as tell nearly all strangers apart."""
    columns, first = np.ascontiguousarray(queries.T)[:, :, None], words_compared(radius)
    narrow = np.uint8 if first < 4 else np.uint16  # three words differ in at most 192 bits
    step = max(1, _PAIRS_AT_ONCE // len(queries))
    found = []
    for begin in range(0, len(codes), step):
        block = codes[begin : begin + step]
        distance: NDArray[Any] = ones(columns[0] ^ block[:, 0]).astype(narrow, copy=False)
        for k in range(1, first):
            distance += ones(columns[k] ^ block[:, k])
        query, row = np.nonzero(distance <= radius)
        apart = distance[query, row].astype(np.uint16)
        for k in range(first, 4):
            apart += ones(queries[query, k] ^ block[row, k])
        near = apart <= radius
        found.append(Hits(query[near].astype(np.uint32), (row[near] + begin).astype(np.uint32), apart[near]))
    return Hits.joined(found)


def ones_by_table(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Set bits of each word, for numpy before 2.0."""
    bytes_of_words = words.view(np.uint8).reshape(*words.shape, 8)
    return np.asarray(_POPCOUNT8[bytes_of_words].sum(axis=-1, dtype=np.uint8))


ones: Callable[[NDArray[np.uint64]], NDArray[Any]] = getattr(np, "bitwise_count", ones_by_table)
"""Set bits of each word."""
