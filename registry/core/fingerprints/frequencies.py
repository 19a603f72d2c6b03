"""phash256 and phash64: low frequencies of a small luma, each against their median, in exact integers.

The transform is the DCT-II with integer factors `A[i, j] = rint(2**16 * 2 cos(pi i (2j+1) / 2n))`. Floating
point would not do: in symmetric pictures half of the coefficients are exactly the median, and rounding errors
would decide about them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.decode import Plane

# fmt: off
_COSINE: Final = (  # rint(2**17 cos(pi k / 128)) for k = 0..64, a quarter turn
    131072, 131033, 130914, 130717, 130441, 130086, 129653, 129142, 128553, 127887, 127144, 126324, 125428,
    124457, 123410, 122289, 121095, 119827, 118488, 117077, 115595, 114044, 112424, 110737, 108982, 107162,
    105278, 103330, 101320, 99249, 97118, 94929, 92682, 90379, 88023, 85613, 83151, 80640, 78079, 75472, 72820,
    70123, 67384, 64605, 61787, 58931, 56041, 53116, 50159, 47172, 44157, 41115, 38048, 34959, 31848, 28718,
    25571, 22408, 19232, 16045, 12847, 9642, 6431, 3217, 0,
)
# fmt: on
SCALE: Final = 1 << 32
"""A coefficient is 2**32 times what floating point gives: 2**16 from either side."""
NEAR_MEDIAN: Final = 32
MOST_NEAR_MEDIAN: Final = 32
"""More than 32 coefficients within 32 of the median: a symmetric picture, whose bits would be noise."""


def _cosine(k: int) -> int:
    """rint(2**17 cos(pi k / 128)) for any k, by the symmetries of the circle."""
    k %= 256
    k = min(k, 256 - k)
    return _COSINE[k] if k <= 64 else -_COSINE[128 - k]


def _factors(frequencies: int, size: int) -> NDArray[np.int64]:
    """The (frequencies, size) matrix A; `size` divides 64."""
    step = 64 // size
    rows = [[_cosine(step * i * (2 * j + 1)) for j in range(size)] for i in range(frequencies)]
    return np.array(rows, np.int64)


A16: Final = _factors(16, 64)
_A8: Final = _factors(8, 32)


def coefficients256(luma64: Plane) -> NDArray[np.int64]:
    """64x64 luma to the 16x16 lowest frequencies. |C| <= 2**56, so int64 holds even the doubled values."""
    return np.asarray(A16 @ luma64.astype(np.int64) @ A16.T)


def coefficients64(luma32: Plane) -> NDArray[np.int64]:
    """32x32 luma to the 8x8 lowest frequencies."""
    return np.asarray(_A8 @ luma32.astype(np.int64) @ _A8.T)


def _doubled_median(c: NDArray[np.int64]) -> int:
    """Twice the median of an even number of values: the sum of the two in the middle."""
    middle = c.size // 2
    ordered = np.partition(c, (middle - 1, middle), axis=None)
    return int(ordered[middle - 1]) + int(ordered[middle])


def code_of(c: NDArray[np.int64]) -> bytes:
    """One bit a coefficient, 1 where it is above the median; row by row, most significant bit first."""
    return np.packbits(2 * c > _doubled_median(c)).tobytes()


def is_ordinary64(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,) which of (N, 8) codes say enough to be compared by themselves: those with exactly 32 bits.

    Of a flat or symmetric picture more coefficients are equal to the median, and so fewer above it.
    """
    return np.asarray(_bits(codes) == 32)


def may_be_code64(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,) which of (N, 8) codes `code_of` can have made of 64 coefficients.

    The first coefficient, the sum of all pixels, is the greatest of all unless the picture is black, and at most half
    of the coefficients lie above their median. Other programs leave the first one out (pHash.org takes the frequencies
    1 to 8), so that about half of their codes have no first bit.
    """
    first = codes[:, 0] >= 0x80
    return np.asarray((first & (_bits(codes) <= 32)) | ~codes.any(axis=1))


def _bits(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.asarray(np.unpackbits(codes, axis=1).sum(axis=1, dtype=np.int64))


def is_symmetric(c256: NDArray[np.int64]) -> bool:
    """Whether too many coefficients lie so near the median that re-encoding would turn their bits about."""
    near = np.abs(2 * c256 - _doubled_median(c256)) <= 2 * NEAR_MEDIAN * SCALE
    return int(np.count_nonzero(near)) > MOST_NEAR_MEDIAN


def code_and_symmetry(luma64: Plane) -> tuple[bytes, bool]:
    """A 64x64 luma's code, and whether it is too symmetric to have a reliable one."""
    low = coefficients256(luma64)
    return code_of(low), is_symmetric(low)
