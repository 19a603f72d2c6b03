"""Compiled kernels for normalised texts: hashes of grams, and of them signature and fingerprints.

The same integers as `reference`, far faster. Imported only where they pay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import Bytes, compiled
from registry.core.fingerprints.reference import BASE, EMPTY
from registry.core.fingerprints.text_vectors import lower_by_eight, mix_sixteen

Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]

BLOCK = 2048
"""Grams of which fingerprints are made at a time: with all that is made of them they stay in the first cache."""
AHEAD = 64
"""Grams whose hashes are kept, of those that are signed and of the next."""


@compiled
def minhash(
    text: Bytes,
    length: int,
    byte_values: LongWords,
    leaving: LongWords,
    permutations: Words,
    least: Words,
    hashes: LongWords,
    mixed: Words,
) -> None:
    """Into `least` the 128 minima of all 16-byte grams of text[:length]; see `minhash.signature_by_numpy`.

    `leaving` is `byte_values` times the base to the 16th, `permutations` is (2, 128); `hashes` and `mixed`, (AHEAD,),
    are memory to work in, in turn. Sixteen grams are permuted, while those two steps further on are mixed and those
    three steps on are hashed by rolling: that takes other units of a processor, mostly, and so next to no time. The
    last are filled up to a multiple of eight with the very last, which changes nothing; up to seven bytes behind the
    length are read and mean nothing.
    """
    one, eight, sixteen, ring = uint64(1), uint64(8), uint64(16), uint64(AHEAD - 1)
    least[:] = EMPTY
    if length < 16:
        return
    grams = uint64(length) - uint64(15)
    state = uint64(0)
    for i in range(sixteen):
        state = state * uint64(BASE) + byte_values[text[i]]
    hashes[0] = state
    for i in range(one, min(grams, uint64(48))):
        state = _rolled(state, text, i, byte_values, leaving)
        hashes[i] = state
    mix_sixteen(hashes, uint64(0), mixed)
    mix_sixteen(hashes, sixteen, mixed)
    for first in range(uint64(0), grams, sixteen):
        here = first & ring
        count = min(sixteen, grams - first)
        for i in range(here + count, here + ((count + uint64(7)) & ~uint64(7))):
            mixed[i] = mixed[here + count - one]
        for i in range(uint64(0), count, eight):
            lower_by_eight(mixed, here + i, permutations, least)
            after = first + i + uint64(48)
            if after < grams:
                for j in range(eight):
                    state = _rolled(state, text, after + j, byte_values, leaving)
                    hashes[(after & ring) + j] = state
            if i == 0:
                mix_sixteen(hashes, (first + uint64(32)) & ring, mixed)


@compiled
def _rolled(state: Any, text: Bytes, at: Any, byte_values: LongWords, leaving: LongWords) -> Any:
    """The hash of the gram that begins at `at`, from that of the one before."""
    entering = byte_values[text[at + uint64(15)]]
    return state * uint64(BASE) + (entering - leaving[text[at - uint64(1)]])


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
        _gram_hashes(text, 0, held, byte_values, hashes)
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
        _gram_hashes(text, before + 32, held - 32, byte_values, hashes[32:])
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
def _gram_hashes(text: Bytes, first: int, count: int, byte_values: LongWords, out: LongWords) -> None:
    """Polynomial hashes of the `count` grams of 32 bytes from `first` on; see `minhash.gram_hashes`.

    Not mixed yet. Four bytes are joined, then four of these, then two: each step is for many grams at a time, where a
    rolling hash would wait for its last multiplication. `out` has room for count + 31.
    """
    base = uint64(BASE)
    start, bytes_ = uint64(first), uint64(count + 32)
    one, two, three, four = uint64(1), uint64(2), uint64(3), uint64(4)
    for i in range(bytes_ - one):
        out[i] = byte_values[text[start + i]]
    for i in range(bytes_ - four):
        out[i] = ((out[i] * base + out[i + one]) * base + out[i + two]) * base + out[i + three]
    base *= base
    base *= base
    for i in range(bytes_ - uint64(16)):
        out[i] = ((out[i] * base + out[i + four]) * base + out[i + uint64(8)]) * base + out[i + uint64(12)]
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
