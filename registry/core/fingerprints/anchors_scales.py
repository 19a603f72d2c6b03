"""Where a picture has something to hold on to: extremes of the differences between its blurs.

The detector of David Lowe's SIFT (IJCV 60, 2004; the patent ended in 2020), over the small luma of a frame. Blurs are
sums of integers, 7 bits after the point; what follows is made of doubles that every machine rounds alike.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.anchors_maths import power_of_two
from registry.core.fingerprints.decode import Plane

Blurred = NDArray[np.int32]
"""(height, width) grey levels times 128."""
Octaves = list[NDArray[np.int32]]
"""Per octave (6, height, width): its blurs, from the finest."""

FRACTION: Final = 7
"""Bits after the point of a blurred grey level."""
STEPS: Final = 3
"""Scales of an octave."""
FIRST_SIGMA: Final = 1.6
LEAST_SIDE: Final = 12
"""An octave with a shorter side has nothing left to find."""
LEAST_CONTRAST: Final = 1.5 * (1 << FRACTION)
CANDIDATE: Final = int(0.8 * LEAST_CONTRAST)
MOST_EDGE: Final = 25.0
"""Ratio of the two curvatures; beyond it, the place can slide along an edge."""
MOST_SHIFT: Final = 0.6

WEIGHT_BITS: Final = 15
# fmt: off
KERNELS: Final = (
    # Gaussian weights from the centre outwards, times 2**15, to three sigma. First from the picture's own blur of
    # 0.6 to 1.6 pixels, then from each scale to the next: 1.6 * 2**((i - 1) / 3) * sqrt(2**(2 / 3) - 1).
    (8816, 7023, 3551, 1140, 232, 30),
    (10662, 7646, 2820, 535, 52),
    (8462, 6864, 3662, 1285, 297, 45),
    (6722, 5890, 3964, 2049, 814, 248, 58),
    (5336, 4907, 3824, 2524, 1410, 667, 267, 91, 26),
    (4236, 4017, 3433, 2642, 1831, 1143, 643, 325, 148, 61, 23),
)
# fmt: on


class Spot(NamedTuple):
    """An extreme: where it is, how large, how strong."""

    x: float
    """Pixels of the small luma, as is `y`."""
    y: float
    scale: float
    """Octaves above `FIRST_SIGMA`."""
    rank: float
    """Its radius, times the root of its contrast: what is large and clear survives most."""
    octave: int
    step: int
    """Of the octave: the blur in which its direction is measured."""


def sigma_of(scale: float) -> float:
    """The radius that belongs to a scale, in pixels of the small luma."""
    return FIRST_SIGMA * power_of_two(scale)


def blur(plane: Blurred, kernel: int) -> Blurred:
    """With one of `KERNELS`: rows, then columns, each rounded; beyond the border lies the mirrored picture."""
    return _across(_across(plane, KERNELS[kernel]).T, KERNELS[kernel]).T


def octaves(small: Plane) -> Octaves:
    """Six blurs an octave, each octave at half the size of the one before."""
    base = blur(small.astype(np.int32) << FRACTION, 0)
    found = []
    while min(base.shape) >= LEAST_SIDE:
        blurs = [base]
        for kernel in range(1, len(KERNELS)):
            blurs.append(blur(blurs[-1], kernel))
        found.append(np.stack(blurs))
        base = np.ascontiguousarray(blurs[STEPS][::2, ::2])
    return found


def _across(plane: Blurred, kernel: tuple[int, ...]) -> Blurred:
    reach, width = len(kernel) - 1, plane.shape[1]
    wide = np.pad(plane, ((0, 0), (reach, reach)), mode="reflect")
    total = wide[:, reach : reach + width] * np.int32(kernel[0])
    total += 1 << (WEIGHT_BITS - 1)
    for i in range(1, reach + 1):
        total += (wide[:, reach - i : reach - i + width] + wide[:, reach + i : reach + i + width]) * np.int32(
            kernel[i]
        )
    return np.asarray(total >> WEIGHT_BITS)


def spots(blurs: Octaves) -> NDArray[np.float64]:
    """(N, 6) the members of `Spot` for all extremes, from octave to octave, step to step, row to row."""
    found = [np.empty((0, len(Spot._fields)))]
    for octave, planes in enumerate(blurs):
        differences = planes[1:] - planes[:-1]
        for step in range(1, len(differences) - 1):
            near = differences[step - 1 : step + 2]
            rows, columns = _extremes(near)
            found.append(_refined(near, rows, columns, octave, step))
    return np.concatenate(found)


def _extremes(near: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns where the middle of three differences is beyond all 26 neighbours."""
    middle = near[1]
    inside = np.abs(middle[2:-2, 2:-2]) >= CANDIDATE
    rows, columns = (index + 2 for index in np.nonzero(inside))
    for down in (0, -1, 1):
        for right in (0, -1, 1):
            for layer in (1, 0, 2):
                if (layer, down, right) == (1, 0, 0):
                    continue
                value = middle[rows, columns]
                other = near[layer, rows + down, columns + right]
                beyond = np.where(value > 0, value > other, value < other)
                rows, columns = rows[beyond], columns[beyond]
    return rows, columns


