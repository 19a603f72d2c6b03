"""Normalised text to its 128 minima, by numpy or by compiled kernels; see `reference` for the rule itself.

The result equals `datasketch.MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=int)` updated with the
low 32 bits of all gram hashes, bit for bit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import metering, reference
from registry.core.fingerprints.algorithms import LEAN_HEADER, LEAN_SCHEME, LEAN_SEED, LEAN_VALUES
from registry.core.fingerprints.tables import text_tables

Signature = NDArray[np.uint32]
"""(128,) minima; all 0xFFFFFFFF where there was no gram."""

_BYTE_VALUES: Final = np.array([reference.splitmix64(byte) for byte in range(256)], np.uint64)
_GRAMS_AT_ONCE: Final = 4096


def signature_of(text: str) -> tuple[Signature, int]:
    """The signature of a text, and the length of the normalised text in bytes."""
    raw = text.encode("utf-8", "surrogatepass")
    if metering.TEXT_BYTES.compiled_pays(len(raw)):
        return compiled_signature(raw)
    normalised = normalise(text)
    return signature_by_numpy(normalised), len(normalised)


def normalise(text: str) -> bytes:
    """N1: letters and numbers only, folded; UTF-8. Spaces, marks, punctuation and surrogates vanish."""
    tables = text_tables()
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    starts = tables.offsets[points].astype(np.int64)
    lengths = tables.offsets[points + 1] - starts
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    index = np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
    normalised: bytes = tables.output[index].tobytes()
    return normalised


def signature_by_numpy(normalised: bytes) -> Signature:
    """The numpy engine: Horner's rule over 16 shifted copies, then all permutations block by block."""
    tables = text_tables()
    least = np.full(LEAN_VALUES, reference.EMPTY, np.uint32)
    values = _BYTE_VALUES[np.frombuffer(normalised, np.uint8)]
    count = len(values) - reference.GRAM + 1
    for start in range(0, count, _GRAMS_AT_ONCE):
        stop = min(start + _GRAMS_AT_ONCE, count)
        hashes = np.zeros(stop - start, np.uint64)
        for shift in range(reference.GRAM):
            hashes = hashes * np.uint64(reference.BASE) + values[start + shift : stop + shift]
        mixed = _fmix32(_fmix64(hashes).astype(np.uint32))
        permuted = tables.multipliers[:, None] * mixed + tables.increments[:, None]
        np.minimum(least, permuted.min(axis=1), out=least)
    return least


def compiled_signature(raw: bytes) -> tuple[Signature, int]:
    """The numba engine, from UTF-8 straight to the signature."""
    from registry.core.fingerprints import kernels  # numba only where it pays

    tables = text_tables()
    least = np.full(LEAN_VALUES, reference.EMPTY, np.uint32)
    source = np.frombuffer(raw, np.uint8)
    normalised = np.empty(len(raw) * kernels.MOST_GROWTH, np.uint8)  # pages never touched take no memory
    length = kernels.normalise(source, normalised, tables.offsets, tables.output)
    kernels.minhash(normalised, length, _BYTE_VALUES, tables.multipliers, tables.increments, least)
    return least, length


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
    return LEAN_HEADER.pack(LEAN_SEED, -LEAN_VALUES, LEAN_SCHEME) + signature.astype("<u4").tobytes()


def from_lean(code: bytes) -> Signature:
    """The values of a code that `check_code` has accepted."""
    return np.frombuffer(code, "<u4", offset=LEAN_HEADER.size).astype(np.uint32)
