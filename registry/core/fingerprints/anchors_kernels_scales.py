"""Blurs and their extremes, compiled: the same bits as `anchors_scales`, whose functions these repeat.

All blurs of a picture lie in one buffer, octave by octave, each (6, height, width), in 16 bits, which hold 255 times
128 and any difference of two such. Inner loops run over rows from their first element, which is what compilers turn
into vectors. Each thread keeps its memory (2 MB): fresh pages for every picture would cost as much as the blurs.
"""

from __future__ import annotations

import math
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import anchors_maths
from registry.core.fingerprints import anchors_scales as scales
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.kernels import Bytes, Ints, compiled

Blurs = NDArray[np.int16]
Doubles = NDArray[np.float64]
Shapes = NDArray[np.int64]
"""(N, 3): where each octave begins in the buffer, its height and its width; the last row ends the buffer."""

power_of_two: Any = compiled(anchors_maths.power_of_two)

_LEVELS: Final = len(scales.KERNELS)
_WIDEST: Final = max(map(len, scales.KERNELS))
_WEIGHTS: Final = np.array([k + (0,) * (_WIDEST - len(k)) for k in scales.KERNELS], np.int32)
_REACHES: Final = np.array([len(k) // 2 * 2 for k in scales.KERNELS])
"""Of each kernel, and one more where that makes it even; the weight is zero there."""
_BITS, _FRACTION, _STEPS = scales.WEIGHT_BITS, scales.FRACTION, scales.STEPS
_HALF: Final = 1 << (_BITS - 1)
_LEAST_SIDE, _FIRST_SIGMA, _SHIFT = scales.LEAST_SIDE, scales.FIRST_SIGMA, scales.MOST_SHIFT
_EDGE, _CONTRAST, _CANDIDATE = scales.MOST_EDGE, scales.LEAST_CONTRAST, np.int16(scales.CANDIDATE)
_MEMBERS: Final = len(scales.Spot._fields)
_MOST_SPOTS: Final = 1 << 14


class _Memory(threading.local):
    """What a thread works in; nothing in it outlives a picture."""

    def __init__(self) -> None:
        self.blurs = self.scratch = np.empty(0, np.int16)
        self.totals = np.empty(0, np.int32)
        self.spots = np.empty((_MOST_SPOTS, _MEMBERS))

    def fit(self, shapes: Shapes) -> None:
        """Be large enough for these octaves."""
        if len(self.blurs) < (needed := shapes[-1, 0]):
            self.blurs = np.empty(needed, np.int16)
        if len(self.scratch) < (needed := (_LEVELS - 1) * shapes[0, 1] * shapes[0, 2]):
            self.scratch = np.empty(needed, np.int16)
        if len(self.totals) < shapes[0, 2]:
            self.totals = np.empty(shapes[0, 2], np.int32)


_MEMORY: Final = _Memory()


# -- blurs -------------------------------------------------------------------------------------------------
@compiled
def octave_shapes(height: int, width: int) -> Shapes:
    """For a small luma of this size."""
    rows = [(0, height, width)]
    while min(rows[-1][1], rows[-1][2]) >= _LEAST_SIDE:
        begin, h, w = rows[-1]
        rows.append((begin + _LEVELS * h * w, (h + 1) // 2, (w + 1) // 2))
    out = np.empty((len(rows), 3), np.int64)
    for i in range(len(rows)):
        out[i, 0], out[i, 1], out[i, 2] = rows[i]
    return out


@compiled
def octave(buffer: Blurs, shapes: Shapes, number: int) -> Blurs:
    """(6, height, width): the blurs of one octave."""
    begin, height, width = shapes[number]
    return buffer[begin : begin + _LEVELS * height * width].reshape(_LEVELS, height, width)


def octaves(small: Plane) -> tuple[Blurs, Shapes]:
    """The buffer with all blurs, the thread's own, and where in it they are; see `anchors_scales.octaves`."""
    shapes = octave_shapes(*small.shape)
    _MEMORY.fit(shapes)
    _octaves(np.ascontiguousarray(small), shapes, _MEMORY.scratch, _MEMORY.totals, _MEMORY.blurs)
    return _MEMORY.blurs, shapes


@compiled
def _octaves(small: Plane, shapes: Shapes, scratch: Blurs, totals: Ints, buffer: Blurs) -> None:
    height, width = small.shape
    base = scratch[height * width : 2 * height * width].reshape(height, width)
    for y in range(height):
        for x in range(width):
            base[y, x] = np.int16(small[y, x]) << _FRACTION
    for number in range(len(shapes) - 1):
        blurs = octave(buffer, shapes, number)
        _, rows, columns = shapes[number]
        narrow = scratch[: rows * columns].reshape(rows, columns)
        if number == 0:
            blur(base, 0, narrow, totals, blurs[0])
        else:
            finer = octave(buffer, shapes, number - 1)[_STEPS]
            blurs[0] = finer[::2, ::2]
        for level in range(1, _LEVELS):
            blur(blurs[level - 1], level, narrow, totals, blurs[level])


@compiled
def blur(plane: Blurs, kernel: int, narrow: Blurs, totals: Ints, out: Blurs) -> None:
    """With one of `anchors_scales.KERNELS`; `narrow` takes what the rows give, `totals` the sums of one row."""
    _across(plane, _WEIGHTS[kernel], _REACHES[kernel], totals[: plane.shape[1]], narrow)
    _down(narrow, _WEIGHTS[kernel], _REACHES[kernel], totals[: plane.shape[1]], out)


@compiled
def _across(plane: Blurs, weights: Ints, reach: int, totals: Ints, out: Blurs) -> None:
    """Two neighbours on either side at once: half as many times are the totals read and written."""
    height, width = plane.shape
    wide = np.empty(width + 2 * reach, np.int16)
    for y in range(height):
        row, narrow = plane[y], out[y]
        wide[reach : reach + width] = row
        for i in range(1, reach + 1):
            wide[reach - i] = row[i]
            wide[reach + width - 1 + i] = row[width - 1 - i]
        for x in range(width):
            totals[x] = np.int32(row[x]) * weights[0] + _HALF
        for i in range(1, reach, 2):
            near, far = weights[i], weights[i + 1]
            a, b = wide[reach - i : reach - i + width], wide[reach + i : reach + i + width]
            c, d = wide[reach - i - 1 : reach - i - 1 + width], wide[reach + i + 1 : reach + i + 1 + width]
            for x in range(width):
                totals[x] += (np.int32(a[x]) + np.int32(b[x])) * near + (
                    np.int32(c[x]) + np.int32(d[x])
                ) * far
        for x in range(width):
            narrow[x] = totals[x] >> _BITS


@compiled
def _down(plane: Blurs, weights: Ints, reach: int, totals: Ints, out: Blurs) -> None:
    last = len(plane) - 1
    for y in range(len(plane)):
        row, narrow = plane[y], out[y]
        for x in range(len(row)):
            totals[x] = np.int32(row[x]) * weights[0] + _HALF
        for i in range(1, reach, 2):
            near, far = weights[i], weights[i + 1]
            a, b = plane[abs(y - i)], plane[last - abs(last - y - i)]
            c, d = plane[abs(y - i - 1)], plane[last - abs(last - y - i - 1)]
            for x in range(len(row)):
                totals[x] += (np.int32(a[x]) + np.int32(b[x])) * near + (
                    np.int32(c[x]) + np.int32(d[x])
                ) * far
        for x in range(len(row)):
            narrow[x] = totals[x] >> _BITS


# -- extremes ----------------------------------------------------------------------------------------------
def spots(buffer: Blurs, shapes: Shapes) -> Doubles:
    """See `anchors_scales.spots`; at most 16,384, which no picture reaches. Valid until the thread's next picture."""
    return _MEMORY.spots[: _all_spots(buffer, shapes, _MEMORY.scratch, _MEMORY.spots)]


@compiled
def _all_spots(buffer: Blurs, shapes: Shapes, scratch: Blurs, out: Doubles) -> int:
    found = 0
    for number in range(len(shapes) - 1):
        blurs = octave(buffer, shapes, number)
        _, height, width = shapes[number]
        differences = scratch[: (_LEVELS - 1) * height * width].reshape(_LEVELS - 1, height, width)
        for level in range(_LEVELS - 1):
            _subtract(blurs[level + 1].ravel(), blurs[level].ravel(), differences[level].ravel())
        found = _spots(differences, number, out, found)
    return found


@compiled
def _subtract(one: Blurs, other: Blurs, out: Blurs) -> None:
    for i in range(len(out)):
        out[i] = one[i] - other[i]


@compiled
def _spots(d: Blurs, octave: int, out: Doubles, found: int) -> int:
    """Hardly any place is an extreme, so eight are passed over at once."""
    levels, height, width = d.shape
    promising = np.zeros((width + 3) // 8 * 8, np.uint8)
    eights = promising.view(np.uint64)
    for step in range(1, levels - 1):
        for y in range(2, height - 2):
            _compare(d[step, y - 1, 2:], d[step, y], d[step, y + 1, 2:], promising[: width - 4])
            for eight in range(len(eights)):
                if not eights[eight]:
                    continue
                for x in range(8 * eight + 2, 8 * eight + 10):
                    if promising[x - 2] and found < len(out) and _is_extreme(d, step, y, x):
                        found += int(_refine(d, octave, step, y, x, out[found]))
    return found


@compiled
def _compare(above: Blurs, row: Blurs, below: Blurs, promising: Bytes) -> None:
    """Whether each place two columns inwards is strong and beyond four of its neighbours: few are left."""
    before, here, after = row[1:], row[2:], row[3:]
    for x in range(len(promising)):
        v = here[x]
        high = (v > before[x]) & (v > after[x]) & (v > above[x]) & (v > below[x]) & (v >= _CANDIDATE)
        low = (v < before[x]) & (v < after[x]) & (v < above[x]) & (v < below[x]) & (v <= -_CANDIDATE)
        promising[x] = high | low


@compiled
def _is_extreme(d: Blurs, step: int, y: int, x: int) -> bool:
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
def _refine(d: Blurs, octave: int, step: int, y: int, x: int, out: Doubles) -> bool:
    """Write one row; false if it is on an edge or faint. See `anchors_scales._refined`."""
    v = float(d[step, y, x])
    gx = (d[step, y, x + 1] - d[step, y, x - 1]) * 0.5
    gy = (d[step, y + 1, x] - d[step, y - 1, x]) * 0.5
    gs = (d[step + 1, y, x] - d[step - 1, y, x]) * 0.5
    xx = d[step, y, x + 1] + d[step, y, x - 1] - 2.0 * v
    yy = d[step, y + 1, x] + d[step, y - 1, x] - 2.0 * v
    ss = d[step + 1, y, x] + d[step - 1, y, x] - 2.0 * v
    xy = _mixed(d[step, y + 1, x + 1], d[step, y + 1, x - 1], d[step, y - 1, x + 1], d[step, y - 1, x - 1])
    xs = _mixed(d[step + 1, y, x + 1], d[step + 1, y, x - 1], d[step - 1, y, x + 1], d[step - 1, y, x - 1])
    ys = _mixed(d[step + 1, y + 1, x], d[step + 1, y - 1, x], d[step - 1, y + 1, x], d[step - 1, y - 1, x])
    flat = xx * yy - xy * xy
    trace = xx + yy
    whole = xx * (yy * ss - ys * ys) - xy * (xy * ss - ys * xs) + xs * (xy * ys - yy * xs)
    on_edge = flat <= 0.0 or trace * trace * _EDGE >= (_EDGE + 1.0) * (_EDGE + 1.0) * flat
    if on_edge or abs(whole) < 1.0:
        return False
    ox = -(gx * (yy * ss - ys * ys) - xy * (gy * ss - ys * gs) + xs * (gy * ys - yy * gs)) / whole
    oy = -(xx * (gy * ss - gs * ys) - gx * (xy * ss - ys * xs) + xs * (xy * gs - gy * xs)) / whole
    os = -(xx * (yy * gs - ys * gy) - xy * (xy * gs - gy * xs) + gx * (xy * ys - yy * xs)) / whole
    ox = min(max(ox, -_SHIFT), _SHIFT)
    oy = min(max(oy, -_SHIFT), _SHIFT)
    os = min(max(os, -_SHIFT), _SHIFT)
    strength = abs(v + 0.5 * (gx * ox + gy * oy + gs * os))
    if strength < _CONTRAST:
        return False
    size = float(1 << octave)
    scale = octave + (step + os) / _STEPS
    out[0] = (x + ox) * size
    out[1] = (y + oy) * size
    out[2] = scale
    out[3] = _FIRST_SIGMA * power_of_two(scale) * math.sqrt(strength)
    out[4] = octave
    out[5] = step
    return True


@compiled
def _mixed(a: int, b: int, c: int, d: int) -> float:
    return (a - b - c + d) * 0.25
