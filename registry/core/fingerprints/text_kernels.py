"""Compiled kernels for texts: the same integers as `reference`, far faster. Imported only where they pay.

Here a text is normalised; `text_kernels_hashes` makes the codes of what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import Bytes, compiled
from registry.core.fingerprints.text_kernels_hashes import minhash, winnow

Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]

MOST_GROWTH = 10
"""No code point grows to more than 10 times its UTF-8 bytes under N1 (U+FDFA: 3 bytes to 30)."""


@compiled
def normalise(
    source: Bytes,
    begin: int,
    end: int,
    out: Bytes,
    pages: Words,
    short: Words,
    offsets: Words,
    output: Bytes,
) -> int:
    """source[begin:end], well-formed UTF-8, to N1 in `out`; returns the length. See `text_normal.normalise`.

    Blocks of 64 bytes that are all ASCII are looked up byte for byte. In others no branch tells characters of one and
    two bytes apart, since no processor could foresee it (`pages` and `short`: see `text_normal.short_points`). One byte
    behind the end of `out` is written and means nothing. Counters are unsigned, for which no index is taken from the
    end.
    """
    one, block = uint64(1), uint64(64)
    words = source[: len(source) // 8 * 8].view(np.uint64) if len(source) >= 8 else np.zeros(0, np.uint64)
    i, last, length = uint64(begin), uint64(end), uint64(0)
    before = uint32(0)
    while i < last:
        stop = (i | uint64(7)) + one
        if i & uint64(7) == 0:
            while i + block <= last and _all_ascii(words, i >> uint64(3)):
                for _ in range(64):
                    left = short[source[i]]
                    out[length] = left
                    length += uint64(left >> uint32(16))
                    i += one
            stop = i + block
        stop = min(stop, last)
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
    return int(np.int64(length))


@compiled
def _all_ascii(words: LongWords, first: np.uint64) -> bool:
    """Whether the 64 bytes from this word on are."""
    together = uint64(0)
    for j in range(8):
        together |= words[first + uint64(j)]
    return bool(together & uint64(0x8080808080808080) == 0)


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
    offsets: Words,
    output: Bytes,
    byte_values: LongWords,
    permutations: Words,
    signatures: Words,
    positions: Words,
    values: LongWords,
    lengths: LongWords,
    counts: LongWords,
) -> int:
    """Both codes of many texts in one call, from their UTF-8, one behind the other in `source`; see `normalise`.

    `signatures`, (n, 128), are lowered; if there are none, only fingerprints are made. `lengths` and `counts` get the
    normalised bytes and the fingerprints of each text. `positions` and `values` get all fingerprints, text by text.
    Returns how many there are; if more than fit, what was written of them is of no use.
    """
    begin, total = 0, 0
    for t in range(len(ends)):
        length = normalise(source, begin, ends[t], normalised, pages, short, offsets, output)
        if len(signatures):
            minhash(normalised, length, byte_values, permutations, signatures[t])
        room = min(total, len(positions))
        count = winnow(normalised, length, byte_values, positions[room:], values[room:])
        lengths[t], counts[t] = length, count
        begin, total = ends[t], total + count
    return total
