"""Pictures for these tests: real ones that ship inside scikit-image, and made ones."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ORDINARY = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "logo.png",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "rocket.jpg",
    "text.png",
)


def real(name: str) -> bytes:
    """The file of a picture of scikit-image."""
    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "data" / name).read_bytes()


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(real(name)))


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def scene(width: int = 160, height: int = 120, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3): a slope with discs and boxes on it; no symmetry, edges and flat parts."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([(x * (3 + c) + y * (2 + c)) // 3 % 160 + 40 for c in range(3)], axis=2)
    for _ in range(16):
        cx, cy, radius = random.integers(0, width), random.integers(0, height), random.integers(5, 26)
        disc = (x - cx) ** 2 + (y - cy) ** 2 < radius**2
        box = (abs(x - cx) < radius) & (abs(y - cy) < radius // 2 + 2)
        pixels[disc if random.integers(2) else box] = random.integers(0, 256, 3)
    return pixels.astype(np.uint8)


def symmetric(seed: int = 0, side: int = 256) -> Image.Image:
    """Mirrored left to right and top to bottom, as an ornament."""
    quarter = scene(side // 2, side // 2, seed)
    half = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
    return Image.fromarray(np.concatenate([half, half[::-1]]))


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width) grey levels, each on its own: the hardest case for a resize."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def bits_apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
