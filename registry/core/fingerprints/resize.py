"""The frozen resize: Lanczos (a = 3) in 22-bit fixed point, rows first, then columns.

It gives the pixels of Pillow 9.5 to 12 (`Image.resize(..., LANCZOS)` on 8-bit channels, `src/libImaging/Resample.c`);
Pillow 13 takes the columns of tall pictures first and so gives others. Weights are integers, sums are integers,
so every machine and browser agrees. The weights themselves come from +, -, x and / on doubles alone, which
IEEE 754 rounds in one way only; the sine is our own, since those of C libraries differ in the last place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import metering
from registry.core.fingerprints.decode import Plane

PRECISION: Final = 22
"""Bits after the point: 32, less 8 for the pixel and 2 for overshoot."""
_SUPPORT: Final = 3
_ROWS_AT_ONCE: Final = 256
_TAPS_AT_ONCE: Final = 4
"""Weights are padded with zeros to a multiple of this."""
_PI: Final = 3.141592653589793
_SINE: Final = tuple(
    (-1.0) ** i / float(factorial)
    for i, factorial in enumerate(
        (1, 6, 120, 5040, 362880, 39916800, 6227020800, 1307674368000, 355687428096000, 121645100408832000)
    )
)
"""Taylor series of sin(x)/x in x²: for |x| <= pi/2 its error is below that of a double."""


@dataclass(frozen=True, slots=True)
class Weights:
    """For each of n outputs: the first input, and the weights of it and its successors, padded with zeros."""

    first: NDArray[np.int32]
    taps: NDArray[np.int32]
    values: NDArray[np.int32]


def resize(plane: Plane, width: int, height: int) -> Plane:
    """(h, w) grey levels to (height, width)."""
    rows, columns = plane.shape
    across, down = weights(columns, width), weights(rows, height)
    engine = resize_by_kernel if metering.PIXELS.compiled_pays(rows * columns) else resize_by_matrices
    return engine(plane, across, down)


def resize_by_kernel(plane: Plane, across: Weights, down: Weights) -> Plane:
    """The numba engine."""
    from registry.core.fingerprints import kernels  # numba only where it pays

    rows, columns = plane.shape
    width, height = len(across.first), len(down.first)
    out = np.empty((height, width), np.uint8)
    kernels.resize(
        np.ascontiguousarray(plane),
        across.first,
        across.taps,
        across.values,
        down.first,
        down.taps,
        down.values,
        np.empty((columns + _TAPS_AT_ONCE - 1, kernels.LANES), np.uint8),
        np.empty((rows, width), np.int32),
        out,
    )
    return out


def resize_by_matrices(plane: Plane, across: Weights, down: Weights) -> Plane:
    """The numpy engine: two matrix products in doubles.

    Each product and each partial sum is an integer far below 2**53, so doubles hold them exactly and neither
    order nor fused operations can change anything.
    """
    rows, columns = plane.shape
    matrix = _dense(across, columns).T
    narrow = np.empty((rows, matrix.shape[1]))
    for top in range(0, rows, _ROWS_AT_ONCE):
        narrow[top : top + _ROWS_AT_ONCE] = _round(
            plane[top : top + _ROWS_AT_ONCE].astype(np.float64) @ matrix
        )
    return _round(_dense(down, rows) @ narrow).astype(np.uint8)


def _round(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half up, then into 0..255; a division by a power of two is exact."""
    return np.clip(np.floor((sums + (1 << (PRECISION - 1))) / (1 << PRECISION)), 0, 255)


def _dense(weights: Weights, inputs: int) -> NDArray[np.float64]:
    """(outputs, inputs), zero where an input has no weight."""
    dense = np.zeros((len(weights.first), inputs))
    for row, first, taps, values in zip(dense, weights.first, weights.taps, weights.values, strict=True):
        row[first : first + taps] = values[:taps]
    return dense


@lru_cache(maxsize=256)
def weights(inputs: int, outputs: int) -> Weights:
    """The weights from `inputs` pixels to `outputs`, step by step as `precompute_coeffs` in Resample.c."""
    scale = inputs / outputs
    stretch = max(scale, 1.0)
    support = _SUPPORT * stretch
    centre = (np.arange(outputs) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int32), 0)
    taps = (np.minimum((centre + support + 0.5).astype(np.int32), inputs) - first).astype(np.int32)
    offset = np.arange(-(-taps.max() // _TAPS_AT_ONCE) * _TAPS_AT_ONCE)
    x = (offset + first[:, None] - centre[:, None] + 0.5) * (1.0 / stretch)
    raw = np.where(offset < taps[:, None], _lanczos(x), 0.0)
    raw /= np.cumsum(raw, axis=1)[:, -1:]  # summed one after the other, as in C
    fixed = raw * (1 << PRECISION)
    return Weights(first, taps, np.where(fixed < 0, fixed - 0.5, fixed + 0.5).astype(np.int32))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = (x >= -_SUPPORT) & (x < _SUPPORT)
    return np.where(inside, _sinc(x) * _sinc(x / 3), 0.0)


def _sinc(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """sin(pi x) / (pi x), and 1 at 0. The nearest whole number is taken off first, which is exact."""
    whole = np.rint(x)
    angle = (x - whole) * _PI
    square = angle * angle
    series = np.full_like(square, _SINE[-1])
    for coefficient in _SINE[-2::-1]:
        series = series * square + coefficient
    sine = np.where(whole.astype(np.int64) % 2 == 0, series * angle, -series * angle)
    return np.where(x == 0, 1.0, sine / np.where(x == 0, 1.0, x * _PI))
