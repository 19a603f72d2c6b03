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
