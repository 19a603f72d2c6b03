"""How much of two pictures is alike where one lies upon the other, from the codes of their frames alone.

A phash256 keeps of 256 waves of light and dark whether each is above or below its middle. Drawn with these signs, all
waves almost equally strong, they make a coarse likeness of the frame: a thumbnail. Anchors that agree say how one
frame lies upon the other, so the two thumbnails can be compared wherever they overlap, whatever was cut off, turned,
scaled or put around. What two works merely share, letters say, covers little of them, and the rest differs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_WAVES: Final = np.arange(16)
_STRENGTH: Final = (1.0 + _WAVES[:, None] ** 2 + _WAVES**2) ** -0.125
"""(16, 16) of each wave, vertical by horizontal: of those tried, between all alike and as in photographs (-0.5), what
tells copies from strangers best."""
_STRENGTH[0, 0] = 0.0  # the mean is no likeness
_LEAST_CELLS: Final = 16
"""Of 256 that must overlap."""


def likeness(item: bytes, registered: NDArray[np.uint8], places: NDArray[np.complex128]) -> float | None:
    """The correlation of two thumbnails, from -1 to 1, the best of several registered ones; `None` if too little meets.

    `item`: its phash256, 32 bytes. `registered`: (N, 32) of a work. `places` (16, 16): where the centres of the
    cells of the registered frame lie in the item's, as shares of its width and height.
    """
    inside = (places.real >= 0) & (places.real <= 1) & (places.imag >= 0) & (places.imag <= 1)
    if not len(registered) or int(inside.sum()) < _LEAST_CELLS:
        return None
    ours = _drawn(np.frombuffer(item, np.uint8)[None], places[inside])
    theirs = _drawn(registered, _CENTRES[inside])
    return float(np.max(theirs @ ours[0]))


def taken(places: NDArray[np.complex128]) -> float:
    """How large the registered frame is in the item, as a share of it; what lies beyond its edges counts.

    `places`: see `likeness`.
    """
    _, across, down = _sides(places)
    return float(abs((np.conj(across) * down).imag))


def aside(places: NDArray[np.complex128]) -> float:
    """How far the corner of the registered frame that is furthest from any of the item's lies from it, as a share.

    `places`: see `likeness`.
    """
    corner, across, down = _sides(places)
    corners = corner + np.array([0, across, down, across + down])
    apart = np.abs(corners[:, None] - np.array([0, 1, 1j, 1 + 1j]))
    return float(apart.min(axis=1).max())


def _sides(places: NDArray[np.complex128]) -> tuple[complex, complex, complex]:
    """Upper left corner of a frame, its upper side and its left one, from the centres of its cells."""
    cells = len(places)
    across, down = places[0, -1] - places[0, 0], places[-1, 0] - places[0, 0]
    across, down = across * cells / (cells - 1), down * cells / (cells - 1)
    return places[0, 0] - (across + down) / (2 * cells), across, down


def centres(count: int) -> NDArray[np.complex128]:
    """(count, count) the centres of the cells of a frame, rows from above, as shares of its width and height."""
    at = (np.arange(count) + 0.5) / count
    return np.asarray(at + 1j * at[:, None])


_CENTRES: Final = centres(16)


def _drawn(codes: NDArray[np.uint8], places: NDArray[np.complex128]) -> NDArray[np.float64]:
    """(N, P) the thumbnails of (N, 32) codes at (P,) places, each of mean 0 and length 1."""
    signs = np.unpackbits(codes, axis=1).reshape(-1, 16, 16) * 2.0 - 1.0
    across = np.cos(np.pi * _WAVES[:, None] * places.real)
    down = np.cos(np.pi * _WAVES[:, None] * places.imag)
    light = ((signs * _STRENGTH) @ across * down).sum(axis=1)
    light -= light.mean(axis=1, keepdims=True)
    return np.asarray(light / np.maximum(np.linalg.norm(light, axis=1, keepdims=True), 1e-9))
