"""Codes and pictures that are as near each other as a test wants them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from registry.core.fingerprints import FileFingerprints, Fingerprint, to_lean
from registry.core.fingerprints.frequencies import code_of, coefficients256
from registry.core.fingerprints.resize import resize
from tests.support.works import digests, image


def turned(code: bytes, bits: int) -> bytes:
    """The code with its first so many bits turned."""
    mask = ((1 << bits) - 1) << (8 * len(code) - bits)
    return (int.from_bytes(code, "big") ^ mask).to_bytes(len(code), "big")


def near(
    name: str, bits: int, *, file: str, outlines: int = 0, beside: Iterable[Fingerprint] = ()
) -> FileFingerprints:
    """Another file than the picture of this name, so many bits of phash256 and of dhash256 away from it."""
    codes = {f.algorithm: f for f in image(name).fingerprints if f.kind == "full"}
    phash, dhash = codes["image.phash256.v1"], codes["image.dhash256.v1"]
    frame = (
        Fingerprint(phash.algorithm, "full", turned(phash.code, bits)),
        Fingerprint(dhash.algorithm, "full", turned(dhash.code, outlines)),
        *(f for a, f in codes.items() if a not in {phash.algorithm, dhash.algorithm}),
    )
    return FileFingerprints("image", "image/png", len(file), (*digests(file), *frame, *beside))


def codes_of_picture(found: FileFingerprints) -> NDArray[np.uint8]:
    """(1, 32): the phash256 of the full frame."""
    (code,) = (f.code for f in found.fingerprints if (f.algorithm, f.kind) == ("image.phash256.v1", "full"))
    return np.frombuffer(code, np.uint8).reshape(1, 32)


def text(name: str, differing: int = 0, *, file: str | None = None) -> FileFingerprints:
    """A text whose signature differs in so many of its 128 values from that of the text of this name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    values = np.random.default_rng(seed).integers(0, 2**32 - 1, 128, dtype=np.uint32)
    spread = 5 if differing <= 26 else 1  # over nearly all bands, as long as some of them stay whole
    values[: differing * spread : spread] ^= np.uint32(1)
    code = Fingerprint("text.minhash128.v1", "whole", to_lean(values))
    return FileFingerprints("text", "text/plain", 1_000, (*digests(file or name), code))


def poisoned(picture: Image.Image, wanted: bytes, *, rms: float = 12.0) -> Image.Image:
    """The grey picture with a smooth haze of at most so many grey levels, whose phash256 comes near `wanted`.

    A second preimage is no art: each bit is the sign of one low frequency against the median. Of those on the wrong
    side the cheapest are pushed over until the haze is as strong as it may be.
    """
    original = np.asarray(picture.convert("L")).astype(np.float64)
    angle = np.pi * np.arange(16)[:, None] * (2 * np.arange(64) + 1) / 128
    waves = np.cos(angle) / np.where(np.arange(16) == 0, 8.0, 32.0**0.5)[:, None]  # orthonormal rows
    signs = np.where(np.unpackbits(np.frombuffer(wanted, np.uint8)).reshape(16, 16), 1.0, -1.0)
    low = waves @ resize(original.astype(np.uint8), 64, 64).astype(np.float64) @ waves.T
    tried = []
    for margin in (0.5, 1.0, 2.0, 4.0):
        missing = np.maximum(margin - (low - np.median(low)) * signs, 0.0)
        missing[0, 0] = 0.0  # the mean is above the median whatever is done
        cheapest = np.argsort(missing, axis=None)
        spent = np.cumsum(missing.flat[cheapest] ** 2)
        missing.flat[cheapest[spent > (rms * 64) ** 2]] = 0.0
        pixels = _with_haze(original, waves.T @ (missing * signs) @ waves)
        code = code_of(coefficients256(resize(pixels, 64, 64)))
        differing = int.from_bytes(code, "big") ^ int.from_bytes(wanted, "big")
        tried.append((differing.bit_count(), pixels))
    return Image.fromarray(min(tried, key=lambda one: one[0])[1])


def _with_haze(original: NDArray[np.float64], haze: NDArray[np.float64]) -> NDArray[np.uint8]:
    height, width = original.shape
    large = Image.fromarray(haze.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(np.clip(np.rint(original + np.asarray(large)), 0, 255).astype(np.uint8))
