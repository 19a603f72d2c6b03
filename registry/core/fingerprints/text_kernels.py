"""Compiled kernels for texts: the same integers as `reference`, far faster. Imported only where they pay.

Here a text is normalised; `text_kernels_hashes` makes the codes of what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import Bytes, compiled
from registry.core.fingerprints.text_kernels_hashes import AHEAD, minhash, winnow
from registry.core.fingerprints.text_vectors import all_ascii, compact, compacts

Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]

MOST_GROWTH = 10
"""No code point grows to more than 10 times its UTF-8 bytes under N1 (U+FDFA: 3 bytes to 30)."""


MARGIN = 64
"""Bytes behind a text, and behind what is left of it, so that its end can be taken as a whole block too."""
_STRETCH = 256
"""Bytes that are taken one by one where blocks do not pay: in Chinese, say."""


@compiled
def normalise(
    source: Bytes,
    begin: int,
    end: int,
    out: Bytes,
    pages: Words,
    short: Words,
    rows: Bytes,
    offsets: Words,
    output: Bytes,
) -> int:
    """source[begin:end], well-formed UTF-8, to N1 in `out`; returns the length. See `text_normal.normalise`.

    By 64 bytes where a processor can drop some of so many at once, and what is left is at most two bytes a character;
    else those blocks that are all ASCII are looked up byte for byte. All others go character by character. `pages`,
    `short` and `rows`: see `text_normal.short_points`. Up to 64 bytes behind the length are written and mean nothing;
    one behind the end of `out` even is, unless it has a MARGIN. Counters are unsigned, for which no index is taken from
    the end.
    """
    block = uint64(64)
    i, last, length = uint64(begin), uint64(end), uint64(0)
    readable, room = uint64(len(source)), uint64(len(out))
    while i < last:
        stop = i + block
        if compacts() and stop <= readable and length + block <= room:
            read, left = compact(source, i, last - i, rows, out, length)
            i += read
            length += left
            if i == last or read >= uint64(63):
                continue
            stop = i + uint64(1 if read >= uint64(16) else _STRETCH)
        else:
            while i + block <= last and all_ascii(source, i):
                for _ in range(64):
                    entry = short[source[i]]
                    out[length] = entry
                    length += uint64(entry >> uint32(16))
                    i += uint64(1)
            stop = i + block
        i, length = _by_character(
            source, i, min(stop, last), last, out, length, pages, short, offsets, output
        )
    return int(np.int64(length))


@compiled
def _by_character(
    source: Bytes,
    i: np.uint64,
    stop: np.uint64,
    last: np.uint64,
    out: Bytes,
    length: np.uint64,
    pages: Words,
    short: Words,
    offsets: Words,
    output: Bytes,
) -> tuple[np.uint64, np.uint64]:
    """The characters that begin before `stop`. Returns where the next begins, and the length.

    No branch tells characters of one and two bytes apart, since no processor could foresee it.
    """
    one = uint64(1)
    while stop < last and source[stop] & uint32(0xC0) == uint32(0x80):
        stop += one
    before = uint32(0)
    while i < stop:
        byte = uint32(source[i])
        if byte < uint32(0xE0):
            left = short[pages[before] + byte]
            count = left >> uint32(16)
            point = (before & uint32(0x1F)) << uint32(6) | (byte & uint32(0x3F))
            before = byte
            i += one
            if count < uint32(3):
                out[length] = left
                out[length + one] = left >> uint32(8)
                length += uint64(count)
                continue
        else:
            point = _long_point(source, i)
            i += uint64(3) + uint64(byte >= 0xF0)
        for j in range(offsets[point], offsets[point + uint32(1)]):
            out[length] = output[j]
            length += one
    return i, length


@compiled
def _long_point(source: Bytes, at: np.uint64) -> Any:
    """The code point of the three or four bytes from here on."""
    lead = uint32(source[at])
    tail = uint32(source[at + uint64(1)] & 0x3F) << uint32(6) | uint32(source[at + uint64(2)] & 0x3F)
    if lead < 0xF0:
        return uint32((lead & uint32(0x0F)) << uint32(12) | tail)
    return uint32(
        (lead & uint32(0x07)) << uint32(18) | tail << uint32(6) | uint32(source[at + uint64(3)] & 0x3F)
    )


@compiled
def codes(
    source: Bytes,
    ends: LongWords,
    normalised: Bytes,
    pages: Words,
    short: Words,
    rows: Bytes,
    offsets: Words,
    output: Bytes,
    byte_values: LongWords,
    leaving: LongWords,
    permutations: Words,
    signatures: Words,
    positions: Words,
    values: LongWords,
    lengths: LongWords,
    counts: LongWords,
) -> int:
    """Both codes of many texts in one call, from their UTF-8, one behind the other in `source`; see `normalise`.

    `signatures` is (n, 128); if it has no rows, only fingerprints are made. `lengths` and `counts` get the
    normalised bytes and the fingerprints of each text. `positions` and `values` get all fingerprints, text by text.
    Returns how many there are; if more than fit, what was written of them is of no use.
    """
    begin, total = 0, 0
    hashes, mixed = np.empty(AHEAD, np.uint64), np.empty(AHEAD, np.uint32)
    for t in range(len(ends)):
        length = normalise(source, begin, ends[t], normalised, pages, short, rows, offsets, output)
        if len(signatures):
            minhash(normalised, length, byte_values, leaving, permutations, signatures[t], hashes, mixed)
        room = min(total, len(positions))
        count = winnow(normalised, length, byte_values, positions[room:], values[room:])
        lengths[t], counts[t] = length, count
        begin, total = ends[t], total + count
    return total
