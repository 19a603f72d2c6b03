"""Compiled kernels for normalised texts: hashes of grams, and of them signature and fingerprints.

The same integers as `reference`, far faster. Imported only where they pay.
"""

from __future__ import annotations

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import Bytes, compiled

Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]

BLOCK = 2048
"""Grams that are hashed at a time: with all that is made of them they stay in the first cache."""


@compiled
def minhash(text: Bytes, length: int, byte_values: LongWords, permutations: Words, least: Words) -> None:
    """Lower the 128 values of `least` by all 16-byte grams of text[:length]; see `minhash.signature_by_numpy`.

    `permutations` is (2, 128). A block is filled up to a multiple of eight with its last gram, which changes nothing.
    """
    grams = length - 15
    if grams <= 0:
        return
    hashes = np.empty(min(grams, BLOCK) + 15, np.uint64)
    mixed = np.empty(min(grams, BLOCK) + 7, np.uint32)
    for first in range(0, grams, BLOCK):
        count = min(BLOCK, grams - first)
        gram_hashes(text, first, count, 16, byte_values, hashes)
        _mix(hashes[:count])
        for i in range(uint64(count)):
            m = uint32(hashes[i])
            m = uint32(uint32(m ^ (m >> uint32(16))) * uint32(0x85EBCA6B))
            m = uint32(uint32(m ^ (m >> uint32(13))) * uint32(0xC2B2AE35))
            mixed[i] = uint32(m ^ (m >> uint32(16)))
        filled = (count + 7) // 8 * 8
        mixed[count:filled] = mixed[count - 1]
        lower(mixed[:filled], permutations[0], permutations[1], least)


@compiled
def lower(grams: Words, multipliers: Words, increments: Words, least: Words) -> None:
    """Lower each value by its permutation of all grams, whose number is a multiple of eight.

    Eight grams pass at a time, so that a vector holds neighbouring values, not neighbouring grams: nothing has to be
    summed up across it in the end, and a text of a hundred bytes costs a hundredth of one of ten thousand. Compilers
    turn a plain `if` into vector minima here; `min()` they do not.
    """
    for first in range(uint64(0), uint64(len(grams)), uint64(8)):
        for k in range(uint64(len(least))):
            a, b, lowest = multipliers[k], increments[k], least[k]
            for j in range(uint64(8)):
                value = uint32(uint32(a * grams[first + j]) + b)
                if value < lowest:
                    lowest = value
            least[k] = lowest


@compiled
def winnow(text: Bytes, length: int, byte_values: LongWords, positions: Words, values: LongWords) -> int:
    """The fingerprints of text[:length] into `positions` and `values`; returns how many. See `reference.winnow`.

    If there are more than fit, only the first are written. Hashes are made in blocks; the last 32 of a block stay
    before the next one, so that a window may lie in both.
    """
    grams = max(length - 31, 0)
    held = min(grams, BLOCK + 32)
    hashes = np.empty(held + 31, np.uint64)
    if held:
        gram_hashes(text, 0, held, 32, byte_values, hashes)
        _mix(hashes[:held])
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
        held = 32 + min(grams - before - 32, BLOCK)
        gram_hashes(text, before + 32, held - 32, 32, byte_values, hashes[32:])
        _mix(hashes[32:held])
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
def gram_hashes(
    text: Bytes, first: int, count: int, size: int, byte_values: LongWords, out: LongWords
) -> None:
    """Polynomial hashes of the `count` grams of `size` bytes, 16 or 32, from `first` on; see `minhash.gram_hashes`.

    Not mixed yet. Four bytes are joined, then four of these, then two: each step is for many grams at a time, where a
    rolling hash would wait for its last multiplication. `out` has room for count + size - 1.
    """
    base = uint64(0x9E3779B97F4A7C15)
    start, bytes_ = uint64(first), uint64(count + size)
    one, two, three, four = uint64(1), uint64(2), uint64(3), uint64(4)
    for i in range(bytes_ - one):
        out[i] = byte_values[text[start + i]]
    for i in range(bytes_ - four):
        out[i] = ((out[i] * base + out[i + one]) * base + out[i + two]) * base + out[i + three]
    base *= base
    base *= base
    for i in range(bytes_ - uint64(16)):
        out[i] = ((out[i] * base + out[i + four]) * base + out[i + uint64(8)]) * base + out[i + uint64(12)]
    if size == 32:
        base *= base
        base *= base
        for i in range(uint64(count)):
            out[i] = out[i] * base + out[i + uint64(16)]


@compiled
def _mix(hashes: LongWords) -> None:
    """`reference.fmix64` of each."""
    for i in range(len(hashes)):
        h = hashes[i]
        h = (h ^ (h >> uint64(33))) * uint64(0xFF51AFD7ED558CCD)
        h = (h ^ (h >> uint64(33))) * uint64(0xC4CEB9FE1A85EC53)
        hashes[i] = h ^ (h >> uint64(33))
