"""text.winnow32.v1: fingerprints by which an excerpt is found, however long the text around it.

Of each 32 consecutive grams of 32 bytes, the one with the least hash is kept (robust winnowing: Schleimer, Wilkerson
and Aiken, SIGMOD 2003). So two texts that share 63 normalised bytes in a row, about 14 words, always share a
fingerprint. See `reference.winnow` for the rule itself, `text_kernels` for the fast engine.
"""

from __future__ import annotations

import numpy as np

from registry.core.fingerprints import reference
from registry.core.fingerprints.minhash import gram_hashes
from registry.core.fingerprints.winnow_records import GRAM, Fingerprints


def fingerprints_by_numpy(normalised: bytes) -> Fingerprints:
    """Hashes by numpy, the windows one by one."""
    chosen = reference.winnow(gram_hashes(normalised, GRAM).tolist())
    positions = np.array([position for position, _ in chosen], np.uint32)
    return Fingerprints(positions, np.array([value for _, value in chosen], np.uint64))
