"""N1: what is left of a text before anything is computed from it. Letters and numbers only, folded; UTF-8.

Each code point is mapped on its own (see `reference.normalised_character`), so spaces, marks, punctuation and
surrogates vanish, and all normal forms of a text give the same bytes.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.tables import text_tables


def normalise(text: str) -> bytes:
    """The numpy engine."""
    tables = text_tables()
    starts, lengths = _lengths(text)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    index = np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
    normalised: bytes = tables.output[index].tobytes()
    return normalised


def characters_at(text: str, begin: int, end: int) -> tuple[int, int]:
    """Where bytes [begin, end) of the normalised text come from: characters [first, stop) of the text itself."""
    _, lengths = _lengths(text)
    ends = np.cumsum(lengths)
    first, last = np.searchsorted(ends, [begin, end - 1], side="right")
    return int(first), int(last) + 1


def _lengths(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each code point, where its bytes begin in the table, and how many they are."""
    tables = text_tables()
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    starts = tables.offsets[points].astype(np.int64)
    return starts, tables.offsets[points + 1] - starts


class ShortPoints(NamedTuple):
    """What is left of each code point that UTF-8 has in one or two bytes."""

    pages: NDArray[np.uint32]
    """(256,) where the entries of characters begin that this byte and one more make; 0 if it is not their first."""
    entries: NDArray[np.uint32]
    """entries[pages[byte before] + byte]: the first byte that is left, the second above 8, their number above 16.

    Few characters become three or four bytes: of those only the number. Nothing is left of a first byte alone.
    """
    rows: NDArray[np.uint8]
    """The same for vectors; see `byte_rows`."""


@cache
def short_points() -> ShortPoints:
    """From the table of all code points."""
    tables = text_tables()
    begins = tables.offsets[:0x801].astype(np.int64)
    counts, begins = np.diff(begins), begins[:-1]
    first = np.where(counts > 0, tables.output[begins], 0).astype(np.uint32)
    second = np.where(counts > 1, tables.output[begins + 1], 0).astype(np.uint32)
    points = first | second << np.uint32(8) | counts.astype(np.uint32) << np.uint32(16)
    pages = np.zeros(256, np.uint32)
    leads = np.arange(0xC2, 0xE0, dtype=np.uint32)
    pages[leads] = 256 + 64 * (leads - 0xC2) - 0x80
    alone = np.zeros(256, np.uint32)
    alone[:0x80] = points[:0x80]
    return ShortPoints(pages, np.concatenate([alone, points[0x80:]]), byte_rows(first, second, counts))


def byte_rows(
    first: NDArray[np.uint32], second: NDArray[np.uint32], counts: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """What stands in the place of each byte of these 2,048 characters, 0 for nothing: 33 rows of 128 bytes.

    The first row is for ASCII. Then there is one for each first byte from 0xC0 on: for its own place, by the six low
    bits of the second byte; then for the place of that. What leaves one byte leaves it in the second place; where the
    second says 0xFF, which is in no text, there is no room for what is left.
    """
    rows = np.zeros((33, 2, 64), np.uint8)
    rows[0] = first[:0x80].reshape(2, 64)
    rows[1:, 0] = np.where(counts > 1, first, 0).reshape(32, 64)
    rows[1:, 1] = np.where(counts > 2, 0xFF, np.where(counts > 1, second, first)).reshape(32, 64)
    rows[1:3] = 0  # no text has the first bytes 0xC0 and 0xC1
    return rows.reshape(-1)
