"""Codes as the numbers that go into SVG; the page itself writes the elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

SIDE: Final = 16


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
