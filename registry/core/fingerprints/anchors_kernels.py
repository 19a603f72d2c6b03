"""The search for anchors, compiled: the same bits as numpy's, fifty times faster. Imported where it pays.

Each function repeats, operation by operation, the one of its name in `anchors`, `anchors_scales` and
`anchors_patches`. Doubles are rounded at every step, so nothing may be reordered and fast-math stays off.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from registry.core.fingerprints import anchors, anchors_scales, frame_kernels
from registry.core.fingerprints import anchors_kernels_patches as patches
from registry.core.fingerprints import anchors_kernels_scales as scales
from registry.core.fingerprints.anchors_kernels_scales import Blurs, Doubles, Shapes
from registry.core.fingerprints.anchors_patches import HALF, PATCH
from registry.core.fingerprints.anchors_records import MOST, Anchor
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.kernels import Bytes, compiled

_FIRST_SIGMA: Final = anchors_scales.FIRST_SIGMA
_LEAST_QUALITY, _LEAST_INSIDE, _TRIED = anchors.LEAST_QUALITY, anchors.LEAST_INSIDE, anchors.TRIED
_APART, _LIKE_SCALE, _LIKE_DIRECTION = anchors.APART, anchors.LIKE_SCALE, anchors.LIKE_DIRECTION
_MEMBERS: Final = 5
"""Of a place found: x, y, scale, turns, quality."""


def find(small: Plane) -> list[Anchor]:
    """See `anchors.find_by_numpy`."""
    buffer, shapes = scales.octaves(small)
    spots = scales.spots(buffer, shapes)
    codes, places = np.empty((MOST, 32), np.uint8), np.empty((MOST, _MEMBERS))
    found = _choose(spots, buffer, shapes, codes, places)
    return [
        Anchor(code.tobytes(), x, y, scale, turns, int(quality))
        for code, (x, y, scale, turns, quality) in zip(codes[:found], places[:found].tolist(), strict=True)
    ]


@compiled
def _choose(spots: Doubles, buffer: Blurs, shapes: Shapes, codes: Bytes, places: Doubles) -> int:
    """Write what is worth keeping into the rows of `codes` and `places`; their number."""
    height, width = shapes[0, 1], shapes[0, 2]
    square = np.empty((PATCH, PATCH), np.uint8)
    found = tried = 0
    for spot in np.argsort(-spots[:, 3], kind="mergesort"):  # which is stable
        if tried == _TRIED or found == len(codes):
            break
        x, y, scale = spots[spot, :3]
        sigma = _FIRST_SIGMA * scales.power_of_two(scale)
        if not _inside(x, y, sigma, width, height):
            continue
        octave, level = int(spots[spot, 4]), int(spots[spot, 5])
        size = float(1 << octave)
        blurred = scales.octave(buffer, shapes, octave)[level]
        turns = patches.direction(blurred, x / size, y / size, sigma / size)
        if _alike(x, y, scale, turns, sigma, places[:found]):
            continue
        tried += 1
        step, octave, size = 2.0 * HALF * sigma / PATCH, 0, 1.0
        while step >= 2.0 and octave + 2 < len(shapes):
            octave, size, step = octave + 1, size * 2.0, step / 2.0
        source = scales.octave(buffer, shapes, octave)[0]
        patches.patch(source, x / size, y / size, step, turns, square)
        quality = frame_kernels.quality(square)
        if quality < _LEAST_QUALITY or frame_kernels.code256(square, codes[found]):
            continue
        places[found, :3] = spots[spot, :3]
        places[found, 3], places[found, 4] = turns, quality
        found += 1
    return found


@compiled
def _inside(x: float, y: float, sigma: float, width: int, height: int) -> bool:
    half = HALF * sigma
    across = min(x + half, width) - max(x - half, 0.0)
    down = min(y + half, height) - max(y - half, 0.0)
    return bool(across * down >= _LEAST_INSIDE * 4.0 * half * half)


@compiled
def _alike(x: float, y: float, scale: float, turns: float, sigma: float, others: Doubles) -> bool:
    apart = _APART * sigma
    for other in others:
        dx, dy = x - other[0], y - other[1]
        turned = abs(turns - other[3])
        if (
            abs(scale - other[2]) < _LIKE_SCALE
            and dx * dx + dy * dy < apart * apart
            and min(turned, 1.0 - turned) < _LIKE_DIRECTION
        ):
            return True
    return False
