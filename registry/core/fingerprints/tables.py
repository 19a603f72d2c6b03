"""The frozen data of the text algorithms: the N1 table and the permutations, as shipped and checked on loading.

Nothing here may come from the running interpreter: its version of Unicode, or of numpy's random numbers, must
not change a fingerprint. `minhash128.v1.npz` holds, for each code point, how many bytes N1 puts in its place
(made with Unicode 14.0, see `reference.normalised_character`), these bytes one after the other, and the 128
multipliers and increments that datasketch draws for seed 1.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.fingerprints.algorithms import LEAN_VALUES

CODE_POINTS: Final = 0x110000
_FILE: Final = "minhash128.v1.npz"
_SHA256: Final = {
    "offsets": "fa3c6e8d97a2911762aaaf5c4abb05fc4bb3b19257f7ebcd9f26180d07cf66b8",
    "output": "51c9dd51b55e6e5bca0f49b731a673ba9558848fd12ad2baf4ed29c570d52ec9",
    "permutations": "b14750dd0abf30bb02469d6062895f1dee4f3bf2ef2d0a91310e8dafee9dc551",
}


class TextTables(NamedTuple):
    """`output[offsets[c]:offsets[c + 1]]` replaces code point c; `v -> a v + b` modulo 2**32 for each (a, b)."""

    offsets: NDArray[np.uint32]
    output: NDArray[np.uint8]
    permutations: NDArray[np.uint32]
    """(2, 128): the multipliers, and the increments."""

    @property
    def multipliers(self) -> NDArray[np.uint32]:
        """(128,) a."""
        return np.asarray(self.permutations[0])

    @property
    def increments(self) -> NDArray[np.uint32]:
        """(128,) b."""
        return np.asarray(self.permutations[1])


@cache
def text_tables() -> TextTables:
    """Loaded on first use (5 MB); `Corrupt` if a single byte is not as it was frozen."""
    source = resources.files(__package__).joinpath(_FILE)
    with source.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        lengths, output = stored["lengths"], stored["output"]
        permutations = np.stack([stored["multipliers"], stored["increments"]]).astype(np.uint32)
    offsets = np.zeros(CODE_POINTS + 1, np.uint32)
    np.cumsum(lengths, out=offsets[1:], dtype=np.uint32)
    _check("offsets", offsets.astype("<u4").tobytes())
    _check("output", output.tobytes())
    _check("permutations", permutations.astype("<u4").tobytes())
    aligned = rows_of_values(len(permutations))
    aligned[:] = permutations
    return TextTables(offsets, output, aligned)


def rows_of_values(count: int) -> NDArray[np.uint32]:
    """(count, 128), not filled, that begin where a vector of a processor does: none lies in two lines of its cache."""
    raw = np.empty(4 * LEAN_VALUES * count + 63, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : len(raw) - 63 + begin].view(np.uint32).reshape(count, LEAN_VALUES)


def _check(name: str, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != _SHA256[name]:
        raise Corrupt(f"{_FILE} is damaged ({name}). Install the package again.", part=name)
