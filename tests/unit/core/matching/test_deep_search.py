"""A deep search finds works inside pages and collages, and pictures forced into a square; it accuses no stranger."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from registry.core.decisions import Grade
from registry.core.errors import InvalidInput
from registry.core.fingerprints import DEEP256, Fingerprint, check_code, fingerprint_bytes
from registry.core.fingerprints.deep import VIEWS, place_of
from registry.core.matching import Matcher
from registry.core.matching.anchors import Agreement
from registry.core.matching.grades import LEAST_SPAN, anchored
from registry.core.matching.likeness import centres
from registry.core.matching.overlay import Overlay
from tests.support.lists import lists_of

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")
PICTURES = {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in NAMES}


def prints(picture: Image.Image, *, deep: bool = False) -> tuple[Fingerprint, ...]:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88)
    return fingerprint_bytes(file.getvalue(), deep=deep).fingerprints


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(lists_of(prints(picture) for picture in PICTURES.values()))


def found(matcher: Matcher, picture: Image.Image, *, deep: bool) -> dict[str, str]:
    """Names of the works that an item certainly or likely has in it, with the variant by which."""
    (matches,) = matcher.match([prints(picture, deep=deep)])
    return {NAMES[m.work_row]: m.variant for m in matches if m.grade >= Grade.MATCH}


def collage(side: int) -> Image.Image:
    """Nine pictures beside each other, of which four are works and five are not."""
    others = [getattr(data, name)() for name in ("text", "clock", "page", "moon", "brick")]
    tiles = [PICTURES[n] for n in ("coffee", "chelsea", "camera", "coins")]
    tiles += [Image.fromarray(o).convert("RGB") for o in others]
    page = Image.new("RGB", (3 * side, 3 * side), "white")
    for n, tile in enumerate(tiles):
        tile = tile.copy()
        tile.thumbnail((side - 8, side - 8))
        page.paste(tile, (n % 3 * side, n // 3 * side))
    return page


def test_works_in_a_collage_are_found_in_its_parts(matcher: Matcher) -> None:
    page = collage(400)
    assert not found(matcher, page, deep=False)
    deep = found(matcher, page, deep=True)
    assert {"coffee", "chelsea", "coins"} <= set(deep)
    assert all(variant.startswith(("half-", "third-")) for variant in deep.values())


def test_a_picture_on_a_page_of_text_is_found(matcher: Matcher) -> None:
    page = Image.new("RGB", (900, 1200), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(22)
    for y in range(40, 1160, 30):
        draw.text((40, y), "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam", "black", font)
    page.paste(PICTURES["chelsea"].resize((420, 280)), (420, 700))
    assert set(found(matcher, page, deep=True)) == {"chelsea"}


@pytest.mark.parametrize(("name", "shape"), [("coffee", "as-3x2"), ("chelsea", "as-3x2")])
def test_a_crop_that_was_forced_into_a_square_is_stretched_back(
    matcher: Matcher, name: str, shape: str
) -> None:
    picture = PICTURES[name]
    width, height = picture.size
    square = picture.crop((width // 8, height // 8, width * 7 // 8, height * 7 // 8)).resize((256, 256))
    assert not found(matcher, square, deep=False)
    assert found(matcher, square, deep=True)[name].split("/")[0] == shape


def test_strangers_are_not_found_in_any_part(matcher: Matcher) -> None:
    for name in ("text", "clock", "page", "moon", "brick", "grass", "gravel"):
        assert not found(matcher, Image.fromarray(getattr(data, name)()).convert("RGB"), deep=True)


def test_a_mark_on_many_pages_accuses_none_of_the_works_that_bear_it() -> None:
    """The parts of a page are looked at closely, but a logo stays a small share of the work that has it."""
    marked = [_marked(picture) for picture in PICTURES.values()]
    others = [Image.fromarray(getattr(data, name)()).convert("RGB") for name in ("clock", "moon", "grass")]
    bearing = Matcher(lists_of(prints(picture) for picture in marked))
    for other in others:
        assert not found(bearing, _marked(other.resize((600, 400))), deep=True)


def _marked(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    side = min(copy.size) // 5
    draw = ImageDraw.Draw(copy)
    draw.rectangle((6, 6, 6 + side, 6 + side), "white")
    draw.ellipse((12, 12, side, side), "navy")
    draw.text((6 + side // 4, 6 + side // 3), "Ab", "gold", ImageFont.load_default(side // 3))
    return copy


# -- codes and grades ----------------------------------------------------------------------------------------------
def test_only_a_deep_search_makes_such_codes_and_all_are_well_formed() -> None:
    assert DEEP256 not in {f.algorithm for f in prints(PICTURES["coffee"])}
    made = [f for f in prints(PICTURES["astronaut"], deep=True) if f.algorithm == DEEP256]
    assert [f.kind for f in made] == list(VIEWS)
    for f in made:
        check_code(f.algorithm, f.kind, f.code)
    assert "as-4x3" not in {f.kind for f in prints(PICTURES["coffee"], deep=True)}


@pytest.mark.parametrize(
    ("view", "corner", "side"),
    [
        ("half-11", 0, 1 / 2),
        ("half-23", 1 / 2 + 1j / 4, 1 / 2),
        ("third-22", 1 / 3 + 1j / 3, 1 / 3),
        ("third-31", 2j / 3, 1 / 3),
        ("as-3x2", 0, 1),
        ("whole", 0, 1),
        ("trimmed", 0, 1),
    ],
)
def test_each_view_has_its_place_in_the_frame(view: str, corner: complex, side: float) -> None:
    found, length = place_of(view)
    assert found == pytest.approx(corner)
    assert length == pytest.approx(side)


def test_other_codes_and_views_are_refused() -> None:
    (code,) = (f.code for f in prints(PICTURES["coffee"], deep=True) if f.kind == "half-22")
    for kind, bad in (("half-44", code), ("full", code), ("half-22", code[:-1]), ("half-22", b"")):
        with pytest.raises(InvalidInput):
            check_code(DEEP256, kind, bad)


def test_blank_pages_and_tiny_pictures_have_no_parts() -> None:
    assert DEEP256 not in {f.algorithm for f in prints(Image.new("RGB", (800, 600), "white"), deep=True)}
    noise = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)
    small = Image.fromarray(noise).resize((90, 90), Image.Resampling.BICUBIC)
    assert not {f.kind for f in prints(small, deep=True) if f.kind.startswith(("half", "third"))}


@pytest.mark.parametrize(
    ("distance", "confirmed", "grade"),
    [
        (31, 0, None),
        (31, 1, Grade.MATCH),
        (32, 1, None),
        (47, 1, None),
        (47, 2, Grade.MATCH),
        (47, 3, Grade.CERTAIN),
    ],
)
def test_a_seed_far_off_needs_a_second_anchor_that_agrees(
    distance: int, confirmed: int, grade: Grade | None
) -> None:
    alike = Overlay(recurring=1, contained=1, aside=1, breadth=0.2, cells=centres(16))
    assert anchored(Agreement(distance, confirmed, 0.3, ()), alike, whole=False) is grade
    small = anchored(Agreement(distance, confirmed, LEAST_SPAN / 2, ()), alike, whole=False)
    assert small is (None if grade is None else Grade.REVIEW)
