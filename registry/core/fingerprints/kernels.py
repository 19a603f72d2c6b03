"""Compiled kernels: the same integers as the numpy engines, several times faster. Imported only where they pay.

Nothing is compiled on import. Compiled code is cached on disk where a place for it can be found, so a machine
compiles once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, uint32, uint64
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Words = NDArray[np.uint32]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """`njit` with an on-disk cache; without, where neither the package nor the home folder can be written to."""
    try:
        return cast("_Function", njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast("_Function", njit(nogil=True)(function))


# -- pictures ----------------------------------------------------------------------------------------------
@compiled
def luma(colours: Bytes, out: Bytes) -> None:
    """(h, w, 3) RGB to (h, w) luma; see `decode.luma_of`."""
    height, width = out.shape
    for y in range(height):
        for x in range(width):
            weighted = uint32(19595) * colours[y, x, 0] + uint32(38470) * colours[y, x, 1]
            weighted += uint32(7471) * colours[y, x, 2] + uint32(0x8000)
            out[y, x] = weighted >> uint32(16)


@compiled
def resize(
    plane: Bytes, first_x: Ints, taps_x: Ints, weights_x: Ints, first_y: Ints, taps_y: Ints, weights_y: Ints
) -> Bytes:
    """(h, w) grey levels to (len(first_y), len(first_x)); see `resize.resize`."""
    height = plane.shape[0]
    width_out, height_out = len(first_x), len(first_y)
    narrow = np.empty((height, width_out), np.int32)
    for y in range(height):
        row = plane[y]
        for x in range(width_out):
            pixels = row[first_x[x] : first_x[x] + taps_x[x]]
            weights = weights_x[x]
            total: Any = np.int32(1 << 21)
            for i in range(len(pixels)):
                total += np.int32(pixels[i]) * weights[i]
            narrow[y, x] = min(max(total >> 22, 0), 255)
    out = np.empty((height_out, width_out), np.uint8)
    totals = np.empty(width_out, np.int32)
    for y in range(height_out):
        totals[:] = 1 << 21
        for i in range(taps_y[y]):
            weight = weights_y[y, i]
            row_in = narrow[first_y[y] + i]
            for x in range(width_out):
                totals[x] += row_in[x] * weight
        for x in range(width_out):
            out[y, x] = min(max(totals[x] >> 22, 0), 255)
    return out


# -- texts -------------------------------------------------------------------------------------------------
MOST_GROWTH = 10
"""No code point grows to more than 10 times its UTF-8 bytes under N1 (U+FDFA: 3 bytes to 30)."""


@compiled
def normalise(source: Bytes, out: Bytes, offsets: Words, output: Bytes) -> int:
    """UTF-8 to N1 in `out`; returns the length. See `minhash.normalise`. `source` must be well-formed."""
    ascii_bytes = np.zeros(128, np.uint8)  # at most one byte each; 0 where nothing is left
    for c in range(128):
        if offsets[c + 1] > offsets[c]:
            ascii_bytes[c] = output[offsets[c]]
    length = 0
    i = 0
    end = len(source)
    while i < end:
        lead = int(source[i])
        if lead < 0x80:
            out[length] = ascii_bytes[lead]
            length += int(ascii_bytes[lead] != 0)
            i += 1
            continue
        if lead < 0xE0:
            point = (lead & 0x1F) << 6 | (int(source[i + 1]) & 0x3F)
            i += 2
        elif lead < 0xF0:
            point = (lead & 0x0F) << 12 | (int(source[i + 1]) & 0x3F) << 6 | (int(source[i + 2]) & 0x3F)
            i += 3
        else:
            point = (
                (lead & 0x07) << 18
                | (int(source[i + 1]) & 0x3F) << 12
                | (int(source[i + 2]) & 0x3F) << 6
                | (int(source[i + 3]) & 0x3F)
            )
            i += 4
        for j in range(int(offsets[point]), int(offsets[point + 1])):
            out[length] = output[j]
            length += 1
    return length


@compiled
def minhash(
    text: Bytes,
    length: int,
    byte_values: NDArray[np.uint64],
    multipliers: Words,
    increments: Words,
    least: Words,
) -> None:
    """Lower the 128 values of `least` by all 16-byte grams of text[:length]; see `minhash.signature_by_numpy`.

    Blocks of 4,096 grams stay in the first cache while all permutations pass over them.
    """
    size = 16
    base = uint64(0x9E3779B97F4A7C15)
    leaving = uint64(1)
    for _ in range(size):
        leaving *= base
    polynomial = uint64(0)
    for i in range(min(size - 1, length)):
        polynomial = polynomial * base + byte_values[text[i]]
    block = np.empty(4096, np.uint32)
    filled = 0
    for i in range(size - 1, length):
        polynomial = polynomial * base + byte_values[text[i]]
        if i >= size:
            polynomial -= leaving * byte_values[text[i - size]]
        h = polynomial
        h = (h ^ (h >> uint64(33))) * uint64(0xFF51AFD7ED558CCD)
        h = (h ^ (h >> uint64(33))) * uint64(0xC4CEB9FE1A85EC53)
        m = uint32(h ^ (h >> uint64(33)))
        m = uint32(uint32(m ^ (m >> uint32(16))) * uint32(0x85EBCA6B))
        m = uint32(uint32(m ^ (m >> uint32(13))) * uint32(0xC2B2AE35))
        block[filled] = uint32(m ^ (m >> uint32(16)))
        filled += 1
        if filled == len(block) or i == length - 1:
            _lower(block[:filled], multipliers, increments, least)
            filled = 0


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
