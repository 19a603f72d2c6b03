"""image.deep256.v1: the anchors of parts of a picture, each looked at as if it were a picture of its own.

Of a collage or a page, the sixteen clearest places of the whole (`image.anchors256.v1`) leave too few to each picture
in it, and small ones are smaller than they were when they were registered. Halves and thirds of the frame, and the
frame itself, have sixteen each, at two and three times the size. A square picture may have been forced into its shape:
it is looked at in the four usual ones as well.

For looking only. What is registered has its ordinary anchors, and parts are compared with those.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from registry.core.fingerprints.anchors import LEAST_SIDE, anchors256, find
from registry.core.fingerprints.anchors_records import SIDE, packed
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.model import WHOLE
from registry.core.fingerprints.resize import resize

_LEAST_PART: Final = 64
"""Pixels of a part's shorter side; a smaller one shows nothing that the whole does not."""
_SQUARE: Final = 32
"""A square's sides differ by less than one pixel in so many."""
_PARTS: Final = MappingProxyType(
    {f"half-{row}{column}": (2, row - 1, column - 1) for row in (1, 2, 3) for column in (1, 2, 3)}
    | {f"third-{row}{column}": (3, row - 1, column - 1) for row in (1, 2, 3) for column in (1, 2, 3)}
)
"""How many times a part goes into each side, and which of three rows and columns it is. Halves overlap."""
_SHAPES: Final = MappingProxyType(
    {
        "as-4x3": (SIDE, SIDE * 3 // 4),
        "as-3x4": (SIDE * 3 // 4, SIDE),
        "as-3x2": (SIDE, (SIDE * 2 + 1) // 3),
        "as-2x3": ((SIDE * 2 + 1) // 3, SIDE),
    }
)
"""Width and height that a square is brought back to."""

VIEWS: Final = (WHOLE, *_PARTS, *_SHAPES)
"""The kinds of its codes."""


def place_of(view: str) -> tuple[complex, float]:
    """Where the upper left corner of a view lies in the frame, and how long its sides are, as shares of the frame's.

    What is brought back to a shape, or is no part, is the frame itself.
    """
    if view not in _PARTS:
        return 0j, 1.0
    times, row, column = _PARTS[view]
    return complex(column, row) / 2 * (1 - 1 / times), 1 / times


def deep256(luma: Plane, whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Kind and records of each view that has anchors. `whole`: the records of the frame itself."""
    if whole:
        yield WHOLE, whole
    height, width = luma.shape
    for name, (times, row, column) in _PARTS.items():
        high, wide = height // times, width // times
        top, left = row * (height - high) // 2, column * (width - wide) // 2
        if min(high, wide) >= _LEAST_PART and (
            found := anchors256(luma[top : top + high, left : left + wide])
        ):
            yield name, found
    if abs(height - width) * _SQUARE < max(height, width) and min(height, width) >= LEAST_SIDE:
        for name, (wide, high) in _SHAPES.items():
            small = resize(luma, wide, high)
            if found := packed(find(small), *small.shape):
                yield name, found
