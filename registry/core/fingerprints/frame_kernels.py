"""Quality and code of a 64x64 luma, compiled: the same integers as `quality` and `frequencies`. Imported where it pays.

The transform takes the columns of the picture first, folded in the middle: a cosine is even or odd there, so that
half of the products do. No sum exceeds 131,072 x 64 x 255 < 2**31 in that pass, which 32 bits hold; the second pass
over what is left needs 64.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import frequencies
from registry.core.fingerprints.kernels import Bytes, Ints, compiled

_SIDE, _KEPT = 64, 16
_HALF: Final = _SIDE // 2
_FOLDED: Final = np.ascontiguousarray(frequencies.A16[:, :_HALF], np.int32)
"""(16, 32): the first half of each cosine."""
_NEAR: Final = 2 * frequencies.NEAR_MEDIAN * frequencies.SCALE
_MOST_NEAR: Final = frequencies.MOST_NEAR_MEDIAN


@compiled
def quality(luma64: Bytes) -> int:
    """See `quality.quality_of`."""
    total: Any = 0
    for y in range(_SIDE):
        row, below = luma64[y], luma64[min(y + 1, _SIDE - 1)]  # the last row has no difference to itself
        beside = row[1:]
        for x in range(_SIDE):
            total += np.uint32(abs(np.int32(row[x]) - np.int32(below[x])) * 100) // np.uint32(255)
        for x in range(_SIDE - 1):
            total += np.uint32(abs(np.int32(row[x]) - np.int32(beside[x])) * 100) // np.uint32(255)
    return int(min(100, total // 90))


@compiled
def code256(luma64: Bytes, out: Bytes) -> bool:
    """Write the 32 bytes of `frequencies.code_of`; whether the luma is too symmetric, as `is_symmetric` says."""
    low = _low_frequencies(luma64)
    middle = len(low) // 2
    halves = np.partition(low, middle)
    doubled = halves[:middle].max() + halves[middle]
    near = 0
    out[:] = 0
    for i in range(len(low)):
        above = 2 * low[i] - doubled
        near += int(abs(above) <= _NEAR)
        out[i >> 3] |= np.uint8(int(above > 0) << (7 - (i & 7)))
    return near > _MOST_NEAR


@compiled
def _low_frequencies(luma64: Bytes) -> NDArray[np.int64]:
    """(256,) the 16x16 coefficients, row by row; see `frequencies.coefficients256`."""
    narrow = _columns(luma64)
    out = np.empty(_KEPT * _KEPT, np.int64)
    folded = np.empty((2, _HALF), np.int64)
    for i in range(_KEPT):
        for x in range(_HALF):
            folded[0, x] = np.int64(narrow[i, x]) + np.int64(narrow[i, _SIDE - 1 - x])
            folded[1, x] = np.int64(narrow[i, x]) - np.int64(narrow[i, _SIDE - 1 - x])
        for j in range(_KEPT):
            cosine, half = _FOLDED[j], folded[j & 1]
            total = np.int64(0)
            for x in range(_HALF):
                total += cosine[x] * half[x]
            out[_KEPT * i + j] = total
    return out


@compiled
def _columns(luma64: Bytes) -> Ints:
    """(16, 64): the lowest frequencies of each column."""
    out = np.zeros((_KEPT, _SIDE), np.int32)
    folded = np.empty((2, _SIDE), np.int32)
    for y in range(_HALF):
        upper, lower = luma64[y], luma64[_SIDE - 1 - y]
        for x in range(_SIDE):
            folded[0, x] = np.int32(upper[x]) + np.int32(lower[x])
            folded[1, x] = np.int32(upper[x]) - np.int32(lower[x])
        for i in range(_KEPT):
            factor, half, total = _FOLDED[i, y], folded[i & 1], out[i]
            for x in range(_SIDE):
                total[x] += half[x] * factor
    return out
