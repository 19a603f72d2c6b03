"""A 256-bit code as the 16x16 grid of the design: two SVG paths, filled cells and empty ones."""

from __future__ import annotations

from dataclasses import dataclass

SIDE = 16


@dataclass(frozen=True, slots=True)
class Cells:
    """SVG path data for a viewBox of 16x16; a run of n cells in row y from x is `Mx y.5hn`."""

    on: str
    off: str


def cells(code: bytes) -> Cells:
    """The grid of a 32-byte code, row by row, most significant bit first."""
    bits = [[code[y * 2 + x // 8] >> (7 - x % 8) & 1 for x in range(SIDE)] for y in range(SIDE)]
    return Cells(on=_runs(bits, 1), off=_runs(bits, 0))


@dataclass(frozen=True, slots=True)
class Struck:
    """SVG path data for the cells in which two codes differ: their frames, and the strokes through them."""

    frames: str
    strokes: str


def struck(code: bytes, other: bytes) -> Struck:
    """The cells of a 32-byte code that another one has differently, to be drawn over its grid."""
    places = [
        (x, y)
        for y in range(SIDE)
        for x in range(SIDE)
        if (code[y * 2 + x // 8] ^ other[y * 2 + x // 8]) >> (7 - x % 8) & 1
    ]
    return Struck(
        frames="".join(f"M{x}.08 {y}.16h.68v.68h-.68z" for x, y in places),
        strokes="".join(f"M{x}.16 {y}.24l.52 .52" for x, y in places),
    )


def _runs(bits: list[list[int]], wanted: int) -> str:
    path = []
    for y, row in enumerate(bits):
        x = 0
        while x < SIDE:
            end = x
            while end < SIDE and row[end] == wanted:
                end += 1
            if end > x:
                path.append(f"M{x} {y}.5h{end - x}")
            x = max(end, x + 1)
    return "".join(path)
