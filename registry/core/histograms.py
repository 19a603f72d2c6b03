"""A histogram of distances as the numbers that go into SVG, for the lab's report and for the registry's page of a run.

Whoever draws it writes the elements; both draw the same bars.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from typing import Any, Final

WIDTH, HEIGHT = 640.0, 240.0
"""Of the field in which the bars stand."""
_BARS: Final = 16


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


def histogram(distances: Mapping[int, int], steps: Sequence[Sequence[Any]], furthest: int) -> Histogram:
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


def _grade_at(distance: int, steps: Sequence[Sequence[Any]]) -> str:
    return next((str(grade) for at, grade, *_ in steps if distance <= at), "nothing")
