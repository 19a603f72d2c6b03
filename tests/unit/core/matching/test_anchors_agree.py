"""Cropped, turned and pasted pictures are found by their anchors; strangers and shared elements accuse nobody."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from skimage import data

from registry.core import matching
from registry.core.decisions import Grade
from registry.core.fingerprints import ANCHORS256, DHASH256, PHASH256, Fingerprint, fingerprint_bytes
from registry.core.fingerprints.anchors_records import Geometry, geometry, records
from registry.core.matching import DIHEDRAL, Match, Matcher, by_algorithm
from registry.core.matching.anchors import Anchors, agreement, mirrored
from registry.core.matching.dihedral import VARIANTS, variants
from registry.core.matching.outlines import FORETOLD, samples, samples_of
from tests.support.lists import lists_of

Prints = tuple[Fingerprint, ...]
NAMES = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")


def prints(picture: Image.Image, **options: object) -> Prints:
    file = io.BytesIO()
    picture.save(file, "JPEG", **(options or {"quality": 85}))
    return fingerprint_bytes(file.getvalue()).fingerprints


PICTURES = {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in NAMES}
WORKS: dict[str, Prints] = {}
ROWS = {name: row for row, name in enumerate(NAMES)}


@pytest.fixture(scope="module", autouse=True)
def _works() -> None:
    """Fingerprints are made when a test of this file runs, not by everybody who looks for tests."""
    WORKS.update((name, prints(picture, quality=95)) for name, picture in PICTURES.items())


@pytest.fixture(scope="module")
def matcher(_works: None) -> Matcher:
    return Matcher(lists_of(WORKS.values()))


def anchors(codes: Prints) -> Anchors:
    (found,) = (records(f.code) for f in codes if f.algorithm == ANCHORS256)
    return Anchors(
        np.stack([np.frombuffer(code, np.uint8) for code, _ in found]),
        geometry(np.array([place for _, place in found], np.uint64)),
    )


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop((int(width * left), int(height * top), int(width * right), int(height * bottom)))


# -- copies --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "coins"])
@pytest.mark.parametrize(
    "box", [(0, 0, 0.8, 0.8), (0.15, 0.05, 0.95, 1), (0.2, 0.1, 1, 0.9)], ids=["corner", "side", "other side"]
)
def test_crops_are_found(matcher: Matcher, name: str, box: tuple[float, float, float, float]) -> None:
    (found,) = matcher.match([prints(cropped(PICTURES[name], *box))])[0]
    assert (found.work_row, found.algorithm, found.variant) == (ROWS[name], ANCHORS256, "full/part")
    assert found.grade >= Grade.MATCH


@pytest.mark.parametrize("degrees", [7, 33, 90, 180, 215])
def test_turns_by_any_angle_are_found(matcher: Matcher, degrees: int) -> None:
    (found,) = matcher.match(
        [prints(PICTURES["chelsea"].rotate(degrees, Image.Resampling.BICUBIC, expand=True))]
    )[0]
    assert found.work_row == ROWS["chelsea"]
    assert found.grade >= Grade.MATCH


def test_a_mirrored_part_is_found(matcher: Matcher) -> None:
    part = ImageOps.mirror(cropped(PICTURES["coffee"], 0.1, 0.1, 0.9, 0.9)).rotate(20)
    (found,) = matcher.match([prints(part)])[0]
    assert (found.work_row, found.variant) == (ROWS["coffee"], "full/part_mirrored")


def test_a_picture_with_captions_is_found(matcher: Matcher) -> None:
    page = Image.new("RGB", (600, 560), "white")
    page.paste(PICTURES["coffee"], (0, 80))
    draw = ImageDraw.Draw(page)
    for y, words in ((10, "NOBODY:"), (490, "ME, AT SIX:")):
        draw.text((150, y), words, "black", ImageFont.load_default(48))
    (found,) = matcher.match([prints(page)])[0]
    assert found.work_row == ROWS["coffee"]
    assert found.grade >= Grade.MATCH


def test_a_collage_has_both_works(matcher: Matcher) -> None:
    page = Image.new("RGB", (1030, 520), "white")
    page.paste(PICTURES["astronaut"].resize((510, 510)), (0, 5))
    page.paste(cropped(PICTURES["chelsea"], 0.1, 0, 0.9, 1).resize((510, 510)), (520, 5))
    assert {m.work_row for m in matcher.match([prints(page)])[0]} >= {ROWS["astronaut"]}


# -- what stays unsaid ---------------------------------------------------------------------------------------------
def test_no_work_meets_another(matcher: Matcher) -> None:
    for name, found in zip(WORKS, matcher.match(list(WORKS.values())), strict=True):
        assert [m.work_row for m in found] == [ROWS[name]]


def test_without_anchors_on_either_side_nothing_is_found() -> None:
    part = prints(cropped(PICTURES["chelsea"], 0.15, 0.05, 0.95, 1))
    bare = [tuple(f for f in codes if f.algorithm != ANCHORS256) for codes in WORKS.values()]
    assert Matcher(lists_of(bare)).match([part]) == [()]
    assert Matcher(lists_of(WORKS.values())).match([[f for f in part if f.algorithm != ANCHORS256]]) == [()]


def test_a_work_in_a_picture_that_is_certainly_another_work_is_found_too() -> None:
    """Else whoever registers a collage with an open licence would open what is in it."""
    page = Image.new("RGB", (1030, 520), "white")
    page.paste(PICTURES["astronaut"].resize((510, 510)), (0, 5))
    page.paste(PICTURES["chelsea"].resize((510, 510)), (520, 5))
    both = Matcher(lists_of([prints(page, quality=95), WORKS["astronaut"]]))
    found = both.match([prints(page)])[0]
    assert next((m.work_row, m.grade) for m in found) == (0, Grade.CERTAIN)
    assert {m.work_row for m in found if m.grade >= Grade.MATCH} == {0, 1}


def test_a_seed_alone_says_nothing() -> None:
    """Two pictures that have one anchor in common, and the same two with a second one in its place or elsewhere."""
    registered = anchors(WORKS["astronaut"])
    one = Anchors(registered.codes[:1], take(registered, [0]))
    found = agreement(one, registered)
    assert found is not None
    assert (found.distance, found.confirmed) == (0, 0)
    both = Anchors(registered.codes[[0, 5]], take(registered, [0, 5]))
    assert confirmed(both, registered) == 1
    moved = take(registered, [0, 5])
    moved.x[1] += 8 * moved.sigma[1]
    assert confirmed(Anchors(both.codes, moved), registered) == 0


def take(anchored: Anchors, rows: list[int]) -> Geometry:
    g = anchored.geometry
    return Geometry(*(column[rows] for column in (g.x, g.y, g.sigma, g.turns, g.width, g.height)))


def confirmed(query: Anchors, registered: Anchors) -> int:
    found = agreement(query, registered)
    assert found is not None
    return found.confirmed


# -- what many works share -----------------------------------------------------------------------------------------
def scenery(seed: int) -> Image.Image:
    """A picture that has nothing in common with that of another seed."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize((480, 360), Image.Resampling.BICUBIC)


