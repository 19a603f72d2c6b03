"""How the anchors of a picture are stored: one record an anchor, up to 16 of them, the strongest first.

| bytes | bits | |
|---|---|---|
| 0-31 | 256 | the code |
| 32-39 | 8 | zero; lists number the pictures of a work here |
| | 12 | x of its centre, in sixteenths of a pixel of the small luma, whose longer side has 256 pixels |
| | 12 | y |
| | 8 | octaves above a sigma of 1.6 pixels, in 32nds |
| | 9 | direction, in 512ths of a turn, from right to down |
| | 6 | half the quality of the square |
| | 1 | 1 if the frame is upright, 0 if it is at least as wide as high |
| | 8 | its shorter side in pixels of the small luma, less one |

Big-endian. In lists each anchor is an entry of its own: the code, and the last eight bytes as `aux`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput

SIDE: Final = 256
"""Longer side of the small luma: pictures of paintings are found far better than at 192, photographs as well."""
MOST: Final = 16
RECORD: Final = struct.Struct(">32sQ")
PICTURE_SHIFT: Final = 56


@dataclass(frozen=True, slots=True)
class Anchor:
    """One place. Lengths are in pixels of the small luma."""

    code: bytes
    x: float
    y: float
    scale: float
    """Octaves above a sigma of 1.6 pixels."""
    turns: float
    quality: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """What is stored beside the codes of N anchors, as parallel columns."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sigma: NDArray[np.float64]
    turns: NDArray[np.float64]
    width: NDArray[np.float64]
    """Of the frame, as is `height`."""
    height: NDArray[np.float64]


def packed(anchors: Iterable[Anchor], height: int, width: int) -> bytes:
    """The records of anchors in a small luma of so many pixels."""
    frame = int(height > width) << 8 | (min(height, width) - 1)
    return b"".join(RECORD.pack(a.code, _place(a) << 9 | frame) for a in anchors)


def _place(a: Anchor) -> int:
    x, y = (min(4095, max(0, int(16.0 * v + 0.5))) for v in (a.x, a.y))
    scale = min(255, int(32.0 * a.scale + 0.5))
    return (((x << 12 | y) << 8 | scale) << 9 | int(512.0 * a.turns + 0.5) % 512) << 6 | a.quality // 2


def records(code: bytes) -> list[tuple[bytes, int]]:
    """The code and the geometry of each anchor of a picture; `InvalidInput` if these are no records."""
    count, rest = divmod(len(code), RECORD.size)
    if rest or not 1 <= count <= MOST:
        raise InvalidInput(
            f"The anchors of a picture are 1 to {MOST} records of {RECORD.size} bytes, not {len(code)} bytes."
        )
    found: list[tuple[bytes, int]] = list(RECORD.iter_unpack(code))
    if any(geometry >> PICTURE_SHIFT for _, geometry in found):
        raise InvalidInput("The first byte of an anchor's geometry is zero; another was sent.")
    return found


def geometry(aux: NDArray[np.uint64]) -> Geometry:
    """(N,) packed geometries, as columns."""

    def bits(low: int, count: int) -> NDArray[np.float64]:
        return (aux >> np.uint64(low) & np.uint64((1 << count) - 1)).astype(np.float64)

    shorter, upright = bits(0, 8) + 1.0, bits(8, 1) == 1.0
    return Geometry(
        x=bits(44, 12) / 16.0,
        y=bits(32, 12) / 16.0,
        sigma=1.6 * np.exp2(bits(24, 8) / 32.0),
        turns=bits(15, 9) / 512.0,
        width=np.where(upright, shorter, SIDE),
        height=np.where(upright, SIDE, shorter),
    )
