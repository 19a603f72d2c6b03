"""A second opinion on a phash256 hit: a sample of 64 bits of the frame's dhash256, small enough to stand beside it.

The two look at different things, the one at broad waves of light and dark, the other at the sign of small steps from
left to right. Where a picture is mirrored or stands on its head, its dhash256 follows from the original's: rows are
reversed, and a step up is a step down from the other side.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FORETOLD: Final = ("identity", "flip_h", "flip_v", "rot180", "inverted")
"""The changes under which dhash256 follows from that of the original; for quarter turns it does not."""

_EVERY_OTHER: Final = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(256, 8)[:, ::2], axis=1
)[:, 0] >> np.uint8(4)
"""Of each byte the bits 7, 5, 3 and 1, as four bits."""


def samples_of(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(N,) the samples of (N, 32) dhash256 codes as they are: every other bit of every other row, as 64 bits."""
    halves = _EVERY_OTHER[codes.reshape(-1, 8, 4)[:, :, :2]]
    return (halves[:, :, 0] << 4 | halves[:, :, 1]).view(">u8").ravel().astype(np.uint64)


def samples(code: bytes) -> dict[str, int]:
    """The sample of a frame's dhash256 after each of `FORETOLD`."""
    grid = np.unpackbits(np.frombuffer(code, np.uint8)).reshape(16, 16)
    flipped = 1 - grid[:, ::-1]
    changed = (grid, flipped, grid[::-1], flipped[::-1], 1 - grid)
    return {
        name: int.from_bytes(np.packbits(g[::2, ::2]).tobytes(), "big")
        for name, g in zip(FORETOLD, changed, strict=True)
    }
