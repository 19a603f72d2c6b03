"""Both codes of texts at once: by numpy for the first megabyte of a process, by compiled kernels from then on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import metering
from registry.core.fingerprints.algorithms import LEAN_VALUES
from registry.core.fingerprints.minhash import (
    BYTE_VALUES,
    LEAVING,
    Signature,
    lean_codes,
    signature_by_numpy,
)
from registry.core.fingerprints.tables import rows_of_values, text_tables
from registry.core.fingerprints.text_normal import normalise, short_points
from registry.core.fingerprints.winnow import fingerprints_by_numpy
from registry.core.fingerprints.winnow_records import RECORD, Fingerprints, packed


@dataclass(frozen=True, slots=True)
class TextCodes:
    """What is computed from a text."""

    signature: Signature
    fingerprints: Fingerprints
    length: int
    """Of the normalised text, in bytes."""


@dataclass(frozen=True, slots=True)
class ManyCodes:
    """The same of N texts, as columns."""

    signatures: NDArray[np.uint32]
    """(N, 128); none if they were not asked for."""
    fingerprints: Fingerprints
    """Of all texts, one behind the other."""
    ends: NDArray[np.int64]
    """(N,) up to where each text's fingerprints go."""
    lengths: list[int]

    def __iter__(self) -> Iterator[TextCodes]:
        positions, values = self.fingerprints
        for signature, (begin, end), length in zip(
            self.signatures, pairwise([0, *self.ends.tolist()]), self.lengths, strict=True
        ):
            yield TextCodes(signature, Fingerprints(positions[begin:end], values[begin:end]), length)

    def stored_fingerprints(self) -> Iterator[tuple[bytes, int]]:
        """Of each text its fingerprints as they are stored, and its length."""
        records = packed(self.fingerprints)
        bounds = pairwise([0, *(self.ends * RECORD.itemsize).tolist()])
        return ((records[a:b], length) for (a, b), length in zip(bounds, self.lengths, strict=True))

    def stored_signatures(self) -> Iterator[bytes]:
        """Of each text its signature as it is stored."""
        return lean_codes(self.signatures)


def text_codes(text: str) -> TextCodes:
    """Of one text; see `many_codes`."""
    (codes,) = many_codes([text.encode("utf-8", "surrogatepass")])
    return codes


def many_codes(texts: Sequence[bytes], *, signed: bool = True) -> ManyCodes:
    """Of texts in the UTF-8 that `str.encode` makes, by the engine that is worth it; the codes are the same.

    Without signatures if they are not to be `signed`, which is nearly half of the work.
    """
    if metering.TEXT_BYTES.compiled_pays(sum(map(len, texts))):
        return codes_by_kernels(texts, signed=signed)
    return codes_by_numpy(texts, signed=signed)


def codes_by_numpy(texts: Sequence[bytes], *, signed: bool = True) -> ManyCodes:
    """Ready at once."""
    normalised = [normalise(text.decode("utf-8", "surrogatepass")) for text in texts]
    signatures = [signature_by_numpy(text) for text in normalised] if signed else []
    found = [fingerprints_by_numpy(text) for text in normalised]
    positions = np.concatenate([np.empty(0, np.uint32), *(own.positions for own in found)])
    values = np.concatenate([np.empty(0, np.uint64), *(own.values for own in found)])
    return ManyCodes(
        np.array(signatures, np.uint32).reshape(-1, LEAN_VALUES),
        Fingerprints(positions, values),
        np.cumsum([len(own.positions) for own in found], dtype=np.int64),
        [len(text) for text in normalised],
    )


def codes_by_kernels(texts: Sequence[bytes], *, signed: bool = True) -> ManyCodes:
    """From UTF-8 (half surrogate pairs included, but well-formed) straight to the codes, of all texts in one call."""
    from registry.core.fingerprints import text_kernels as kernels  # numba only where it pays

    tables = text_tables()
    largest = max(map(len, texts), default=0)
    source = np.frombuffer(b"".join([*texts, bytes(kernels.MARGIN)]), np.uint8)
    ends = np.fromiter(accumulate(map(len, texts)), np.uint64, len(texts))
    room_for_one = largest * kernels.MOST_GROWTH + kernels.MARGIN
    normalised = np.empty(room_for_one, np.uint8)  # pages never touched take no memory
    lengths, counts = np.empty(len(texts), np.uint64), np.empty(len(texts), np.uint64)
    room = len(source) // 8 + 64 * len(texts)  # twice as many as there are in any but an odd text
    while True:
        signatures = rows_of_values(len(texts) if signed else 0)
        positions, values = np.empty(room, np.uint32), np.empty(room, np.uint64)
        found = kernels.codes(
            source,
            ends,
            normalised,
            *short_points(),
            tables.offsets,
            tables.output,
            BYTE_VALUES,
            LEAVING,
            tables.permutations,
            signatures,
            positions,
            values,
            lengths,
            counts,
        )
        if found <= room:
            break
        room = found
    fingerprints = Fingerprints(positions[:found].copy(), values[:found].copy())
    return ManyCodes(signatures, fingerprints, np.cumsum(counts, dtype=np.int64), lengths.tolist())
