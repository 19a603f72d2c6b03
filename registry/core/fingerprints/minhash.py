"""Normalised text to its 128 minima, by numpy; see `reference` for the rule itself, `text_kernels` for the fast one.

The result equals `datasketch.MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=int)` updated with the
low 32 bits of all gram hashes, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import reference
from registry.core.fingerprints.algorithms import LEAN_HEADER, LEAN_SCHEME, LEAN_SEED, LEAN_VALUES
from registry.core.fingerprints.tables import text_tables

Signature = NDArray[np.uint32]
"""(128,) minima; all 0xFFFFFFFF where there was no gram."""

BYTE_VALUES: Final = np.array([reference.splitmix64(byte) for byte in range(256)], np.uint64)
LEAVING: Final = BYTE_VALUES * np.uint64(pow(reference.BASE, reference.GRAM, 2**64))
"""What a byte has become in the hash of a gram by the time it leaves it."""
_GRAMS_AT_ONCE: Final = 4096
_LEAN_HEADER: Final = LEAN_HEADER.pack(LEAN_SEED, -LEAN_VALUES, LEAN_SCHEME)


def signature_by_numpy(normalised: bytes) -> Signature:
    """All permutations, block by block."""
    tables = text_tables()
    least = np.full(LEAN_VALUES, reference.EMPTY, np.uint32)
    for start in range(0, len(normalised) - reference.GRAM + 1, _GRAMS_AT_ONCE):
        block = normalised[start : start + _GRAMS_AT_ONCE + reference.GRAM - 1]
        mixed = _fmix32(gram_hashes(block, reference.GRAM).astype(np.uint32))
        permuted = tables.multipliers[:, None] * mixed + tables.increments[:, None]
        np.minimum(least, permuted.min(axis=1), out=least)
    return least


def gram_hashes(normalised: bytes, size: int) -> NDArray[np.uint64]:
    """The 64-bit hash of each run of `size` bytes: Horner's rule over as many shifted copies."""
    values = BYTE_VALUES[np.frombuffer(normalised, np.uint8)]
    count = max(len(values) - size + 1, 0)
    hashes = np.zeros(count, np.uint64)
    for shift in range(size if count else 0):
        hashes = hashes * np.uint64(reference.BASE) + values[shift : shift + count]
    return _fmix64(hashes)


def _fmix64(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    h = (h ^ h >> np.uint64(33)) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ h >> np.uint64(33)) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ h >> np.uint64(33)


def _fmix32(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    h = (h ^ h >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    h = (h ^ h >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return h ^ h >> np.uint32(16)


def to_lean(signature: Signature) -> bytes:
    """525 bytes, as `datasketch.LeanMinHash.serialize(buffer, "<")` writes them."""
    return _LEAN_HEADER + signature.astype("<u4").tobytes()


def lean_codes(signatures: NDArray[np.uint32]) -> Iterator[bytes]:
    """`to_lean` of each row."""
    values = signatures.astype("<u4", copy=False).tobytes()
    step = 4 * LEAN_VALUES
    return (_LEAN_HEADER + values[at : at + step] for at in range(0, len(values), step))


def from_lean(code: bytes) -> Signature:
    """The values of a code that `check_code` has accepted."""
    return np.frombuffer(code, "<u4", offset=LEAN_HEADER.size).astype(np.uint32)
