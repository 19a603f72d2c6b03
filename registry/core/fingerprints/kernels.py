# ruff: noqa: ARG001 (an intrinsic's own arguments are types; the values come to its code generator)
"""Compiled kernels for pictures: the same integers as by numpy, several times faster. Imported only where they pay.

Nothing is compiled on import. Compiled code is cached on disk where a place for it can be found, so a machine
compiles once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import extending, njit, types, uint32
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


LANES = 32
"""Rows that are resized together where few pixels make one."""
_MOST_TAPS = 100
_SQUARE = 16
"""Side of the squares of pixels that are turned at once."""
_I32, _ROW = ir.IntType(32), ir.VectorType(ir.IntType(8), _SQUARE)
_HALVES = tuple(
    ir.Constant(ir.VectorType(_I32, _SQUARE), [half + x // 2 + _SQUARE * (x % 2) for x in range(_SQUARE)])
    for half in (0, _SQUARE // 2)
)
"""Which bytes of two vectors one after the other make their lower halves, and their upper, with bytes in turn."""
_intrinsic: Any = extending.intrinsic


@_intrinsic
def _turn(_typing: Any, plane: Any, at: Any, step: Any, turned: Any, to: Any, to_step: Any) -> Any:
    """Write 16 x 16 pixels, whose rows begin each `step` after `at`, as columns: each `to_step` after `to`.

    Dealing rows i and i + 8 out like cards makes the eight pairs of rows 16 new ones; four times, and the square is
    turned. A processor does it with 80 instructions, where single bytes take 512.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (
            context.make_array(signature.args[n])(context, builder, args[n]).data for n in (0, 3)
        )

        def place(data: Any, begin: Any, stride: Any, number: int) -> Any:
            index = builder.add(begin, builder.mul(stride, ir.Constant(stride.type, number)))
            return builder.bitcast(builder.gep(data, [index]), _ROW.as_pointer())

        rows = []
        for y in range(_SQUARE):
            row = builder.load(place(source, args[1], args[2], y))
            row.align = 1
            rows.append(row)
        for _ in range(_SQUARE.bit_length() - 1):
            pairs = zip(rows[: _SQUARE // 2], rows[_SQUARE // 2 :], strict=True)
            rows = [builder.shuffle_vector(a, b, half) for a, b in pairs for half in _HALVES]
        for x, column in enumerate(rows):
            builder.store(column, place(target, args[4], args[5], x)).align = 1
        return context.get_dummy_value()

    return types.void(plane, types.int64, types.int64, turned, types.int64, types.int64), generate


@compiled
def resize(
    plane: Bytes,
    first_x: Ints,
    taps_x: Ints,
    weights_x: Ints,
    first_y: Ints,
    taps_y: Ints,
    weights_y: Ints,
    turned: Bytes,
    narrow: Ints,
    out: Bytes,
) -> None:
    """(h, w) grey levels to `out`, (len(first_y), len(first_x)); see `resize.resize`.

    `narrow`, (h, len(first_x)), and `turned`, (w + 3, LANES), are memory to work in.
    """
    if weights_x.shape[1] <= _MOST_TAPS:
        _narrow_together(plane, first_x, taps_x, weights_x, turned, narrow)
    else:
        _narrow_each(plane, first_x, taps_x, weights_x, narrow)
    totals = np.empty(len(first_x), np.int32)
    for y in range(len(first_y)):
        totals[:] = 1 << 21
        for i in range(taps_y[y]):
            weight = weights_y[y, i]
            row_in = narrow[first_y[y] + i]
            for x in range(len(totals)):
                totals[x] += row_in[x] * weight
        for x in range(len(totals)):
            out[y, x] = min(max(totals[x] >> 22, 0), 255)


@compiled
def _narrow_each(plane: Bytes, first: Ints, taps: Ints, weights: Ints, narrow: Ints) -> None:
    """Row by row; the pixels that make one are the vector."""
    for y in range(plane.shape[0]):
        row = plane[y]
        for x in range(len(first)):
            pixels, factors = row[first[x] : first[x] + taps[x]], weights[x]
            total: Any = np.int32(1 << 21)
            for i in range(len(pixels)):
                total += np.int32(pixels[i]) * factors[i]
            narrow[y, x] = min(max(total >> 22, 0), 255)


@compiled
def _narrow_together(
    plane: Bytes, first: Ints, taps: Ints, weights: Ints, turned: Bytes, narrow: Ints
) -> None:
    """Many rows at once, turned so that the same pixel of each lies side by side and they are the vector.

    Four pixels a step: beyond the last, weights are zero and so whatever `turned` holds counts for nothing.
    """
    height, width = plane.shape
    total = np.empty(LANES, np.int32)
    for top in range(0, height, LANES):
        rows = min(LANES, height - top)
        for y in range(0, rows, _SQUARE):
            in_squares = width - width % _SQUARE if y + _SQUARE <= rows else 0
            for x in range(0, in_squares, _SQUARE):
                _turn(plane, (top + y) * width + x, width, turned, x * LANES + y, LANES)
            for lane in range(y, min(y + _SQUARE, rows)):
                row = plane[top + lane]
                for x in range(in_squares, width):
                    turned[x, lane] = row[x]
        for x in range(len(first)):
            total[:] = 1 << 21
            for i in range(0, taps[x], 4):
                at, factors = first[x] + i, weights[x, i : i + 4]
                a, b, c, d = turned[at], turned[at + 1], turned[at + 2], turned[at + 3]
                p, q, r, s = factors[0], factors[1], factors[2], factors[3]
                for lane in range(LANES):
                    total[lane] += a[lane] * p + b[lane] * q + c[lane] * r + d[lane] * s
            for lane in range(rows):
                narrow[top + lane, x] = min(max(total[lane] >> 22, 0), 255)