def branded(picture: Image.Image, share: float) -> Image.Image:
    """With a part of another picture pasted over it, so many of its width and height."""
    width, height = picture.size
    mark = PICTURES["astronaut"].crop((60, 0, 380, 240)).resize((int(width * share), int(height * share)))
    picture.paste(mark, (width - mark.width - 8, height - mark.height - 8))
    return picture


def test_a_small_mark_in_common_is_left_to_people() -> None:
    """Two works are not enough to know that the mark is one, but so small a part is no copy for sure."""
    registered = Matcher(lists_of([prints(branded(scenery(1), 0.28))]))
    found = registered.match([prints(branded(scenery(2), 0.28))])[0]
    assert [m.grade for m in found] in ([], [Grade.REVIEW])


@pytest.mark.parametrize("share", [0.28, 0.6])
def test_a_mark_of_many_works_accuses_nobody(share: float) -> None:
    registered = Matcher(lists_of([prints(branded(scenery(seed), share)) for seed in range(16)]))
    assert registered.match([prints(branded(scenery(99), share))]) == [()]


def test_a_mark_of_works_that_no_edition_shows_is_not_common() -> None:
    """An edition, which does not know them, would find the one that it knows; who asks the server finds no less."""
    codes = lists_of([prints(branded(scenery(seed), 0.6)) for seed in range(16)])
    item = [prints(branded(scenery(99), 0.6))]
    hidden = np.arange(16) > 0
    (found,) = Matcher(codes, unpublished=hidden).match(item)
    assert {m.work_row for m in found} == set(range(16))
    (shown,) = Matcher(lists_of([prints(branded(scenery(0), 0.6))])).match(item)
    assert [m.grade for m in shown] == [m.grade for m in found if m.work_row == 0]


def test_a_picture_that_many_registered_is_still_found() -> None:
    """What they have in common is everything, which is no mark."""
    copies = [prints(PICTURES["chelsea"], quality=quality) for quality in range(50, 98, 6)]
    found = Matcher(lists_of(copies)).match([prints(cropped(PICTURES["chelsea"], 0.15, 0.05, 0.95, 1))])[0]
    assert {m.work_row for m in found} == set(range(len(copies)))


def test_a_marked_work_is_found_by_the_rest_of_it() -> None:
    registered = [prints(branded(scenery(seed), 0.28)) for seed in range(6)]
    found = Matcher(lists_of(registered)).match(
        [prints(cropped(branded(scenery(3), 0.28), 0.05, 0.05, 1, 1))]
    )[0]
    assert [m.work_row for m in found] == [3]
    assert found[0].grade >= Grade.MATCH


