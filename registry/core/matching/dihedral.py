"""The eight turns and mirrorings of a picture, and its negative, derived from its `image.phash256.v1` alone.

Bit (i, j) of the 16 x 16 grid says whether the DCT coefficient of vertical frequency i and horizontal frequency j
lies above the median, which is close to 0. Mirroring left and right changes the sign of all odd j, upside down
of all odd i, and the transposed picture has the transposed grid: so a mask and a transposition give the code of
the changed picture without the picture. Only coefficients close to the median come out differently (measured on
photographs: median 6 bits, at most 28, where 31 still counts as certain).

In a negative all coefficients change their sign but the first, the mean, which stays far above the median.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

DIHEDRAL: Final = (
    "identity",
    "flip_h",
    "flip_v",
    "rot180",
    "transpose",
    "rot270",
    "rot90",
    "transverse",
)
"""Names of the variants in the order of `dihedral`: what to do with the query's picture to get the registered one.

Rotations are counter-clockwise and `transpose` mirrors at the diagonal from top left, as in `PIL.Image.Transpose`.
"""

IDENTITY: Final = DIHEDRAL[0]
INVERTED: Final = "inverted"
VARIANTS: Final = (*DIHEDRAL, INVERTED)
"""Names of what `variants` gives."""

_ODD_COLUMNS = np.full(32, 0x55, np.uint8)
_ODD_ROWS = np.tile(np.array([0, 0, 0xFF, 0xFF], np.uint8), 8)
_SIGNS = np.stack([np.zeros(32, np.uint8), _ODD_COLUMNS, _ODD_ROWS, _ODD_COLUMNS ^ _ODD_ROWS])

_ALL_BUT_THE_MEAN = np.array([0x7F, *[0xFF] * 31], np.uint8)


def variants(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(Q, 32) codes to (Q, 9, 32): each as it would be after each of `VARIANTS`."""
    return np.concatenate([dihedral(codes), (codes ^ _ALL_BUT_THE_MEAN)[:, None]], axis=1)


def dihedral(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(Q, 32) codes to (Q, 8, 32): each with its eight variants, in the order of `DIHEDRAL`."""
    grid = np.unpackbits(codes, axis=1).reshape(-1, 16, 16)
    transposed = np.packbits(grid.transpose(0, 2, 1).reshape(-1, 256), axis=1)
    return np.concatenate([codes[:, None] ^ _SIGNS, transposed[:, None] ^ _SIGNS], axis=1)
