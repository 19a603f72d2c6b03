"""Logos, watermarks, captions and windows that works share accuse nobody; pages and drawings are told apart."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from registry.core.decisions import Grade
from registry.core.fingerprints import ANCHORS256, DEEP256, Fingerprint, fingerprint_bytes
from registry.core.fingerprints.anchors_records import Anchor, packed
from registry.core.matching import Match, Matcher, anchors_search
from registry.core.matching.anchors import SEED, Agreement, Anchors, agreement
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


def test_logos_are_found_and_letters_in_common_accuse_hardly_anybody() -> None:
    """Ten logos in the same letters, and ten others. Two simple shapes may agree by chance, in 1 of the 100 pairs."""
    matcher = Matcher(lists_of([prints(logo(seed)) for seed in range(10)]))
    small, turned, *others = matcher.match([prints(p) for p in (*_changed(logo), *map(logo, range(60, 70)))])
    assert [_accused(found) for found in (small, turned)] == [{3}, {5}]
    assert sum(len(_accused(found)) for found in others) <= 1
    assert not [m for found in others for m in found if m.grade is Grade.CERTAIN]


def test_the_same_name_on_two_logos_is_left_to_people() -> None:
    """Two registered works are too few to learn that a word is common, but as a whole the logos are not alike."""
    matcher = Matcher(lists_of([prints(_named(seed)) for seed in (1, 2)]))
    for deep in (False, True):
        found = matcher.match([prints(_named(seed), deep=deep) for seed in range(20, 30)])
        assert sum({m.grade for m in matches} == {Grade.REVIEW} for matches in found) >= 9
        assert sum(len(_accused(matches)) for matches in found) <= 1


def _named(seed: int) -> Image.Image:
    page = logo(seed)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 300, 400, 400), "white")
    draw.text((200, 340), "Harbour", "black", ImageFont.load_default(52), anchor="mm")
    return page


def _accused(matches: tuple[Match, ...]) -> set[int]:
    return {m.work_row for m in matches if m.grade >= Grade.MATCH}


# -- at the scale of a registry ------------------------------------------------------------------------------------
def synthetic(random: np.random.Generator, mark: int) -> Fingerprint:
    """Anchors of a picture of its own, in a frame of 256 x 192, with so many others of a mark in its corner."""
    common = np.random.default_rng(1)
    found = [
        _anchor(random.bytes(32), random.uniform((40, 40), (160, 150)), random) for _ in range(16 - mark)
    ]
    found += [_anchor(common.bytes(32), common.uniform((180, 130), (230, 175)), common) for _ in range(mark)]
    return Fingerprint(ANCHORS256, "full", packed(found, 192, 256))


def _anchor(code: bytes, at: NDArray[np.float64], random: np.random.Generator) -> Anchor:
    x, y = at.tolist()
    return Anchor(code, x, y, float(random.uniform(1, 2)), float(random.uniform()), 80)


def test_a_mark_on_thousands_of_works_is_learned_and_costs_no_more_than_one_on_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is accused by it, marked works are found by the rest of them, and few of those that share it are read."""
    works = [synthetic(np.random.default_rng([2, n]), 5) for n in range(2_000)]
    matcher = Matcher(lists_of([[work] for work in works]))
    compared = 0

    def counted(
        item: Anchors, registered: Anchors, allowed: NDArray[np.bool_] | None = None, seed: int = SEED
    ) -> Agreement | None:
        nonlocal compared
        compared += 1
        return agreement(item, registered, allowed, seed)

    monkeypatch.setattr(anchors_search, "agreement", counted)
    stranger = synthetic(np.random.default_rng(3), 5)
    assert matcher.match([[stranger], [works[700]]]) == [(), matcher.match([[works[700]]])[0]]
    (found,) = matcher.match([[works[700]]])[0]
    assert (found.work_row, found.grade) == (700, Grade.CERTAIN)
    assert compared < 500


def _changed(kind: Callable[[int], Image.Image]) -> tuple[Image.Image, Image.Image]:
    """The third at half its size, the fifth turned by a degree."""
    small = kind(3).resize((kind(3).width // 2, kind(3).height // 2), Image.Resampling.BICUBIC)
    return small, kind(5).rotate(1, Image.Resampling.BICUBIC, fillcolor="white")
