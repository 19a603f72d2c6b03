"""Charts and code drawings as the numbers that go into SVG; the page itself writes the elements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log10
from typing import Any, Final

import numpy as np

SIDE: Final = 16
WIDTH, HEIGHT = 640.0, 240.0
"""Of a histogram's field."""
_BARS = 16


@dataclass(frozen=True, slots=True)
class Grid:
    """A 256-bit code as 16 by 16 cells: path data for a viewBox of 16 by 16."""

    on: str
    off: str
    differing: str
    """Cells that the other code has not the same; empty without one."""
    crosses: str
    """To strike them."""
    distance: int | None


def grid(code: bytes, other: bytes | None = None) -> Grid:
    """The cells of a 32-byte code, row by row, most significant bit first; what differs from `other` is struck."""
    bits = _bits(code)
    if other is None:
        return Grid(_runs(bits == 1), _runs(bits == 0), "", "", None)
    differs = bits != _bits(other)
    where = list(zip(*np.nonzero(differs), strict=True))
    cells = "".join(f"M{x}.08 {y}.16h.68v.68h-.68z" for y, x in where)
    crosses = "".join(f"M{x}.16 {y}.24l.52 .52M{x}.68 {y}.24l-.52 .52" for y, x in where)
    return Grid(_runs(bits == 1), _runs(bits == 0), cells, crosses, len(where))


def _bits(code: bytes) -> Any:
    return np.unpackbits(np.frombuffer(code, np.uint8)).reshape(SIDE, SIDE)


def _runs(wanted: Any) -> str:
    path = []
    for y, row in enumerate(wanted.tolist()):
        x = 0
        while x < SIDE:
            end = x
            while end < SIDE and row[end]:
                end += 1
            if end > x:
                path.append(f"M{x} {y}.5h{end - x}")
            x = max(end, x + 1)
    return "".join(path)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: distances from `low` to `high`."""

    low: int
    high: int
    number: int
    grade: str
    """Of its greatest distance; `nothing` beyond the last."""
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many matches there were at which distance, with the distances at which the grade changes."""

    bars: tuple[Bar, ...]
    thresholds: tuple[tuple[float, int, str], ...]
    """Where the line is, the last distance before it, and the grade that ends there, if one does."""
    ticks: tuple[tuple[float, int], ...]
    lines: tuple[tuple[float, int], ...]
    """Heights and their numbers; the scale is logarithmic."""
    total: int


def histogram(distances: Mapping[int, int], steps: list[list[Any]], furthest: int) -> Histogram:
    """`steps`: distance up to which, and the grade that it gives, the nearest first; as they stand in the papers."""
    each = ceil((furthest + 1) / _BARS)
    count = ceil((furthest + 1) / each)
    held: Counter[int] = Counter()
    for distance, number in distances.items():
        held[min(distance // each, count - 1)] += number
    largest = max(held.values(), default=1)
    decades = max(1, ceil(log10(max(largest, 2))))
    slot = WIDTH / count
    bars = []
    for index in range(count):
        height = HEIGHT * log10(1 + 9 * held[index] / 10**decades) if held[index] else 0.0
        high = min(furthest, index * each + each - 1)
        bars.append(
            Bar(
                index * each,
                high,
                held[index],
                _grade_at(high, steps),
                round(index * slot + 3, 1),
                round(HEIGHT - height, 1),
                round(slot - 6, 1),
                round(height, 1),
            )
        )
    scale = WIDTH / (count * each)
    last = {grade: at for at, grade, *_ in steps}
    thresholds = tuple(
        (round((at + 1) * scale, 1), at, str(grade) if last[grade] == at else "")
        for at, grade, *_ in steps
        if at <= furthest
    )
    ticks = tuple((round(index * slot, 1), index * each) for index in range(0, count, 2))
    marks = [n for d in range(decades + 1) for n in (10**d,) if n <= 10**decades]
    lines = tuple(
        (round(HEIGHT - HEIGHT * log10(1 + 9 * n / 10**decades), 1), n) for n in marks if n * 20 > 10**decades
    )
    return Histogram(tuple(bars), thresholds, ticks, lines, sum(held.values()))


def _grade_at(distance: int, steps: list[list[Any]]) -> str:
    return next((str(grade) for at, grade, *_ in steps if distance <= at), "nothing")
