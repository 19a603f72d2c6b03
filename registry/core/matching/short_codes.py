"""Exact radius search over 64-bit codes, for two bits at most.

Codes at most two bits apart agree in one of three blocks of 21, 21 and 22 bits. So for each block there is a table of
the rows by that block's bits: four bytes a code and table, and where each bucket begins.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.matching import storage
from registry.core.matching.codes import ones
from registry.core.matching.hits import MAX_ROWS, Hits, expand

CODE_BYTES: Final = 8
FURTHEST: Final = 2
BLOCKS: Final = ((43, 21), (22, 21), (0, 22))
"""Shift and width of each, in bits."""
_FORMAT = "vorbehalt-short-codes-v1"
_ARRAYS = ("starts", "rows")
_QUERIES_AT_ONCE = 1 << 16


class ShortCodeIndex:
    """All of N codes within two bits of each of Q queries."""

    width = CODE_BYTES

    def __init__(self, codes: NDArray[np.uint8], arrays: storage.Arrays) -> None:
        """From `build` or `open`; `Corrupt` if the tables do not fit the codes."""
        self._codes = _words(codes, "codes")
        self._starts, self._rows = (arrays[name] for name in _ARRAYS)
        self._bits = _bucket_bits(len(codes))
        shapes = (len(BLOCKS), (1 << self._bits) + 1), (len(BLOCKS), len(codes))
        for array, shape in zip((self._starts, self._rows), shapes, strict=True):
            if array.dtype != np.uint32 or array.shape != shape:
                raise Corrupt(f"The tables of the index do not fit {len(codes)} codes. Build it again.")

    def __len__(self) -> int:
        return len(self._codes)

    @classmethod
    def build(cls, codes: NDArray[np.uint8], folder: Path | None = None) -> Self:
        """Of (N, 8) codes, in memory or, with a folder, in files that all processes map."""
        words = _words(codes, "codes")
        bits = _bucket_bits(len(words))
        starts = np.empty((len(BLOCKS), (1 << bits) + 1), np.uint32)
        rows = np.empty((len(BLOCKS), len(words)), np.uint32)
        for block in range(len(BLOCKS)):
            buckets = _buckets(words, block, bits)
            rows[block] = np.argsort(buckets, kind="stable")
            starts[block, 0] = 0
            starts[block, 1:] = np.cumsum(np.bincount(buckets, minlength=1 << bits))
        arrays: storage.Arrays = {"starts": starts, "rows": rows}
        if folder is None:
            return cls(codes, arrays)
        storage.write(folder, _FORMAT, _source(words), arrays)
        return cls.open(folder, codes)

    @classmethod
    def open(cls, folder: Path, codes: NDArray[np.uint8], *, verify: bool = True) -> Self:
        """Map what `build` wrote for these codes; `Corrupt` if it is damaged or belongs to others.

        `verify=False` skips the digests, for further processes after one has checked.
        """
        source = _source(_words(codes, "codes")) if verify else None
        return cls(codes, storage.read(folder, _FORMAT, source, _ARRAYS))

    def search(self, queries: NDArray[np.uint8], radius: int) -> Hits:
        """All (query, row) at most `radius` (0 to 2) bits apart; `queries` is (Q, 8)."""
        if not 0 <= radius <= FURTHEST:
            raise InvalidInput(f"Codes of 64 bits are searched within {FURTHEST} bits, not within {radius}.")
        words = _words(queries, "queries")
        found = []
        for begin in range(0, len(words), _QUERIES_AT_ONCE):
            for block in range(len(BLOCKS)):
                part = words[begin : begin + _QUERIES_AT_ONCE]
                found += [
                    Hits((query + begin).astype(np.uint32), row, distance)
                    for query, row, distance in self._meet(part, block, radius)
                ]
        return Hits.joined(found)

    def _meet(
        self, words: NDArray[np.uint64], block: int, radius: int
    ) -> list[tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint16]]]:
        """Pairs that agree in a block and in none before it, so that no pair is found twice."""
        bucket = _buckets(words, block, self._bits)
        first = self._starts[block, bucket].astype(np.int64)
        count = self._starts[block, bucket + 1].astype(np.int64) - first
        found = []
        for query, position in expand(first, count):
            row = self._rows[block, position]
            apart = words[query] ^ self._codes[row]
            distance = ones(apart).astype(np.uint16)
            new = (distance <= radius) & _agree(apart, block)
            for before in range(block):
                new &= ~_agree(apart, before)
            found.append((query[new], row[new], distance[new]))
        return found


def _agree(apart: NDArray[np.uint64], block: int) -> NDArray[np.bool_]:
    """Whether all bits of a block are the same."""
    shift, width = BLOCKS[block]
    return np.asarray(apart >> np.uint64(shift) & np.uint64((1 << width) - 1) == 0)


def _buckets(words: NDArray[np.uint64], block: int, bits: int) -> NDArray[np.int64]:
    """The first bits of a block as a number."""
    shift, width = BLOCKS[block]
    return (words >> np.uint64(shift + width - bits) & np.uint64((1 << bits) - 1)).astype(np.int64)


def _bucket_bits(count: int) -> int:
    """About one code a bucket, as far as the narrowest block has bits."""
    return min(max(count.bit_length(), 1), min(width for _, width in BLOCKS))


def _words(codes: NDArray[np.uint8], name: str) -> NDArray[np.uint64]:
    """(N,) numbers; their bits lie as the bytes have them, on every machine."""
    if codes.ndim != 2 or codes.shape[1] != CODE_BYTES or codes.dtype != np.uint8:
        raise InvalidInput(
            f"{name} must be an (N, {CODE_BYTES}) array of bytes, not {codes.dtype} of shape {codes.shape}."
        )
    if len(codes) >= MAX_ROWS:
        raise InvalidInput("An index holds fewer than 2^32 codes; cut the list into shards.")
    return np.ascontiguousarray(codes).reshape(-1).view(">u8").astype(np.uint64)


def _source(words: NDArray[np.uint64]) -> str:
    """Digest of the codes that the tables belong to."""
    return hashlib.sha256(words.astype(">u8").tobytes()).hexdigest()
