"""The two engines that find anchors: numpy, ready at once, and numba, which pays after some pictures. Equal bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import anchors_patches as patches
from registry.core.fingerprints import anchors_scales as scales
from registry.core.fingerprints.anchors_scales import Blurred, Octaves, Spot
from registry.core.fingerprints.decode import Plane


@dataclass(frozen=True, slots=True)
class Engine:
    """The steps that cost time; see the functions of these names."""

    octaves: Callable[[Plane], Octaves]
    spots: Callable[[Octaves], NDArray[np.float64]]
    direction: Callable[[Blurred, Spot], float]
    patch: Callable[[Octaves, Spot, float], Plane]


BY_NUMPY = Engine(scales.octaves, scales.spots, patches.direction, patches.patch)


def by_kernels() -> Engine:
    """The compiled engine."""
    from registry.core.fingerprints import anchors_kernels as kernels  # numba only where it pays

    return Engine(kernels.octaves, kernels.spots, kernels.direction, kernels.patch)
