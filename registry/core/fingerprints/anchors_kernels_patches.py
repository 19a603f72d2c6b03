"""Directions and squares, compiled: the same bits as `anchors_patches`, whose functions these repeat."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from registry.core.fingerprints import anchors_maths
from registry.core.fingerprints.anchors_kernels_scales import Blurs, Doubles
from registry.core.fingerprints.anchors_maths import ARC, TAN_EIGHTH
from registry.core.fingerprints.anchors_patches import DIRECTIONS, PATCH
from registry.core.fingerprints.anchors_scales import FRACTION
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.kernels import Ints, compiled

_falling: Any = compiled(anchors_maths.falling)
_cosine_and_sine: Any = compiled(anchors_maths.cosine_and_sine)
_GREY: Final = 1.0 / (1 << FRACTION)


@compiled
def direction(blurred: Blurs, x: float, y: float, sigma: float) -> float:
    """See `anchors_patches.direction`; lengths in pixels of this blur."""
    height, width = blurred.shape
    reach = math.floor(4.5 * sigma + 0.5)
    column, row = math.floor(x + 0.5), math.floor(y + 0.5)
    left, right = max(1, column - reach), min(width - 2, column + reach)
    top, bottom = max(1, row - reach), min(height - 2, row + reach)
    spread = 1.0 / (2.0 * (1.5 * sigma) * (1.5 * sigma))
    size = right + 1 - left
    across, share, beyond, bins = np.empty(size), np.empty(size), np.empty(size), np.empty(size, np.int32)
    for i in range(size):
        across[i] = _falling((left + i - x) * (left + i - x) * spread)
    histogram = np.zeros(DIRECTIONS + 2)
    for j in range(top, bottom + 1):
        down = _falling((j - y) * (j - y) * spread)
        line = blurred[j, left - 1 :]
        _gradients(blurred[j - 1, left:], line, blurred[j + 1, left:], down, across, share, beyond, bins)
        for i in range(size):
            lower = np.uint64(bins[i])
            histogram[lower] += share[i]
            histogram[lower + np.uint64(1)] += beyond[i]
    histogram[0] += histogram[DIRECTIONS]  # a whole turn; sums of integers, whose order is of no matter
    histogram[1] += histogram[DIRECTIONS + 1]
    return _highest(histogram[:DIRECTIONS])


@compiled
def _gradients(
    above: Blurs,
    row: Blurs,
    below: Blurs,
    down: float,
    across: Doubles,
    share: Doubles,
    beyond: Doubles,
    bins: Ints,
) -> None:
    """How steep each pixel is, weighted, of a row that begins one pixel earlier; shared between two bins."""
    after = row[2:]
    for i in range(len(share)):
        gx, gy = float(after[i]) - float(row[i]), float(below[i]) - float(above[i])
        steepness = np.floor(math.sqrt(gx * gx + gy * gy) * (down * across[i]))
        place = _turns(gx, gy) * DIRECTIONS
        lower = np.floor(place)
        beyond[i] = np.floor(steepness * (place - lower))
        share[i] = steepness - beyond[i]
        bins[i] = np.int32(lower)


@compiled
def _turns(gx: float, gy: float) -> float:
    ax, ay = abs(gx), abs(gy)
    most, least = (ax, ay) if ax > ay else (ay, ax)
    q = least / (1.0 if most == 0.0 else most)
    steep = q > TAN_EIGHTH
    q = (q - 1.0) / (q + 1.0) if steep else q
    square = q * q
    series = ARC[7]
    series = series * square + ARC[6]
    series = series * square + ARC[5]
    series = series * square + ARC[4]
    series = series * square + ARC[3]
    series = series * square + ARC[2]
    series = series * square + ARC[1]
    series = series * square + ARC[0]
    turns = series * q + (0.125 if steep else 0.0)
    turns = 0.25 - turns if ay > ax else turns
    turns = 0.5 - turns if gx < 0.0 else turns
    return 1.0 - turns if gy < 0.0 else turns


@compiled
def _highest(histogram: Doubles) -> float:
    n = len(histogram)
    smooth = np.empty(n)
    for k in range(n):
        one = histogram[(k - 1) % n] + histogram[(k + 1) % n]
        two = histogram[(k - 2) % n] + histogram[(k + 2) % n]
        smooth[k] = 6.0 * histogram[k] + 4.0 * one + two
    peak = int(np.argmax(smooth))
    before, at, after = smooth[(peak - 1) % n], smooth[peak], smooth[(peak + 1) % n]
    bend = before - 2.0 * at + after
    offset = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    turns = (peak + offset) / n
    return turns - math.floor(turns)


@compiled
def patch(source: Blurs, at_x: float, at_y: float, step: float, turns: float, out: Plane) -> None:
    """See `anchors_patches.patch`: from this blur, in its pixels, a sample every `step`.

    Row by row: first where each sample lies, then what is there, each in a loop that becomes vectors.
    """
    cosine, sine = _cosine_and_sine(turns)
    cosine *= step
    sine *= step
    across, down = np.empty(PATCH), np.empty(PATCH)
    for column in range(PATCH):
        u = column - 31.5
        across[column], down[column] = at_x + u * cosine, at_y + u * sine
    corner, fx, fy = np.empty(PATCH, np.int32), np.empty(PATCH), np.empty(PATCH)
    upper, lower = source.ravel(), source[1:].ravel()
    for row in range(PATCH):
        v = row - 31.5
        _places(across, v * sine, down, v * cosine, source.shape, corner, fx, fy)
        _levels(upper, upper[1:], lower, lower[1:], corner, fx, fy, out[row])


@compiled
def _places(
    across: Doubles,
    left: float,
    down: Doubles,
    below: float,
    shape: tuple[int, int],
    corner: Ints,
    fx: Doubles,
    fy: Doubles,
) -> None:
    """Of each sample the pixel up and to the left of it, and how far it is from there."""
    height, width = shape
    stride = np.int32(width)
    for column in range(len(across)):
        x = _reflected(across[column] - left, width - 1.0)
        y = _reflected(down[column] + below, height - 1.0)
        j, i = np.int32(x), np.int32(y)
        corner[column] = i * stride + j
        fx[column], fy[column] = x - j, y - i


@compiled
def _levels(
    at: Blurs, beside: Blurs, below: Blurs, across: Blurs, corner: Ints, fx: Doubles, fy: Doubles, out: Plane
) -> None:
    """Between the four pixels at each corner, rounded to grey levels."""
    for column in range(len(corner)):
        k, x, y = corner[column], fx[column], fy[column]
        upper = at[k] * (1.0 - x) + beside[k] * x
        lower = below[k] * (1.0 - x) + across[k] * x
        level = upper * (1.0 - y) + lower * y
        out[column] = np.uint8(np.int32(level * _GREY + 0.5))


@compiled
def _reflected(at: float, last: float) -> float:
    at = abs(at)
    at = 2.0 * last - at if at > last else at
    return min(max(at, 0.0), last - 0.001)
