"""Plots as SVG, by a few lines of our own: horizontal bars in two series, and two histograms in one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

OURS, THEIRS, GRID, INK = "#1f5fa8", "#c9a227", "#d9d9d9", "#222222"
_FONT = 'font-family="sans-serif" font-size="11"'


def bars(path: Path, title: str, names: Sequence[str], series: Mapping[str, Sequence[float]]) -> None:
    """One group of bars a name; values in per cent."""
    row, left, width = 7 * len(series) + 7, 250, 460
    height = 46 + row * len(names)
    parts = _frame(title, left + width + 50, height, list(series))
    for tick in range(0, 101, 25):
        x = left + width * tick / 100
        parts.append(f'<line x1="{x}" y1="40" x2="{x}" y2="{height - 4}" stroke="{GRID}"/>')
        parts.append(_text(x, 36, str(tick), "middle"))
    for number, name in enumerate(names):
        top = 44 + row * number
        parts.append(_text(left - 8, top + 11, name, "end"))
        for place, (colour, values) in enumerate(zip((OURS, THEIRS), series.values(), strict=False)):
            long = width * values[number] / 100
            parts.append(
                f'<rect x="{left}" y="{top + 7 * place}" width="{long:.1f}" height="6" fill="{colour}"/>'
            )
    _write(path, parts)


def histograms(path: Path, title: str, series: Mapping[str, Sequence[int]], marks: dict[int, str]) -> None:
    """Shares of distances 0 to 256 in steps of 4, each series of its own total; `marks` are radii with names."""
    left, width, height = 40, 660, 260
    parts = _frame(title, left + width + 20, height + 30, list(series))
    shares = {}
    for name, distances in series.items():
        counts = [0] * 65
        for distance in distances:
            counts[distance // 4] += 1
        shares[name] = [c / max(1, len(distances)) for c in counts]
    most = max(max(values) for values in shares.values()) or 1.0
    for colour, values in zip((OURS, THEIRS), shares.values(), strict=False):
        for place, share in enumerate(values):
            tall = (height - 60) * share / most
            x = left + width * place / 65
            parts.append(
                f'<rect x="{x:.1f}" y="{height - tall:.1f}" width="{width / 65 - 1:.1f}" height="{tall:.1f}" '
                f'fill="{colour}" fill-opacity="0.75"/>'
            )
    for radius, name in marks.items():
        x = left + width * (radius + 1) / 260
        parts.append(
            f'<line x1="{x:.1f}" y1="44" x2="{x:.1f}" y2="{height}" stroke="{INK}" stroke-dasharray="3 3"/>'
        )
        parts.append(_text(x + 3, 54 + 13 * list(marks).index(radius), name, "start"))
    for tick in range(0, 257, 32):
        parts.append(_text(left + width * tick / 260, height + 16, str(tick), "middle"))
    _write(path, parts)


def _frame(title: str, width: float, height: float, series: Sequence[str]) -> list[str]:
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
            f'aria-label="{escape(title)}">'
        ),
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(8, 16, title, "start"),
    ]
    x = 8.0
    for colour, name in zip((OURS, THEIRS), series, strict=False):
        parts.append(f'<rect x="{x}" y="22" width="9" height="9" fill="{colour}"/>')
        parts.append(_text(x + 13, 30, name, "start"))
        x += 30 + 6.2 * len(name)
    return parts


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}" {_FONT}>{escape(words)}</text>'


def _write(path: Path, parts: list[str]) -> None:
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
