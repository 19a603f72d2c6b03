"""Compiled kernels for pictures: the same integers as by numpy, several times faster. Imported only where they pay.

Nothing is compiled on import. Compiled code is cached on disk where a place for it can be found, so a machine
compiles once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, uint32
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """`njit` with an on-disk cache; without, where neither the package nor the home folder can be written to.

    Nothing here divides by zero; numpy's model leaves the test for it out, which would keep loops from being vectors.
    """
    try:
        return cast("_Function", njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:
        return cast("_Function", njit(nogil=True, error_model="numpy")(function))


@compiled
def luma(colours: Bytes, out: Bytes) -> None:
    """(h, w, 3) RGB to (h, w) luma; see `decode.luma_of`."""
    height, width = out.shape
    for y in range(height):
        for x in range(width):
            weighted = uint32(19595) * colours[y, x, 0] + uint32(38470) * colours[y, x, 1]
            weighted += uint32(7471) * colours[y, x, 2] + uint32(0x8000)
            out[y, x] = weighted >> uint32(16)


LANES = 32
"""Rows that are resized together where few pixels make one."""
_MOST_TAPS = 48


@compiled
def resize(
    plane: Bytes,
    first_x: Ints,
    taps_x: Ints,
    weights_x: Ints,
    first_y: Ints,
    taps_y: Ints,
    weights_y: Ints,
    turned: Bytes,
    narrow: Ints,
    out: Bytes,
) -> None:
    """(h, w) grey levels to `out`, (len(first_y), len(first_x)); see `resize.resize`.

    `narrow`, (h, len(first_x)), and `turned`, (w + 3, LANES), are memory to work in.
    """
    if weights_x.shape[1] <= _MOST_TAPS:
        _narrow_together(plane, first_x, taps_x, weights_x, turned, narrow)
    else:
        _narrow_each(plane, first_x, taps_x, weights_x, narrow)
    totals = np.empty(len(first_x), np.int32)
    for y in range(len(first_y)):
        totals[:] = 1 << 21
        for i in range(taps_y[y]):
            weight = weights_y[y, i]
            row_in = narrow[first_y[y] + i]
            for x in range(len(totals)):
                totals[x] += row_in[x] * weight
        for x in range(len(totals)):
            out[y, x] = min(max(totals[x] >> 22, 0), 255)


@compiled
def _narrow_each(plane: Bytes, first: Ints, taps: Ints, weights: Ints, narrow: Ints) -> None:
    """Row by row; the pixels that make one are the vector."""
    for y in range(plane.shape[0]):
        row = plane[y]
        for x in range(len(first)):
            pixels, factors = row[first[x] : first[x] + taps[x]], weights[x]
            total: Any = np.int32(1 << 21)
            for i in range(len(pixels)):
                total += np.int32(pixels[i]) * factors[i]
            narrow[y, x] = min(max(total >> 22, 0), 255)


@compiled
def _narrow_together(
    plane: Bytes, first: Ints, taps: Ints, weights: Ints, turned: Bytes, narrow: Ints
) -> None:
    """Many rows at once, turned so that the same pixel of each lies side by side and they are the vector.

    Four pixels a step: beyond the last, weights are zero and so whatever `turned` holds counts for nothing.
    """
    height, width = plane.shape
    total = np.empty(LANES, np.int32)
    for top in range(0, height, LANES):
        rows = min(LANES, height - top)
        for lane in range(rows):
            row = plane[top + lane]
            for x in range(width):
                turned[x, lane] = row[x]
        for x in range(len(first)):
            total[:] = 1 << 21
            for i in range(0, taps[x], 4):
                at, factors = first[x] + i, weights[x, i : i + 4]
                a, b, c, d = turned[at], turned[at + 1], turned[at + 2], turned[at + 3]
                p, q, r, s = factors[0], factors[1], factors[2], factors[3]
                for lane in range(LANES):
                    total[lane] += a[lane] * p + b[lane] * q + c[lane] * r + d[lane] * s
            for lane in range(rows):
                narrow[top + lane, x] = min(max(total[lane] >> 22, 0), 255)
