"""How the fingerprints of a text are stored: one record each, in order of position.

| bytes | |
|---|---|
| 0-3 | position: bytes of the normalised text before the gram |
| 4-11 | value: the 64-bit hash of the gram |

Little-endian. In lists each fingerprint is an entry of its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput

RECORD: Final = np.dtype([("position", "<u4"), ("value", "<u8")])
GRAM: Final = 32
"""Bytes of normalised text that a fingerprint stands for."""
WINDOW: Final = 32
"""Of so many consecutive grams, one is a fingerprint."""
GUARANTEED: Final = GRAM + WINDOW - 1
"""Two texts that share so many normalised bytes in a row share a fingerprint: 63, about 14 words."""
_MOST: Final = 1 << 26
"""Far more than a text of the largest size allowed can have."""


class Fingerprints(NamedTuple):
    """The fingerprints of one text: (F,) positions, strictly increasing, and (F,) values."""

    positions: NDArray[np.uint32]
    values: NDArray[np.uint64]


def packed(fingerprints: Fingerprints) -> bytes:
    """The records."""
    records = np.empty(len(fingerprints.positions), RECORD)
    records["position"], records["value"] = fingerprints
    return records.tobytes()


def unpacked(code: bytes) -> Fingerprints:
    """The fingerprints in these records; `InvalidInput` if no text has such a code.

    Every window of 32 grams has a fingerprint, so the first lies within the first 32 positions, and each next one
    within 32 of the one before.
    """
    count, rest = divmod(len(code), RECORD.itemsize)
    if rest or not 1 <= count <= _MOST:
        raise InvalidInput(
            f"The fingerprints of a text are records of {RECORD.itemsize} bytes, at least one; these are {len(code)} "
            "bytes."
        )
    records = np.frombuffer(code, RECORD)
    positions = records["position"].astype(np.uint32)
    steps = np.diff(positions.astype(np.int64), prepend=-1)
    if int(steps.min()) < 1 or int(steps.max()) > WINDOW:
        at = int(np.flatnonzero((steps < 1) | (steps > WINDOW))[0])
        raise InvalidInput(
            f"Fingerprints follow each other at distances of 1 to {WINDOW} bytes; number {at + 1} of this code lies "
            f"{int(steps[at])} behind the one before it."
        )
    return Fingerprints(positions, records["value"].astype(np.uint64))
