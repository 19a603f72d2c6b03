"""Logos, watermarks, captions and windows that works share accuse nobody; pages and drawings are told apart."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from registry.core.decisions import Grade
from registry.core.fingerprints import DEEP256, Fingerprint, fingerprint_bytes
from registry.core.matching import Matcher
from tests.support.lists import lists_of

Prints = tuple[Fingerprint, ...]
WORDS = (
    *("light", "water", "stone", "house", "river", "night", "garden", "window"),
    *("letter", "winter", "paper", "silver", "street", "shadow", "music", "bridge"),
)


def prints(picture: Image.Image, *, quality: int = 88, deep: bool = False) -> Prints:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=quality)
    return fingerprint_bytes(file.getvalue(), deep=deep).fingerprints


def scenery(seed: int) -> Image.Image:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize((480, 360), Image.Resampling.BICUBIC)


def with_logo(picture: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(picture)
    draw.rectangle((384, 264, 474, 354), "white")
    draw.ellipse((392, 272, 466, 346), "navy")
    draw.text((429, 309), "Ab", "gold", ImageFont.load_default(40), anchor="mm")
    return picture


def with_watermark(picture: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", picture.size)
    font = ImageFont.load_default(60)
    ImageDraw.Draw(layer).text((240, 180), "© A. N. Other", (255, 255, 255, 150), font, anchor="mm")
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def with_caption(picture: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 300, 480, 360), "black")
    draw.text((20, 312), "What everybody saw", "white", ImageFont.load_default(34))
    return picture


def in_a_window(picture: Image.Image) -> Image.Image:
    page = Image.new("RGB", (600, 480), (236, 236, 240))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 600, 36), (60, 64, 72))
    draw.text((40, 8), "Photos   Edit   View   Share   Help", "white", ImageFont.load_default(18))
    for number in range(5):
        draw.ellipse((10, 70 + 54 * number, 38, 98 + 54 * number), (90, 120, 200))
    page.paste(picture, (80, 60))
    return page


@pytest.mark.parametrize("share", [with_logo, with_watermark, with_caption, in_a_window])
@pytest.mark.parametrize("works", [1, 6])
def test_what_works_share_accuses_no_other_that_has_it(
    share: Callable[[Image.Image], Image.Image], works: int
) -> None:
    matcher = Matcher(lists_of([prints(share(scenery(seed))) for seed in range(works)]))
    others = [prints(share(scenery(seed)), deep=True) for seed in (90, 91)]
    for asked in (others, [tuple(f for f in item if f.algorithm != DEEP256) for item in others]):
        assert all(m.grade < Grade.MATCH for matches in matcher.match(asked) for m in matches)


# -- pages, drawings, logos ------------------------------------------------------------------------------------------
def text_page(seed: int) -> Image.Image:
    random = np.random.default_rng([seed, 1])
    page = Image.new("RGB", (620, 877), (250, 248, 243))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(17)
    for y in range(70, 800, 26):
        draw.text((60, y), " ".join(random.choice(WORDS, 8)), (30, 30, 34), font)
    return page


def line_drawing(seed: int) -> Image.Image:
    random = np.random.default_rng([seed, 2])
    page = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(page)
    for _ in range(40):
        left, top, wide, high = (int(v) for v in random.uniform((10, 10, 30, 30), (480, 340, 150, 130)))
        start, end = random.uniform(0, 360, 2).tolist()
        draw.arc((left, top, left + wide, top + high), start, end, "black", 3)
    return page


def logo(seed: int) -> Image.Image:
    """Every one with a word of its own: the same word in the same letters is an element in common."""
    random = np.random.default_rng([seed, 3])
    page = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(page)
    for size in (120, 60):
        centre = tuple(random.uniform((150, 130), (250, 200)))
        colour = tuple(int(v) for v in random.integers(30, 240, 3))
        draw.regular_polygon((centre, size), int(random.integers(3, 9)), int(random.integers(90)), colour)
    draw.text((200, 340), WORDS[seed % len(WORDS)].title(), "black", ImageFont.load_default(52), anchor="mm")
    return page


@pytest.mark.parametrize("kind", [text_page, line_drawing])
def test_copies_are_found_and_others_of_their_kind_are_not(kind: Callable[[int], Image.Image]) -> None:
    matcher = Matcher(lists_of([prints(kind(seed)) for seed in range(8)]))
    found = matcher.match([prints(p, quality=60) for p in (*_changed(kind), kind(60))])
    likely = [{m.work_row for m in matches if m.grade >= Grade.MATCH} for matches in found]
    assert likely == [{3}, {5}, set()]


def test_logos_are_found_though_letters_in_common_may_bring_others_along() -> None:
    """Flat logos have little to hold on to: two words in the same letters may agree, but never for certain."""
    matcher = Matcher(lists_of([prints(logo(seed)) for seed in range(8)]))
    small, turned, stranger = matcher.match([prints(p) for p in (*_changed(logo), logo(60))])
    assert [small[0].work_row, turned[0].work_row] == [3, 5]
    assert {m.work_row for m in (*small, *turned, *stranger) if m.grade is Grade.CERTAIN} <= {3, 5}


def _changed(kind: Callable[[int], Image.Image]) -> tuple[Image.Image, Image.Image]:
    """The third at half its size, the fifth turned by a degree."""
    small = kind(3).resize((kind(3).width // 2, kind(3).height // 2), Image.Resampling.BICUBIC)
    return small, kind(5).rotate(1, Image.Resampling.BICUBIC, fillcolor="white")
