"""Compiled kernels for texts: the same integers as `reference`, far faster. Imported only where they pay."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import Bytes, compiled

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
    ascii_bytes: Bytes,
    short: Words,
    offsets: Words,
    output: Bytes,
) -> int:
    """source[begin:end], well-formed UTF-8, to N1 in `out`; returns the length. See `text_normal.normalise`.

    Blocks of 64 bytes that are all ASCII are looked up byte for byte. In others no branch tells characters of one and
    two bytes apart, since no processor could foresee it (`short`: see `text_normal.short_points`). One byte behind the
    end of `out` is written and means nothing. Counters are unsigned, for which no index is taken from the end.
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
                    kept = ascii_bytes[source[i]]
                    out[length] = kept
                    length += uint64(kept != 0)
                    i += one
            stop = i + block
        stop = min(stop, last)
        while i < stop:
            byte = uint32(source[i])
            if byte < 0xE0:
                point = (before & uint32(0x1F)) << uint32(6) | (byte & uint32(0x3F))
                point = byte if byte < 0x80 else (point if byte < 0xC0 else uint32(0x800))
                before = byte
                i += one
                left = short[point]
                if left >> uint32(16) < 3:
                    out[length] = left & uint32(0xFF)
                    out[length + one] = (left >> uint32(8)) & uint32(0xFF)
                    length += uint64(left >> uint32(16))
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
    ascii_bytes: Bytes,
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

    `signatures`, (n, 128), are lowered; `lengths` and `counts` get the normalised bytes and the fingerprints of each
    text. `positions` and `values` get all fingerprints, text by text. Returns how many there are; if more than fit,
    what was written of them is of no use.
    """
    begin, total = 0, 0
    for t in range(len(ends)):
        length = normalise(source, begin, ends[t], normalised, ascii_bytes, short, offsets, output)
        minhash(normalised, length, byte_values, permutations, signatures[t])
        room = min(total, len(positions))
        count = winnow(normalised, length, byte_values, positions[room:], values[room:])
        lengths[t], counts[t] = length, count
        begin, total = ends[t], total + count
    return total


@compiled
def minhash(text: Bytes, length: int, byte_values: LongWords, permutations: Words, least: Words) -> None:
    """Lower the 128 values of `least` by all 16-byte grams of text[:length]; see `minhash.signature_by_numpy`.

    Blocks of 4,096 grams stay in the first cache while all permutations, (2, 128), pass over them.
    """
    grams = length - 15
    if grams <= 0:
        return
    hashes = np.empty(min(grams, 4096), np.uint64)
    block = np.empty(len(hashes), np.uint32)
    for first in range(0, grams, 4096):
        count = min(4096, grams - first)
        _hash_grams(text, first, count, 16, byte_values, hashes, 0)
        for i in range(count):
            m = uint32(hashes[i])
            m = uint32(uint32(m ^ (m >> uint32(16))) * uint32(0x85EBCA6B))
            m = uint32(uint32(m ^ (m >> uint32(13))) * uint32(0xC2B2AE35))
            block[i] = uint32(m ^ (m >> uint32(16)))
        _lower(block[:count], permutations[0], permutations[1], least)


@compiled
def winnow(text: Bytes, length: int, byte_values: LongWords, positions: Words, values: LongWords) -> int:
    """The fingerprints of text[:length] into `positions` and `values`; returns how many. See `reference.winnow`.

    If there are more than fit, only the first are written. Hashes are made in blocks; the last 32 of a block stay
    before the next one, so that a window may lie in both.
    """
    grams = max(length - 31, 0)
    hashes = np.empty(min(grams, 4096) + 32, np.uint64)
    held = min(grams, 4128)
    _hash_grams(text, 0, held, 32, byte_values, hashes, 0)
    least = 0
    for i in range(1, min(held, 32)):
        if hashes[i] <= hashes[least]:
            least = i
    found = min(held, 1)
    if found and len(positions):
        positions[0], values[0] = least, hashes[least]
    before = 0  # grams that lie before the first of `hashes`
    while held > 32:
        found, least = _choose(hashes[:held], least, before, found, positions, values)
        if before + held == grams:
            break
        hashes[:32] = hashes[held - 32 : held]
        least -= held - 32
        before += held - 32
        held = 32 + min(grams - before - 32, 4096)
        _hash_grams(text, before + 32, held - 32, 32, byte_values, hashes, 32)
    return found


@compiled
def _choose(
    hashes: LongWords, least: int, before: int, found: int, positions: Words, values: LongWords
) -> tuple[int, int]:
    """The windows that end behind the first 32 of these hashes, the one before having its minimum at `least`.

    Returns how many fingerprints have been found by then, and the last minimum.
    """
    one, window = uint64(1), uint64(32)
    at, end = window, uint64(len(hashes))
    chosen = uint64(least)
    while True:
        lowest = hashes[chosen]
        stop = min(chosen + window, end)
        while at < stop and hashes[at] >= lowest:
            at += one
        if at == end:
            return found, int(np.int64(chosen))
        if at == stop:  # the old minimum has left the window
            lowest = hashes[at]
            for i in range(chosen + one, at):
                value = hashes[i]
                if value < lowest:
                    lowest = value
            chosen = at
            while hashes[chosen] != lowest:
                chosen -= one
        else:
            chosen = at
        if found < len(positions):
            positions[found], values[found] = uint64(before) + chosen, hashes[chosen]
        found += 1
        at += one


@compiled
def _hash_grams(
    text: Bytes, first: int, count: int, size: int, byte_values: LongWords, out: LongWords, at: int
) -> None:
    """Hashes of the `count` grams of `size` bytes from `first` on, into `out` from `at` on; see `gram_hashes`.

    Four streams, each over a quarter of the grams: a rolling hash waits for its last multiplication, and four of them
    wait at the same time.
    """
    base = uint64(0x9E3779B97F4A7C15)
    leaving = uint64(1)
    for _ in range(size):
        leaving *= base
    quarter = uint64(count // 4)
    one, last = uint64(1), uint64(size - 1)
    p0 = uint64(first)
    p1, p2, p3 = p0 + quarter, p0 + quarter + quarter, p0 + quarter + quarter + quarter
    o0 = uint64(at)
    o1, o2, o3 = o0 + quarter, o0 + quarter + quarter, o0 + quarter + quarter + quarter
    h0 = h1 = h2 = h3 = uint64(0)
    for j in range(last):
        h0 = h0 * base + byte_values[text[p0 + j]]
        h1 = h1 * base + byte_values[text[p1 + j]]
        h2 = h2 * base + byte_values[text[p2 + j]]
        h3 = h3 * base + byte_values[text[p3 + j]]
    gone0 = gone1 = gone2 = gone3 = uint64(0)
    for i in range(quarter):
        h0 = h0 * base + byte_values[text[p0 + i + last]] - gone0
        h1 = h1 * base + byte_values[text[p1 + i + last]] - gone1
        h2 = h2 * base + byte_values[text[p2 + i + last]] - gone2
        h3 = h3 * base + byte_values[text[p3 + i + last]] - gone3
        out[o0 + i], out[o1 + i], out[o2 + i], out[o3 + i] = h0, h1, h2, h3
        gone0 = leaving * byte_values[text[p0 + i]]
        gone1 = leaving * byte_values[text[p1 + i]]
        gone2 = leaving * byte_values[text[p2 + i]]
        gone3 = leaving * byte_values[text[p3 + i]]
    for i in range(quarter * uint64(4), uint64(count)):
        h = uint64(0)
        for j in range(last + one):
            h = h * base + byte_values[text[p0 + i + j]]
        out[o0 + i] = h
    _mix(out[at : at + count])


@compiled
def _mix(hashes: LongWords) -> None:
    """`reference.fmix64` of each."""
    for i in range(len(hashes)):
        h = hashes[i]
        h = (h ^ (h >> uint64(33))) * uint64(0xFF51AFD7ED558CCD)
        h = (h ^ (h >> uint64(33))) * uint64(0xC4CEB9FE1A85EC53)
        hashes[i] = h ^ (h >> uint64(33))


@compiled
def _lower(grams: Words, multipliers: Words, increments: Words, least: Words) -> None:
    """Compilers turn a plain `if` into vector minima here; `min()` they do not."""
    for k in range(len(least)):
        a, b, lowest = multipliers[k], increments[k], least[k]
        for i in range(len(grams)):
            value = uint32(uint32(a * grams[i]) + b)
            if value < lowest:
                lowest = value
        least[k] = lowest
