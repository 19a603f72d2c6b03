"""Find the picture inside a uniform border: frames, letterboxes, the padding of screenshots.

Conservative on purpose. A side is cut off only if it is of one grey level, the same on all sides, up to a
straight edge across which much of the picture changes at once; a night sky, a white ground, a fading sky or
noise has no such edge and stays. A wrong cut costs little anyhow, since the codes of the full frame are always
kept beside those of the trimmed one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.decode import Plane

_TOLERANCE: Final = 8
"""Grey levels by which a border may waver."""
_STRAY: Final = 50
"""One pixel in so many may be off (a speck of dust, a broken block)."""
_EDGE: Final = 4
"""One pixel in so many, at least, must change across the edge of the picture."""
_CONTRAST: Final = 12
"""By more than so many grey levels."""
_RINGING: Final = 8
"""Lines beside an edge that lossy compression disturbs: one block of JPEG."""
_LINES_AT_ONCE: Final = 32
_LEAST_LEFT: Final = 4
"""The picture keeps at least a quarter of its width and of its height."""


def inner_frame(luma: Plane) -> tuple[slice, slice] | None:
    """Rows and columns of the picture inside its border; None unless that removes more than 1 % of the area."""
    height, width = luma.shape
    cut = {"top": 0, "bottom": 0, "left": 0, "right": 0}
    border: int | None = None
    for side in cut:
        inside = luma[cut["top"] : height - cut["bottom"], cut["left"] : width - cut["right"]]
        lines = _from_outside(inside, side)
        level = int(np.partition(lines[0], lines.shape[1] // 2)[lines.shape[1] // 2])
        if border is None or abs(level - border) <= _TOLERANCE:
            cut[side] = _depth(lines, level, height if side in ("top", "bottom") else width)
            border = level if cut[side] else border
    rows = slice(cut["top"], height - cut["bottom"])
    columns = slice(cut["left"], width - cut["right"])
    left_over = (rows.stop - rows.start) * (columns.stop - columns.start)
    return (rows, columns) if (height * width - left_over) * 100 > height * width else None


def _from_outside(plane: Plane, side: str) -> Plane:
    """The rows or columns of a plane, beginning at one side."""
    lines = plane if side in ("top", "bottom") else plane.T
    return lines if side in ("top", "left") else lines[::-1]


def _depth(lines: Plane, level: int, original: int) -> int:
    """How many of the first lines are border; 0 if there is none or no clear edge behind it.

    `lines` runs from the outside in; `original` is how many there were before any trimming.
    """
    most = len(lines) - max(1, original // _LEAST_LEFT)
    length = lines.shape[1]
    depth = _uniform(lines[: max(most, 0)], level)
    if depth == 0:
        return 0
    near = lines[depth - 1 : min(depth + _RINGING, most) + 1].astype(np.int16)
    steps = np.abs(np.diff(near, axis=0)).sum(axis=1, dtype=np.int64)
    edge = int(steps.argmax()) + 1
    across = near[min(edge + 1, len(near) - 1)]  # a blurred edge takes two lines
    return depth - 1 + edge if _differing(across, near[edge - 1], _CONTRAST) * _EDGE >= length else 0


def _uniform(lines: Plane, level: int) -> int:
    """How many of the first lines are of this level, but for strays. The first alone tells most pictures."""
    if not len(lines) or _differing(lines[0], level, _TOLERANCE) * _STRAY > lines.shape[1]:
        return 0
    for begin in range(1, len(lines), _LINES_AT_ONCE):
        apart = np.abs(lines[begin : begin + _LINES_AT_ONCE].astype(np.int16) - level)
        off = np.count_nonzero(apart > _TOLERANCE, axis=1) * _STRAY > lines.shape[1]
        if off.any():
            return begin + int(off.argmax())
    return len(lines)


def _differing(line: NDArray[np.integer], other: NDArray[np.integer] | int, tolerance: int) -> int:
    return int(np.count_nonzero(np.abs(line.astype(np.int16) - other) > tolerance))
