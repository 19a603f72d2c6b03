"""Pictures to measure with: of a folder, those of scikit-image, and kinds that are drawn by code."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from registry.core.fingerprints import DEEP256, Fingerprint, fingerprint_bytes
from registry.core.matching import Matcher, by_algorithm, lists_of

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "brick", "grass", "gravel")
WORDS = (
    *("light", "water", "stone", "house", "river", "night", "garden", "window", "letter", "winter", "summer"),
    *("paper", "silver", "morning", "street", "shadow", "mountain", "bridge", "music", "silence", "kitchen"),
    *("harbour", "forest", "clock", "mirror", "candle", "orchard", "village", "station", "feather"),
)


def read(folder: Path, most: int) -> list[Image.Image]:
    """The pictures of a folder, in order of names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:most]
    return [Image.open(path).convert("RGB") for path in paths]


@cache
def shipped() -> list[Image.Image]:
    """The photographs of scikit-image."""
    from skimage import data

    return [Image.fromarray(getattr(data, name)()).convert("RGB") for name in PHOTOGRAPHS]


def as_file(picture: Image.Image, quality: int = 95) -> bytes:
    """As it was registered."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def matcher_of(works: Iterable[Sequence[Fingerprint]]) -> Matcher:
    """What a registry with these works publishes, as it is searched."""
    rows = [
        (row, row, f.algorithm, f.kind, f.code, 0) for row, codes in enumerate(works) for f in shallow(codes)
    ]
    return Matcher(lists_of(by_algorithm(rows)))


def shallow(codes: Iterable[Fingerprint]) -> list[Fingerprint]:
    """What is registered, and what an ordinary search looks for."""
    return [f for f in codes if f.algorithm != DEEP256]


def distinct(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Without those that show the same as an earlier one, as two photographs of one painting do.

    Each is compared with each earlier one alone, so that what many of them have in common counts as well.
    """
    kept: list[Image.Image] = []
    alone: list[Matcher] = []
    for picture in pictures:
        codes = fingerprint_bytes(as_file(picture)).fingerprints
        if not any(matcher.match([codes])[0] for matcher in alone):
            kept.append(picture)
            alone.append(matcher_of([codes]))
    return kept


# -- drawn by code -----------------------------------------------------------------------------------------
def line_drawing(random: np.random.Generator) -> Image.Image:
    """Curved strokes and outlines on white, as of a pen."""
    page = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(page)
    for _ in range(int(random.integers(25, 45))):
        at, turn, bend = random.uniform((40, 40), (600, 440)), random.uniform(0, 6.3), random.normal(0, 0.12)
        points = []
        for _ in range(int(random.integers(8, 40))):
            points.append(tuple(at))
            at = at + 9 * np.array([np.cos(turn), np.sin(turn)])
            turn += bend + random.normal(0, 0.05)
        draw.line(points, "black", int(random.integers(1, 5)), joint="curve")
    for _ in range(int(random.integers(3, 7))):
        left, top, width, height = (int(v) for v in random.uniform((20, 20, 50, 50), (520, 360, 180, 160)))
        draw.ellipse(
            (left, top, left + width, top + height), outline="black", width=int(random.integers(2, 5))
        )
    return page


def comic_page(random: np.random.Generator) -> Image.Image:
    """Four panels of flat colours with figures and speech bubbles; the frame is the same on every page."""
    page = Image.new("RGB", (600, 800), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(20)
    for panel in range(4):
        left, top = 20 + 290 * (panel % 2), 20 + 390 * (panel // 2)
        draw.rectangle((left, top, left + 270, top + 370), _colour(random), "black", 4)
        for _ in range(int(random.integers(3, 7))):
            x, y = random.uniform((left + 10, top + 110), (left + 170, top + 270))
            width, height = random.uniform(30, 90, 2)
            shape = draw.ellipse if random.random() < 0.6 else draw.rectangle
            shape((x, y, x + width, y + height), _colour(random), "black", 3)
        draw.ellipse((left + 15, top + 12, left + 255, top + 100), "white", "black", 3)
        draw.text((left + 135, top + 56), _words(random, 3), "black", font, anchor="mm")
    return page


def text_page(random: np.random.Generator) -> Image.Image:
    """A typed page; all have the same margins, size and lines."""
    page = Image.new("RGB", (620, 877), (250, 248, 243))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(17)
    for y in range(70, 800, 26):
        if random.random() > 0.1:
            draw.text((60, y), _words(random, int(random.integers(6, 10)))[:62], (30, 30, 34), font)
    return page


def logo(random: np.random.Generator) -> Image.Image:
    """One or two flat shapes and a name below."""
    page = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(page)
    for size in (130, 70):
        sides, turn = int(random.integers(3, 9)), float(random.uniform(0, 360))
        x, y = random.uniform((160, 140), (240, 190))
        draw.regular_polygon((x, y, size * float(random.uniform(0.6, 1))), sides, turn, _colour(random))
    draw.text((200, 340), _words(random, 1).title(), "black", ImageFont.load_default(52), anchor="mm")
    return page


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in random.integers(30, 245, 3))
    return red, green, blue


def _words(random: np.random.Generator, count: int) -> str:
    return " ".join(str(word) for word in random.choice(WORDS, count))


DRAWN: Mapping[str, Callable[[np.random.Generator], Image.Image]] = MappingProxyType(
    {"line drawings": line_drawing, "comic pages": comic_page, "text pages": text_page, "logos": logo}
)


def drawn(kind: str, count: int) -> list[Image.Image]:
    """So many pictures of one of `DRAWN`, always the same."""
    return [DRAWN[kind](np.random.default_rng([seed, len(kind)])) for seed in range(count)]
