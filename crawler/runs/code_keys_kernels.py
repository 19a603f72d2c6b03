"""The compiled lookup of keys: the same answers as by numpy, imported only where it pays."""

from __future__ import annotations

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import compiled


@compiled
def passing(
    heads: NDArray[np.uint32], bitmap: NDArray[np.uint64], shift: np.uint64, passed: NDArray[np.uint32]
) -> int:
    """Which keys have their bit set; returns how many, and writes them to `passed`, which has room for all."""
    count = uint64(0)
    for i in range(uint64(len(heads))):
        place = uint64(heads[i]) >> shift
        passed[count] = i
        count += (bitmap[place >> uint64(6)] >> (place & uint64(63))) & uint64(1)
    return int(count)
