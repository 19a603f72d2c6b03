"""Is what two pictures have in common the picture, or a part that others share? The anchors that do not agree know.

Anchors that agree say how one picture would lie upon the other: how far moved, turned and scaled. That foretells which
of all other places each of the two ought to show as well. A copy shows most of them again, however it was cropped.
Two logos in the same letters do not: their frames would cover each other, and yet nothing but the letters recurs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.anchors import LEAST_INSIDE
from registry.core.fingerprints.anchors_patches import HALF
from registry.core.fingerprints.anchors_records import Geometry
from registry.core.fingerprints.anchors_scales import FIRST_SIGMA
from registry.core.matching.anchors import Agreement, Anchors
from registry.core.matching.likeness import centres

_LEVER: Final = 3.0
"""Sigmas at which an anchor's place says as much about turn and scale as its own direction and size do."""
SAME_FRAME: Final = 0.05
"""Shorter sides by which the corners of two frames that are the same may differ."""
_CELLS: Final = 16


@dataclass(frozen=True, slots=True)
class Overlay:
    """How two pictures lie upon each other if the anchors that agree are the same places."""

    recurring: float
    """Of the places that ought to recur beside the first, the share that does: in the registered picture or in the
    item, whichever is more, since words around a copy take the room of weaker places."""
    contained: float
    """Share of one frame that lies in the other, whichever is more: 1 for a crop, and for a picture on a page."""
    aside: float
    """How far the corner that is furthest from any of the item's lies from it, in shorter sides of the item."""
    breadth: float
    """How far the places that agree lie beside a line (a line of writing, say): their deviation, in shorter sides of
    the registered frame."""
    cells: NDArray[np.complex128] = field(compare=False, repr=False)
    """(16, 16) where the centres of the registered frame's cells lie, as shares of the item's width and height."""

    @property
    def same_frame(self) -> bool:
        """Whether one picture would lie upon the other corner to corner."""
        return self.aside <= SAME_FRAME


@dataclass(frozen=True, slots=True)
class _Move:
    """A move, turn and scaling of the plane, as a function of complex numbers."""

    factor: complex
    shift: complex

    def of(self, places: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.asarray(self.factor * places + self.shift)

    def undone(self) -> _Move:
        return _Move(1 / self.factor, -self.shift / self.factor)


def overlay(
    item: Anchors, registered: Anchors, agreed: Agreement, allowed: NDArray[np.bool_] | None = None
) -> Overlay:
    """What follows from an agreement of at least one anchor with a seed.

    `allowed` (Q,): see `anchors.agreement`; what many works share is not expected to recur.
    """
    of_item, of_registered = np.array(agreed.pairs).T
    ours, theirs = item.geometry, registered.geometry
    move = _fitted(ours, theirs, of_item, of_registered)
    back = move.undone()
    cells, their_cells = _cells(theirs, move, ours), _cells(ours, back, theirs)
    return Overlay(
        recurring=max(
            _recurring(theirs, move, ours, of_registered, None),
            _recurring(ours, back, theirs, of_item, allowed),
        ),
        contained=max(_contained(cells), _contained(their_cells)),
        aside=_aside(theirs, move, ours),
        breadth=_breadth(theirs, of_registered),
        cells=cells,
    )


def _fitted(ours: Geometry, theirs: Geometry, q: NDArray[np.intp], r: NDArray[np.intp]) -> _Move:
    """From the registered picture to the item, by least squares; small anchors know their place best."""
    there, here = _places(theirs)[r], _places(ours)[q]
    weight = 1 / theirs.sigma[r] ** 2
    from_there = there - (weight * there).sum() / weight.sum()
    from_here = here - (weight * here).sum() / weight.sum()
    own = ours.sigma[q] / theirs.sigma[r] * np.exp(2j * np.pi * (ours.turns[q] - theirs.turns[r]))
    pull = (weight * np.conj(from_there) * from_here).sum() + _LEVER**2 * own.sum()
    factor = complex(pull / ((weight * np.abs(from_there) ** 2).sum() + _LEVER**2 * len(r)))
    shift = (weight * (here - factor * there)).sum() / weight.sum()
    return _Move(factor, complex(shift))


def _places(g: Geometry) -> NDArray[np.complex128]:
    return np.asarray(g.x + 1j * g.y)


def _recurring(
    g: Geometry, move: _Move, other: Geometry, agreeing: NDArray[np.intp], allowed: NDArray[np.bool_] | None
) -> float:
    """The share of the anchors of `g`, so moved, that recur where the other picture could show them."""
    place, sigma = move.of(_places(g)), abs(move.factor) * g.sigma
    half = HALF * sigma
    across = np.minimum(place.real + half, other.width[0]) - np.maximum(place.real - half, 0)
    down = np.minimum(place.imag + half, other.height[0]) - np.maximum(place.imag - half, 0)
    inside = across.clip(0) * down.clip(0) >= LEAST_INSIDE * 4 * half**2
    expected = inside & (sigma >= FIRST_SIGMA)
    if allowed is not None:
        expected &= allowed
    expected[agreeing] = True
    return (len(set(agreeing.tolist())) - 1) / max(1, int(expected.sum()) - 1)


def _cells(g: Geometry, move: _Move, other: Geometry) -> NDArray[np.complex128]:
    """Where the centres of the cells of the frame of `g`, so moved, lie, as shares of the other's sides."""
    at = centres(_CELLS)
    place = move.of(at.real * g.width[0] + 1j * (at.imag * g.height[0]))
    return np.asarray(place.real / other.width[0] + 1j * (place.imag / other.height[0]))


def _contained(cells: NDArray[np.complex128]) -> float:
    """Share of one frame that lies in the other."""
    across = (cells.real >= 0) & (cells.real <= 1)
    return float((across & (cells.imag >= 0) & (cells.imag <= 1)).mean())


def _aside(g: Geometry, move: _Move, other: Geometry) -> float:
    """See `Overlay.aside`."""
    apart = np.abs(move.of(_corners(g))[:, None] - _corners(other))
    return float(apart.min(axis=1).max() / min(other.width[0], other.height[0]))


def _corners(g: Geometry) -> NDArray[np.complex128]:
    width, height = g.width[0], g.height[0]
    return np.array([0, width, 1j * height, width + 1j * height])


def _breadth(g: Geometry, agreeing: NDArray[np.intp]) -> float:
    """See `Overlay.breadth`."""
    chosen = sorted(set(agreeing.tolist()))
    if len(chosen) < 2:
        return 0.0
    place = _places(g)[chosen]
    place -= place.mean()
    both, turned = (
        (np.abs(place) ** 2).sum(),
        abs((place**2).sum()),
    )  # the eigenvalues of their covariance: +, -
    narrow = float(both - turned) / (2 * (len(chosen) - 1))
    return float(np.sqrt(max(0.0, narrow)) / min(g.width[0], g.height[0]))