# -- several pictures of one work ----------------------------------------------------------------------------------
def test_anchors_of_different_pictures_of_a_work_do_not_confirm_each_other() -> None:
    """Each version of a work counts for itself: its anchors are numbered apart in the list."""
    versions = [WORKS["chelsea"], WORKS["coffee"]]
    rows = [(0, n, f.algorithm, f.kind, f.code, 0) for n, codes in enumerate(versions) for f in codes]
    listed = matching.lists_of(by_algorithm(rows))[ANCHORS256]
    assert set((listed.aux >> np.uint64(56)).tolist()) == {0, 1}


# -- the frame's own variants --------------------------------------------------------------------------------------
def test_mirrored_anchors_are_those_of_the_mirrored_picture() -> None:
    ours, theirs = mirrored(anchors(WORKS["chelsea"])), anchors(prints(ImageOps.mirror(PICTURES["chelsea"])))
    found = agreement(ours, theirs)
    assert found is not None
    assert found.confirmed >= 10
    plain = agreement(anchors(WORKS["chelsea"]), theirs)
    assert plain is None or plain.confirmed == 0


def test_a_negative_is_found(matcher: Matcher) -> None:
    (found,) = matcher.match([prints(ImageOps.invert(PICTURES["rocket"]))])[0]
    assert (found.work_row, found.grade, found.variant) == (ROWS["rocket"], Grade.CERTAIN, "full/inverted")


def bits(codes: Prints, algorithm: str) -> NDArray[np.uint8]:
    (code,) = (f.code for f in codes if f.algorithm == algorithm and f.kind == "full")
    return np.frombuffer(code, np.uint8)


def test_variants_are_the_turns_and_the_negative() -> None:
    code = bits(WORKS["camera"], PHASH256)
    varied = variants(code[None])[0]
    assert (*DIHEDRAL, "inverted") == VARIANTS
    assert np.array_equal(varied[-1] ^ code, np.array([0x7F, *[0xFF] * 31], np.uint8))


def test_outlines_of_mirrored_pictures_are_foretold() -> None:
    changes = {
        "identity": PICTURES["camera"],
        "flip_h": ImageOps.mirror(PICTURES["camera"]),
        "flip_v": ImageOps.flip(PICTURES["camera"]),
        "rot180": PICTURES["camera"].rotate(180),
        "inverted": ImageOps.invert(PICTURES["camera"]),
    }
    foretold = samples(bits(WORKS["camera"], DHASH256).tobytes())
    assert tuple(foretold) == FORETOLD == tuple(changes)
    for name, picture in changes.items():
        (found,) = samples_of(bits(prints(picture), DHASH256)[None]).tolist()
        assert (found ^ foretold[name]).bit_count() <= 16, name


def test_samples_of_many_are_those_of_each() -> None:
    codes = np.random.default_rng(5).integers(0, 256, (20, 32), dtype=np.uint8)
    assert samples_of(codes).tolist() == [samples(code.tobytes())["identity"] for code in codes]


def test_a_narrow_crop_needs_the_outlines(matcher: Matcher) -> None:
    """Between 37 and 47 bits a frame counts only if its dhash256 says the same."""

    def far(outlines: bytes) -> tuple[Match, ...]:
        code = bits(WORKS["camera"], PHASH256).copy()
        code[20:25] ^= 0xFF
        return matcher.match(
            [(Fingerprint(PHASH256, "full", code.tobytes()), Fingerprint(DHASH256, "full", outlines))]
        )[0]

    right = bits(WORKS["camera"], DHASH256)
    (found,) = far(right.tobytes())
    assert (found.grade, found.distance) == (Grade.MATCH, 40)
    assert far((right ^ 0xFF).tobytes()) == ()
    assert far(bits(WORKS["coins"], DHASH256).tobytes()) == ()


# -- pictures that are nearly symmetric ----------------------------------------------------------------------------
def test_a_picture_at_the_gate_of_symmetric_ones_is_found_on_whichever_side_a_copy_falls() -> None:
    """A mirrored picture that lost some columns: rounding in JPEG decides whether its code is noise or not."""
    half = PICTURES["coffee"].crop((0, 0, 300, 400))
    whole = Image.new("RGB", (600, 400))
    whole.paste(half, (0, 0))
    whole.paste(ImageOps.mirror(half), (300, 0))
    sides = set()
    for columns in range(4):
        picture = whole.crop((columns, 0, 600, 400))
        registered = prints(picture, quality=95)
        copies = [prints(picture, quality=quality) for quality in (75, 40, 10)]
        sides |= {any(f.algorithm == PHASH256 for f in codes) for codes in (registered, *copies)}
        for found in Matcher(lists_of([registered, WORKS["coffee"]])).match(copies):
            assert found[0].work_row == 0
            assert found[0].grade >= Grade.MATCH
    assert sides == {False, True}
