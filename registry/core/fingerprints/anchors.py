"""image.anchors256.v1: up to 16 places that a picture keeps when it is cropped, turned or pasted into another.

A place is an extreme of the differences between blurs, with a size and a direction of its own; the square of 12 sigma
around it, turned upright, has the same code as a whole frame (`image.phash256.v1`). A copy has the same squares
wherever they come to lie; whether they lie as in the original is for the matcher to see, from the geometry that
stands beside each code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import metering
from registry.core.fingerprints.anchors_patches import HALF, direction, patch
from registry.core.fingerprints.anchors_records import MOST, SIDE, Anchor, packed
from registry.core.fingerprints.anchors_scales import Spot, octaves, sigma_of, spots
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.frequencies import code_and_symmetry
from registry.core.fingerprints.quality import quality_of
from registry.core.fingerprints.resize import resize

LEAST_SIDE: Final = 24
LEAST_QUALITY: Final = 20
"""Of 100. Squares with less to see are alike in many pictures."""
LEAST_INSIDE: Final = 0.8
"""Share of the square, as it lies unturned, inside the frame."""
TRIED: Final = 4 * MOST
"""Squares looked at; in a picture that is flat or symmetric all over, the rest will be no better."""
APART: Final = 1.5
"""Anchors of like size and direction are the same if they are no further apart than so many sigmas."""
LIKE_SCALE: Final = 0.36
"""Octaves."""
LIKE_DIRECTION: Final = 20 / 360
"""Turns."""


def anchors256(luma: Plane) -> bytes:
    """The records of a frame; empty if it has no place to hold on to."""
    return anchors_of(small_luma(luma))


def anchors_of(small: Plane) -> bytes:
    """The records of the frame that this is the small luma of."""
    return packed(find(small), *small.shape)


def small_luma(luma: Plane) -> Plane:
    """The frame with a longer side of 256 pixels; the shorter one is widened to 24 where it would have less."""
    longer = max(luma.shape)
    height, width = (max(LEAST_SIDE, (2 * n * SIDE + longer) // (2 * longer)) for n in luma.shape)
    return resize(luma, width, height)


def find(small: Plane) -> list[Anchor]:
    """The anchors of a small luma: large and clear, not too near the border or each other."""
    return find_by_kernels(small) if metering.ANCHORS.compiled_pays(small.size) else find_by_numpy(small)


def find_by_kernels(small: Plane) -> list[Anchor]:
    """The numba engine."""
    from registry.core.fingerprints import anchors_kernels  # numba only where it pays

    return anchors_kernels.find(small)


def find_by_numpy(small: Plane) -> list[Anchor]:
    """The numpy engine, ready at once."""
    height, width = small.shape
    blurs = octaves(small)
    found: list[Anchor] = []
    tried = 0
    for spot in _best_first(spots(blurs)):
        if tried == TRIED or len(found) == MOST:
            break
        if not _inside(spot, width, height):
            continue
        turns = direction(blurs[spot.octave][spot.step], spot)
        if any(_alike(spot, turns, other) for other in found):
            continue
        tried += 1
        square = patch(blurs, spot, turns)
        if (quality := quality_of(square)) < LEAST_QUALITY:
            continue
        code, symmetric = code_and_symmetry(square)
        if not symmetric:
            found.append(Anchor(code, spot.x, spot.y, spot.scale, turns, quality))
    return found


def _best_first(found: NDArray[np.float64]) -> Iterator[Spot]:
    for x, y, scale, rank, octave, step in found[np.argsort(-found[:, 3], kind="stable")].tolist():
        yield Spot(x, y, scale, rank, int(octave), int(step))


def _inside(spot: Spot, width: int, height: int) -> bool:
    half = HALF * sigma_of(spot.scale)
    across = min(spot.x + half, width) - max(spot.x - half, 0.0)
    down = min(spot.y + half, height) - max(spot.y - half, 0.0)
    return across * down >= LEAST_INSIDE * 4.0 * half * half


def _alike(spot: Spot, turns: float, other: Anchor) -> bool:
    apart = APART * sigma_of(spot.scale)
    dx, dy = spot.x - other.x, spot.y - other.y
    turned = abs(turns - other.turns)
    return (
        abs(spot.scale - other.scale) < LIKE_SCALE
        and dx * dx + dy * dy < apart * apart
        and min(turned, 1.0 - turned) < LIKE_DIRECTION
    )
