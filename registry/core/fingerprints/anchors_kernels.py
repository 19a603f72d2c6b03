"""The search for anchors, compiled: the same bits as the numpy engine, twenty times faster. Imported where it pays.

Each function repeats, operation by operation, the one of its name in `anchors_scales` and `anchors_patches`. Doubles
are rounded at every step, so nothing may be reordered and fast-math stays off.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import anchors_maths
from registry.core.fingerprints import anchors_scales as scales
from registry.core.fingerprints.anchors_maths import ARC, TAN_EIGHTH
from registry.core.fingerprints.anchors_patches import DIRECTIONS, HALF, PATCH, highest
from registry.core.fingerprints.anchors_scales import Blurred, Octaves, Spot, sigma_of
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.kernels import compiled

Doubles = NDArray[np.float64]

_power_of_two: Any = compiled(anchors_maths.power_of_two)
_falling: Any = compiled(anchors_maths.falling)
_cosine_and_sine: Any = compiled(anchors_maths.cosine_and_sine)

_KERNELS: Final = tuple(np.array(kernel, np.int32) for kernel in scales.KERNELS)
_BITS, _FRACTION, _STEPS = scales.WEIGHT_BITS, scales.FRACTION, scales.STEPS
_HALF: Final = 1 << (_BITS - 1)
_FIRST_SIGMA, _SHIFT = scales.FIRST_SIGMA, scales.MOST_SHIFT
_EDGE, _CONTRAST, _CANDIDATE = scales.MOST_EDGE, scales.LEAST_CONTRAST, scales.CANDIDATE
_MOST_SPOTS: Final = 1 << 14


def octaves(small: Plane) -> Octaves:
    """See `anchors_scales.octaves`."""
    return scales.octaves(small, blur)


def blur(plane: Blurred, kernel: int) -> Blurred:
    """See `anchors_scales.blur`."""
    narrow, out = np.empty(plane.shape, np.int32), np.empty(plane.shape, np.int32)
    _blur_rows(np.ascontiguousarray(plane), _KERNELS[kernel], narrow)
    _blur_columns(narrow, _KERNELS[kernel], out)
    return out


@compiled
def _blur_rows(plane: Blurred, kernel: NDArray[np.int32], out: Blurred) -> None:
    height, width = plane.shape
    reach = len(kernel) - 1
    row = np.empty(width + 2 * reach, np.int32)
    total = np.empty(width, np.int32)
    for y in range(height):
        row[reach : reach + width] = plane[y]
        for i in range(1, reach + 1):
            row[reach - i] = plane[y, i]
            row[reach + width - 1 + i] = plane[y, width - 1 - i]
        for x in range(width):
            total[x] = row[reach + x] * kernel[0] + np.int32(_HALF)
        for i in range(1, reach + 1):
            weight = kernel[i]
            for x in range(width):
                total[x] += (row[reach + x - i] + row[reach + x + i]) * weight
        for x in range(width):
            out[y, x] = total[x] >> _BITS


@compiled
def _blur_columns(plane: Blurred, kernel: NDArray[np.int32], out: Blurred) -> None:
    height, width = plane.shape
    total = np.empty(width, np.int32)
    for y in range(height):
        for x in range(width):
            total[x] = plane[y, x] * kernel[0] + np.int32(_HALF)
        for i in range(1, len(kernel)):
            weight = kernel[i]
            above, below = abs(y - i), height - 1 - abs(height - 1 - y - i)
            for x in range(width):
                total[x] += (plane[above, x] + plane[below, x]) * weight
        for x in range(width):
            out[y, x] = total[x] >> _BITS


def spots(blurs: Octaves) -> Doubles:
    """See `anchors_scales.spots`."""
    out = np.empty((_MOST_SPOTS, len(Spot._fields)))
    found = 0
    for octave, planes in enumerate(blurs):
        found = _spots(planes, octave, out, found)
    return out[:found]


@compiled
def _spots(planes: NDArray[np.int32], octave: int, out: Doubles, found: int) -> int:
    levels, height, width = planes.shape
    d = planes[1:] - planes[:-1]
    size = float(1 << octave)
    for step in range(1, levels - 2):
        for y in range(2, height - 2):
            for x in range(2, width - 2):
                here = d[step, y, x]
                if abs(here) < _CANDIDATE or found == len(out) or not _is_extreme(d, step, y, x):
                    continue
                v = float(here)
                gx = (d[step, y, x + 1] - d[step, y, x - 1]) * 0.5
                gy = (d[step, y + 1, x] - d[step, y - 1, x]) * 0.5
                gs = (d[step + 1, y, x] - d[step - 1, y, x]) * 0.5
                xx = d[step, y, x + 1] + d[step, y, x - 1] - 2.0 * v
                yy = d[step, y + 1, x] + d[step, y - 1, x] - 2.0 * v
                ss = d[step + 1, y, x] + d[step - 1, y, x] - 2.0 * v
                xy = _mixed(
                    d[step, y + 1, x + 1], d[step, y + 1, x - 1], d[step, y - 1, x + 1], d[step, y - 1, x - 1]
                )
                xs = _mixed(
                    d[step + 1, y, x + 1], d[step + 1, y, x - 1], d[step - 1, y, x + 1], d[step - 1, y, x - 1]
                )
                ys = _mixed(
                    d[step + 1, y + 1, x], d[step + 1, y - 1, x], d[step - 1, y + 1, x], d[step - 1, y - 1, x]
                )
                flat = xx * yy - xy * xy
                trace = xx + yy
                whole = xx * (yy * ss - ys * ys) - xy * (xy * ss - ys * xs) + xs * (xy * ys - yy * xs)
                if (
                    flat <= 0.0
                    or trace * trace * _EDGE >= (_EDGE + 1.0) * (_EDGE + 1.0) * flat
                    or abs(whole) < 1.0
                ):
                    continue
                ox = -(gx * (yy * ss - ys * ys) - xy * (gy * ss - ys * gs) + xs * (gy * ys - yy * gs)) / whole
                oy = -(xx * (gy * ss - gs * ys) - gx * (xy * ss - ys * xs) + xs * (xy * gs - gy * xs)) / whole
                os = -(xx * (yy * gs - ys * gy) - xy * (xy * gs - gy * xs) + gx * (xy * ys - yy * xs)) / whole
                ox = min(max(ox, -_SHIFT), _SHIFT)
                oy = min(max(oy, -_SHIFT), _SHIFT)
                os = min(max(os, -_SHIFT), _SHIFT)
                strength = abs(v + 0.5 * (gx * ox + gy * oy + gs * os))
                if strength < _CONTRAST:
                    continue
                scale = octave + (step + os) / _STEPS
                out[found, 0] = (x + ox) * size
                out[found, 1] = (y + oy) * size
                out[found, 2] = scale
                out[found, 3] = _FIRST_SIGMA * _power_of_two(scale) * math.sqrt(strength)
                out[found, 4] = octave
                out[found, 5] = step
                found += 1
    return found


@compiled
def _is_extreme(d: NDArray[np.int32], step: int, y: int, x: int) -> bool:
    here = d[step, y, x]
    sign = 1 if here > 0 else -1
    for layer in range(step - 1, step + 2):
        for row in range(y - 1, y + 2):
            for column in range(x - 1, x + 2):
                itself = layer == step and row == y and column == x
                if not itself and d[layer, row, column] * sign >= here * sign:
                    return False
    return True


@compiled
def _mixed(a: int, b: int, c: int, d: int) -> float:
    return (a - b - c + d) * 0.25


def direction(blurred: Blurred, spot: Spot) -> float:
    """See `anchors_patches.direction`."""
    size = float(1 << spot.octave)
    histogram = np.zeros(DIRECTIONS)
    _directions(blurred, spot.x / size, spot.y / size, sigma_of(spot.scale) / size, histogram)
    return highest(histogram)


@compiled
def _directions(blurred: Blurred, x: float, y: float, sigma: float, histogram: Doubles) -> None:
    height, width = blurred.shape
    reach = math.floor(4.5 * sigma + 0.5)
    column, row = math.floor(x + 0.5), math.floor(y + 0.5)
    left, right = max(1, column - reach), min(width - 2, column + reach)
    top, bottom = max(1, row - reach), min(height - 2, row + reach)
    spread = 1.0 / (2.0 * (1.5 * sigma) * (1.5 * sigma))
    across = np.empty(right + 1 - left)
    for i in range(left, right + 1):
        across[i - left] = _falling((i - x) * (i - x) * spread)
    for j in range(top, bottom + 1):
        down = _falling((j - y) * (j - y) * spread)
        for i in range(left, right + 1):
            gx = float(blurred[j, i + 1] - blurred[j, i - 1])
            gy = float(blurred[j + 1, i] - blurred[j - 1, i])
            share = math.floor(math.sqrt(gx * gx + gy * gy) * (down * across[i - left]))
            place = _turns(gx, gy) * DIRECTIONS
            lower = math.floor(place)
            upper_share = math.floor(share * (place - lower))
            histogram[lower % DIRECTIONS] += share - upper_share
            histogram[(lower + 1) % DIRECTIONS] += upper_share


@compiled
def _turns(gx: float, gy: float) -> float:
    ax, ay = abs(gx), abs(gy)
    most = max(ax, ay)
    q = min(ax, ay) / (1.0 if most == 0.0 else most)
    base = 0.0
    if q > TAN_EIGHTH:
        q = (q - 1.0) / (q + 1.0)
        base = 0.125
    square = q * q
    series = ARC[7]
    for k in range(6, -1, -1):
        series = series * square + ARC[k]
    turns = series * q + base
    if ay > ax:
        turns = 0.25 - turns
    if gx < 0.0:
        turns = 0.5 - turns
    if gy < 0.0:
        turns = 1.0 - turns
    return turns


def patch(blurs: Octaves, spot: Spot, turns: float) -> Plane:
    """See `anchors_patches.patch`."""
    step = 2.0 * HALF * sigma_of(spot.scale) / PATCH
    octave, size = 0, 1.0
    while step >= 2.0 and octave + 1 < len(blurs):
        octave, size, step = octave + 1, size * 2.0, step / 2.0
    out = np.empty((PATCH, PATCH), np.uint8)
    _sample(blurs[octave][0], spot.x / size, spot.y / size, step, turns, out)
    return out


@compiled
def _sample(source: Blurred, at_x: float, at_y: float, step: float, turns: float, out: Plane) -> None:
    height, width = source.shape
    cosine, sine = _cosine_and_sine(turns)
    cosine *= step
    sine *= step
    for row in range(PATCH):
        v = row - 31.5
        for column in range(PATCH):
            u = column - 31.5
            x = _reflected((at_x + u * cosine) - v * sine, width)
            y = _reflected((at_y + u * sine) + v * cosine, height)
            j, i = int(x), int(y)
            fx, fy = x - j, y - i
            upper = source[i, j] * (1.0 - fx) + source[i, j + 1] * fx
            lower = source[i + 1, j] * (1.0 - fx) + source[i + 1, j + 1] * fx
            level = upper * (1.0 - fy) + lower * fy
            out[row, column] = int(level * (1.0 / (1 << _FRACTION)) + 0.5)


@compiled
def _reflected(at: float, size: int) -> float:
    last = size - 1.0
    at = abs(at)
    if at > last:
        at = 2.0 * last - at
    return min(max(at, 0.0), last - 0.001)
