"""Small pictures and texts as files, the same in every run."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

TEXT = (
    "Whoever reads this sentence aloud at the sea will hear the dunes answer with a wind that has read it before, "
    "and will know that no two dunes are alike."
)


def png(seed: int = 1, size: tuple[int, int] = (160, 120)) -> bytes:
    """A picture of soft clouds: enough structure to be told from others."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return _saved(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def blank_png() -> bytes:
    """A picture of nothing, which no perceptual code can tell from others."""
    return _saved(Image.new("RGB", (64, 64), (200, 200, 200)))


def _saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
