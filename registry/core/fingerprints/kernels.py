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
