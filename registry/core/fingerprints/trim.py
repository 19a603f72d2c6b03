"""Find the picture inside a uniform border: frames, letterboxes, the padding of screenshots.

Conservative on purpose. A side is cut off only if it is one grey level up to a straight edge along which most
of the picture differs from it; a night sky, a white ground or noise has no such edge and stays. A wrong cut
costs little anyhow, since the code of the full frame is always kept beside that of the trimmed one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from registry.core.fingerprints.decode import Plane

TOLERANCE: Final = 8
"""Grey levels by which a border may waver."""
_STRAY: Final = 50
"""One pixel in so many may be off (a speck of dust, a broken block)."""
_EDGE: Final = 4
"""One pixel in so many, at least, must differ along the edge of the picture."""
_RINGING: Final = 8
"""Lines beside an edge that lossy compression disturbs: one block of JPEG."""
_LEAST_LEFT: Final = 4
"""The picture keeps at least a quarter of its width and of its height."""


def inner_frame(luma: Plane) -> tuple[slice, slice] | None:
    """Rows and columns of the picture inside its border; None unless that removes more than 1 % of the area."""
    height, width = luma.shape
    top, bottom, left, right = 0, height, 0, width
    for _ in range(2):  # bars at the sides may hide those above and below from the first round
        top = top or _depth(luma[top:bottom, left:right], height)
        if bottom == height:
            bottom -= _depth(luma[top:bottom, left:right][::-1], height)
        left = left or _depth(luma[top:bottom, left:right].T, width)
        if right == width:
            right -= _depth(luma[top:bottom, left:right].T[::-1], width)
    if (height * width - (bottom - top) * (right - left)) * 100 <= height * width:
        return None
    return slice(top, bottom), slice(left, right)


def _depth(lines: Plane, original: int) -> int:
    """How many of the first lines are border; 0 if there is none or no clear edge behind it.

    `lines` runs from the outside in; `original` is how many there were before any trimming.
    """
    most = len(lines) - max(1, original // _LEAST_LEFT)
    if most <= 0:
        return 0
    length = lines.shape[1]
    level = int(np.partition(lines[0], length // 2)[length // 2])
    depth = 0
    while depth < most and _differing(lines[depth], level) * _STRAY <= length:
        depth += 1
    if depth == 0:
        return 0
    near = lines[depth - 1 : min(depth + _RINGING, most) + 1].astype(np.int16)
    steps = np.abs(np.diff(near, axis=0)).sum(axis=1, dtype=np.int64)
    edge = depth + int(steps.argmax())
    return edge if _differing(lines[edge], level) * _EDGE >= length else 0


def _differing(line: Plane, level: int) -> int:
    return int(np.count_nonzero(np.abs(line.astype(np.int16) - level) > TOLERANCE))
