"""What a place looks like: the direction of its shading, and the square around it, turned upright."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.anchors_maths import ARC, TAN_EIGHTH, cosine_and_sine, falling
from registry.core.fingerprints.anchors_scales import FRACTION, Blurred, Octaves, Spot, sigma_of
from registry.core.fingerprints.decode import Plane

DIRECTIONS: Final = 36
PATCH: Final = 64
"""Samples a side, as the luma that `image.phash256.v1` is made from."""
HALF: Final = 6.0
"""Half the side of the square, in sigmas."""


def direction(blurred: Blurred, spot: Spot) -> float:
    """The strongest direction of the gradient around a spot, in turns from right to down; 0 to 1.

    A histogram of 36 directions, weighted by steepness and nearness, then the parabola through its highest bin.
    """
    size = float(1 << spot.octave)
    sigma, x, y = sigma_of(spot.scale) / size, spot.x / size, spot.y / size
    height, width = blurred.shape
    reach = math.floor(4.5 * sigma + 0.5)
    column, row = math.floor(x + 0.5), math.floor(y + 0.5)
    left, right = max(1, column - reach), min(width - 2, column + reach)
    top, bottom = max(1, row - reach), min(height - 2, row + reach)
    spread = 1.0 / (2.0 * (1.5 * sigma) * (1.5 * sigma))
    across = np.array([falling((i - x) * (i - x) * spread) for i in range(left, right + 1)])
    down = np.array([falling((i - y) * (i - y) * spread) for i in range(top, bottom + 1)])
    centre, window = slice(top, bottom + 1), slice(left, right + 1)
    to_right = blurred[centre, left + 1 : right + 2] - blurred[centre, left - 1 : right]
    to_bottom = blurred[top + 1 : bottom + 2, window] - blurred[top - 1 : bottom, window]
    gx, gy = to_right.astype(np.float64), to_bottom.astype(np.float64)
    share = np.floor(np.sqrt(gx * gx + gy * gy) * (down[:, None] * across))
    place = _turns(gx, gy) * DIRECTIONS
    lower = np.floor(place)
    upper_share = np.floor(share * (place - lower))
    bins = lower.astype(np.int64).ravel() % DIRECTIONS
    here = np.bincount(bins, (share - upper_share).ravel(), DIRECTIONS)
    beyond = np.bincount((bins + 1) % DIRECTIONS, upper_share.ravel(), DIRECTIONS)
    return highest(np.asarray(here + beyond, np.float64))


def highest(histogram: NDArray[np.float64]) -> float:
    """The direction of the highest bin after smoothing, in turns. The bins are whole numbers, so sums are exact."""
    one = np.roll(histogram, 1) + np.roll(histogram, -1)
    two = np.roll(histogram, 2) + np.roll(histogram, -2)
    smooth = 6.0 * histogram + 4.0 * one + two
    peak = int(np.argmax(smooth))
    before, at, after = smooth[peak - 1], smooth[peak], smooth[(peak + 1) % DIRECTIONS]
    bend = before - 2.0 * at + after
    offset = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    turns = float(peak + offset) / DIRECTIONS
    return turns - math.floor(turns)


def _turns(gx: NDArray[np.float64], gy: NDArray[np.float64]) -> NDArray[np.float64]:
    """atan2(gy, gx) in turns, 0 to 1."""
    ax, ay = np.abs(gx), np.abs(gy)
    most = np.maximum(ax, ay)
    q = np.minimum(ax, ay) / np.where(most == 0.0, 1.0, most)
    steep = q > TAN_EIGHTH
    q = np.where(steep, (q - 1.0) / (q + 1.0), q)
    square = q * q
    series = np.full_like(square, ARC[-1])
    for factor in ARC[-2::-1]:
        series = series * square + factor
    turns = series * q + np.where(steep, 0.125, 0.0)
    turns = np.where(ay > ax, 0.25 - turns, turns)
    turns = np.where(gx < 0.0, 0.5 - turns, turns)
    return np.where(gy < 0.0, 1.0 - turns, turns)


def patch(blurs: Octaves, spot: Spot, turns: float) -> Plane:
    """(64, 64) grey levels of the square of 12 sigma around a spot, its direction to the right.

    From the first blur of the octave in which a sample is one to two pixels wide; beyond the border lies the
    mirrored picture.
    """
    step = 2.0 * HALF * sigma_of(spot.scale) / PATCH
    octave, size = 0, 1.0
    while step >= 2.0 and octave + 1 < len(blurs):
        octave, size, step = octave + 1, size * 2.0, step / 2.0
    source = blurs[octave][0]
    height, width = source.shape
    cosine, sine = cosine_and_sine(turns)
    u = np.arange(PATCH) - 31.5
    x = (spot.x / size + u * (cosine * step)) - (u * (sine * step))[:, None]
    y = (spot.y / size + u * (sine * step)) + (u * (cosine * step))[:, None]
    x, y = _reflected(x, width), _reflected(y, height)
    column, row = np.floor(x), np.floor(y)
    fx, fy = x - column, y - row
    i, j = row.astype(np.intp), column.astype(np.intp)
    upper = source[i, j] * (1.0 - fx) + source[i, j + 1] * fx
    lower = source[i + 1, j] * (1.0 - fx) + source[i + 1, j + 1] * fx
    level = upper * (1.0 - fy) + lower * fy
    return np.asarray(np.floor(level * (1.0 / (1 << FRACTION)) + 0.5), np.uint8)


def _reflected(at: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    last = size - 1.0
    at = np.abs(at)
    at = np.where(at > last, 2.0 * last - at, at)
    return np.clip(at, 0.0, last - 0.001)