def _refined(
    near: NDArray[np.int32], rows: NDArray[np.intp], columns: NDArray[np.intp], octave: int, step: int
) -> NDArray[np.float64]:
    """The extreme of the parabola through each place and its neighbours; edges and faint ones fall out."""
    cube = near.astype(np.float64)

    def at(layer: int, down: int, right: int) -> NDArray[np.float64]:
        return np.asarray(cube[1 + layer, rows + down, columns + right])

    v = at(0, 0, 0)
    gx = (at(0, 0, 1) - at(0, 0, -1)) * 0.5
    gy = (at(0, 1, 0) - at(0, -1, 0)) * 0.5
    gs = (at(1, 0, 0) - at(-1, 0, 0)) * 0.5
    xx = at(0, 0, 1) + at(0, 0, -1) - 2.0 * v
    yy = at(0, 1, 0) + at(0, -1, 0) - 2.0 * v
    ss = at(1, 0, 0) + at(-1, 0, 0) - 2.0 * v
    xy = (at(0, 1, 1) - at(0, 1, -1) - at(0, -1, 1) + at(0, -1, -1)) * 0.25
    xs = (at(1, 0, 1) - at(1, 0, -1) - at(-1, 0, 1) + at(-1, 0, -1)) * 0.25
    ys = (at(1, 1, 0) - at(1, -1, 0) - at(-1, 1, 0) + at(-1, -1, 0)) * 0.25
    flat = xx * yy - xy * xy
    trace = xx + yy
    whole = xx * (yy * ss - ys * ys) - xy * (xy * ss - ys * xs) + xs * (xy * ys - yy * xs)
    usable = (flat > 0) & (trace * trace * MOST_EDGE < (MOST_EDGE + 1.0) * (MOST_EDGE + 1.0) * flat)
    usable &= np.abs(whole) >= 1.0
    whole = np.where(usable, whole, 1.0)
    ox = -(gx * (yy * ss - ys * ys) - xy * (gy * ss - ys * gs) + xs * (gy * ys - yy * gs)) / whole
    oy = -(xx * (gy * ss - gs * ys) - gx * (xy * ss - ys * xs) + xs * (xy * gs - gy * xs)) / whole
    os = -(xx * (yy * gs - ys * gy) - xy * (xy * gs - gy * xs) + gx * (xy * ys - yy * xs)) / whole
    ox, oy, os = (np.clip(o, -MOST_SHIFT, MOST_SHIFT) for o in (ox, oy, os))
    strength = np.abs(v + 0.5 * (gx * ox + gy * oy + gs * os))
    keep = usable & (strength >= LEAST_CONTRAST)
    size = float(1 << octave)
    scale = octave + (step + os[keep]) / STEPS
    rank = [sigma_of(e) for e in scale.tolist()] * np.sqrt(strength[keep])
    x, y = (columns[keep] + ox[keep]) * size, (rows[keep] + oy[keep]) * size
    return np.stack([x, y, scale, rank, np.full_like(x, octave), np.full_like(x, step)], axis=1)
