"""Keys of codes: two codes that come near each other share one. By them, a run's codes are sifted without being read.

| codes | keys of 40 bits |
|---|---|
| digests and addresses | one: their first bytes |
| fingerprints of a text | one for each: a hash of its value |
| signatures of a text | one for each of the 32 bands in which they would have to agree |

All other codes are compared by distance, and have none. That two codes share a key proves nothing; it happens by chance
once in a million million times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import MD5, MINHASH128, SHA256, SOURCE_DOMAIN, SOURCE_URL, WINNOW32
from registry.core.fingerprints.algorithms import ALGORITHMS, LEAN_HEADER
from registry.core.fingerprints.metering import Meter
from registry.core.fingerprints.winnow_records import RECORD
from registry.core.matching.bands import BAND_VALUES, BANDS

Hashes = NDArray[np.uint64]
"""Keys, in the lower 40 bits."""

_DIGESTS: Final = frozenset({SHA256, MD5, SOURCE_URL, SOURCE_DOMAIN})
KEYED: Final = frozenset({*_DIGESTS, MINHASH128, WINNOW32})
"""Algorithms whose codes have keys."""
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_OTHER_ODD: Final = np.uint64(0xBF58476D1CE4E5B9)
_SURPLUS: Final = np.uint64(64 - 40)
_TAG_BITS: Final = np.uint64(8)
_BITS_PER_KEY: Final = 1024
_LEAST_BITS, _MOST_BITS = 12, 27
LOOKUPS = Meter(2_000_000)
"""Keys looked up by numpy before loading the compiled lookup pays."""


def keys_of(
    algorithm: str, codes: NDArray[np.uint8], sizes: NDArray[np.int64]
) -> tuple[Hashes, NDArray[np.int64]]:
    """The keys of codes of one of the `KEYED` algorithms, and of each code how many.

    The codes are given as all their bytes and the size of each; `ValueError` if a size is not the algorithm's.
    """
    width = RECORD.itemsize if algorithm == WINNOW32 else ALGORITHMS[algorithm].code_bytes
    counts, rest = np.divmod(sizes, width)
    if rest.any() or (algorithm != WINNOW32 and (counts != 1).any()):
        raise ValueError("A code has another size.")
    if algorithm == WINNOW32:
        return keys_of_values(codes.view(RECORD)["value"]), counts
    keys = keys_of_codes(algorithm, codes.reshape(-1, width))
    return keys.reshape(-1), np.full(len(sizes), keys.shape[1])


def keys_of_codes(algorithm: str, codes: NDArray[np.uint8]) -> Hashes:
    """(N, K): the keys of N codes as they stand in a list."""
    if algorithm == WINNOW32:
        return keys_of_values(np.ascontiguousarray(codes).view("<u8"))
    if algorithm == MINHASH128:
        return _keys_of_signatures(codes[:, LEAN_HEADER.size :])
    return np.ascontiguousarray(codes[:, :8]).view("<u8") >> _SURPLUS


def keys_of_values(values: NDArray[np.uint64]) -> Hashes:
    """Winnowing prefers small values, so that their own bits are no good."""
    return (values * _ODD) >> _SURPLUS


def _keys_of_signatures(values: NDArray[np.uint8]) -> Hashes:
    """(N, 32), from the (N, 512) bytes of the values."""
    pairs: NDArray[np.uint64] = (
        np.ascontiguousarray(values).view("<u8").reshape(len(values), BANDS, BAND_VALUES // 2)
    )
    return (pairs[:, :, 0] * _ODD + pairs[:, :, 1] * _OTHER_ODD) >> _SURPLUS


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys as they are stored: what is looked at of all, and the rest, which is looked at of few."""

    heads: NDArray[np.uint32]
    tags: NDArray[np.uint8]

    @classmethod
    def of(cls, hashes: Hashes) -> Keys:
        """Upper 32 bits, and lower 8."""
        return cls((hashes >> _TAG_BITS).astype(np.uint32), hashes.astype(np.uint8))

    def at(self, chosen: NDArray[np.int64]) -> Hashes:
        """Some of them."""
        return self.heads[chosen].astype(np.uint64) << _TAG_BITS | self.tags[chosen]


class KeySet:
    """Some keys, to be met by many."""

    def __init__(self, hashes: Hashes) -> None:
        self._sorted = np.unique(hashes)
        wanted = max(len(self._sorted) * _BITS_PER_KEY, 1).bit_length()
        bits = min(max(wanted, _LEAST_BITS), _MOST_BITS)
        self._shift = np.uint64(32 - bits)
        self._bitmap = np.zeros(1 << (bits - 6), np.uint64)
        places = self._sorted >> (self._shift + _TAG_BITS)
        np.bitwise_or.at(self._bitmap, places >> np.uint64(6), np.uint64(1) << (places & np.uint64(63)))

    def met_by(self, keys: Keys) -> NDArray[np.int64]:
        """Which of these are among the set; ascending."""
        maybe = self._passing(keys.heads)
        asked = keys.at(maybe)
        found = np.searchsorted(self._sorted, asked)
        found[found == len(self._sorted)] = 0
        met: NDArray[np.int64] = maybe[self._sorted[found] == asked]
        return met

    def _passing(self, heads: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Those whose bit is set, a few too many."""
        if LOOKUPS.compiled_pays(len(heads)):
            from crawler.runs import code_keys_kernels as kernels  # numba only where it pays

            room = np.empty(len(heads), np.uint32)
            return room[: kernels.passing(heads, self._bitmap, self._shift, room)].astype(np.int64)
        places = heads.astype(np.uint64) >> self._shift
        bits = self._bitmap[places >> np.uint64(6)] >> (places & np.uint64(63))
        return np.flatnonzero(bits & np.uint64(1))
