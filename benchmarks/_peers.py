"""Other hashes, each with the radius that its makers or users recommend."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Peer:
    """A hash of files: one code of what is registered, one or more of what is looked for."""

    name: str
    radius: int
    code: Callable[[bytes], Bits]
    variants: Callable[[bytes], Sequence[Bits]]

    def registered(self, file: bytes) -> Bits:
        """The code of an original, as zeros and ones."""
        return self.code(file)

    def near(self, file: bytes, registered: Sequence[Bits]) -> set[int]:
        """Which originals lie within the radius."""
        known = np.stack(registered)
        found: set[int] = set()
        for bits in self.variants(file):
            found |= set(np.flatnonzero((known != bits).sum(axis=1) <= self.radius).tolist())
        return found


def peers() -> list[Peer]:
    """Those that are installed."""
    return [peer for make in (_pdq, _phash, _iscc) for peer in make()]


def _open(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def _pdq() -> list[Peer]:
    try:
        pdqhash: Any = importlib.import_module("pdqhash")
    except ImportError:
        return []

    def code(file: bytes) -> Bits:
        return np.asarray(pdqhash.compute(np.asarray(_open(file)))[0], np.uint8)

    def turned(file: bytes) -> Sequence[Bits]:
        return [np.asarray(bits, np.uint8) for bits in pdqhash.compute_dihedral(np.asarray(_open(file)))[0]]

    return [
        Peer("PDQ@31", 31, code, lambda file: [code(file)]),
        Peer("PDQ@31, 8 turns", 31, code, turned),
    ]


def _phash() -> list[Peer]:
    try:
        import imagehash
    except ImportError:
        return []

    def code(file: bytes) -> Bits:
        return np.asarray(imagehash.phash(_open(file)).hash, np.uint8).ravel()

    return [Peer("phash 8x8@10", 10, code, lambda file: [code(file)])]


def _iscc() -> list[Peer]:
    try:
        iscc_core: Any = importlib.import_module("iscc_core")
    except ImportError:
        return []

    def code(file: bytes) -> Bits:
        pixels = list(_open(file).convert("L").resize((32, 32), Image.Resampling.BICUBIC).tobytes())
        return np.unpackbits(np.frombuffer(iscc_core.soft_hash_image_v0(pixels, 256), np.uint8))

    return [Peer("ISCC 256@31", 31, code, lambda file: [code(file)])]
