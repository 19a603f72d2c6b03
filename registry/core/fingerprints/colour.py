"""colour42: which colours a picture has, roughly. Never a key for a match, only a second opinion on one.

imagehash's `colorhash(binbits=3)` in integers, over the 64x64 resized picture.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.decode import luma_of

_HUES = (0, 43, 85, 128, 170, 213, 256)
"""First hue (of 256) of each sixth of the circle: 255/6 and its multiples, rounded up."""


def colour42(pixels: NDArray[np.uint8]) -> bytes:
    """(64, 64, 3) RGB to 42 bits at the end of 8 bytes, big-endian.

    Fourteen shares in eighths, three bits each: black, grey, six hues of medium and six of high saturation.
    The hues count among the coloured pixels only.
    """
    rgb = pixels.reshape(-1, 3).astype(np.int64)
    hue, saturation = _hue_and_saturation(rgb)
    black = luma_of(pixels).reshape(-1) < 32
    grey = ~black & (saturation < 85)
    coloured = ~black & ~grey
    medium, high = coloured & (saturation < 170), coloured & (saturation > 170)
    whole, colours = len(rgb), max(1, int(np.count_nonzero(coloured)))
    eighths = [_eighths(black, whole), _eighths(grey, whole)]
    for saturated in (medium, high):
        for start, stop in pairwise(_HUES):
            eighths.append(_eighths(saturated & (hue >= start) & (hue < stop), colours))
    number = 0
    for value in eighths:
        number = number << 3 | _bits(value)
    return number.to_bytes(8, "big")


def _eighths(chosen: NDArray[np.bool_], of: int) -> int:
    return min(7, int(np.count_nonzero(chosen)) * 8 // of)


def _bits(value: int) -> int:
    """Three bits for 0..7, as imagehash writes them: at least 4, at least 2, odd."""
    return (value >= 4) << 2 | (value >= 2) << 1 | value & 1


def _hue_and_saturation(rgb: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hue and saturation in 0..255, rounded down, by the formulas of Pillow's HSV (`Convert.c`)."""
    red, green, blue = rgb.T
    most, spread = rgb.max(axis=1), rgb.max(axis=1) - rgb.min(axis=1)
    saturation = 255 * spread // np.maximum(most, 1)
    sixth = np.maximum(spread, 1)
    turn = np.where(
        most == red,
        green - blue,
        np.where(most == green, 2 * sixth + blue - red, 4 * sixth + red - green),
    )
    return 255 * (turn % (6 * sixth)) // (6 * sixth), saturation
