"""N1: what is left of a text before anything is computed from it. Letters and numbers only, folded; UTF-8.

Each code point is mapped on its own (see `reference.normalised_character`), so spaces, marks, punctuation and
surrogates vanish, and all normal forms of a text give the same bytes.
"""

from __future__ import annotations

from functools import cache

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


@cache
def ascii_bytes() -> NDArray[np.uint8]:
    """(128,) what is left of each ASCII character: one byte, or 0 for nothing."""
    tables = text_tables()
    left = np.diff(tables.offsets[:129].astype(np.int64))
    return np.where(left, tables.output[tables.offsets[:128]], 0).astype(np.uint8)


@cache
def short_points() -> NDArray[np.uint32]:
    """(2049,) what is left of each code point that UTF-8 has in one or two bytes; nothing for the last entry.

    The first byte of it, the second above 8, their number above 16. Few become three or four: of those only the number.
    """
    tables = text_tables()
    begins = tables.offsets[:0x801].astype(np.int64)
    counts, begins = np.diff(begins), begins[:-1]
    first = np.where(counts > 0, tables.output[begins], 0).astype(np.uint32)
    second = np.where(counts > 1, tables.output[begins + 1], 0).astype(np.uint32)
    entries = first | second << np.uint32(8) | counts.astype(np.uint32) << np.uint32(16)
    return np.append(entries, np.uint32(0)).astype(np.uint32)
