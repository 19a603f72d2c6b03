"""Both codes of a text at once: by numpy for the first megabyte of a process, by compiled kernels from then on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registry.core.fingerprints import metering, reference
from registry.core.fingerprints.algorithms import LEAN_VALUES
from registry.core.fingerprints.minhash import BYTE_VALUES, Signature, signature_by_numpy
from registry.core.fingerprints.tables import text_tables
from registry.core.fingerprints.text_normal import ascii_bytes, normalise
from registry.core.fingerprints.winnow import fingerprints_by_numpy
from registry.core.fingerprints.winnow_records import Fingerprints


@dataclass(frozen=True, slots=True)
class TextCodes:
    """What is computed from a text."""

    signature: Signature
    fingerprints: Fingerprints
    length: int
    """Of the normalised text, in bytes."""


def text_codes(text: str) -> TextCodes:
    """By the engine that is worth it; the codes are the same."""
    raw = text.encode("utf-8", "surrogatepass")
    if metering.TEXT_BYTES.compiled_pays(len(raw)):
        return codes_by_kernels(raw)
    return codes_by_numpy(text)


def codes_by_numpy(text: str) -> TextCodes:
    """Ready at once."""
    normalised = normalise(text)
    return TextCodes(signature_by_numpy(normalised), fingerprints_by_numpy(normalised), len(normalised))


def codes_by_kernels(raw: bytes) -> TextCodes:
    """From UTF-8 (half surrogate pairs included) straight to the codes."""
    from registry.core.fingerprints import text_kernels as kernels  # numba only where it pays

    tables = text_tables()
    least = np.full(LEAN_VALUES, reference.EMPTY, np.uint32)
    normalised = np.empty(len(raw) * kernels.MOST_GROWTH, np.uint8)  # pages never touched take no memory
    room = len(raw) // 8 + 64  # twice as many as there are in any but an odd text
    positions, values = np.empty(room, np.uint32), np.empty(room, np.uint64)
    length, count = kernels.codes(
        np.frombuffer(raw, np.uint8),
        normalised,
        ascii_bytes(),
        tables.offsets,
        tables.output,
        BYTE_VALUES,
        tables.permutations,
        least,
        positions,
        values,
    )
    if count > room:
        positions, values = np.empty(count, np.uint32), np.empty(count, np.uint64)
        kernels.winnow(normalised, length, BYTE_VALUES, positions, values)
    return TextCodes(least, Fingerprints(positions[:count].copy(), values[:count].copy()), length)
