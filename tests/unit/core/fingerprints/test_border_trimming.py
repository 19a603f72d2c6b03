"""Borders are found and cut off; what only looks dark, plain or noisy stays."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from registry.core.fingerprints import PHASH256, fingerprint_image
from registry.core.fingerprints.decode import Plane
from registry.core.fingerprints.trim import inner_frame
from tests.unit.core.fingerprints.pictures import bits_apart, encoded, noise, opened, scene


def grey(image: Image.Image) -> Plane:
    return np.asarray(image.convert("L"))


def frame(image: Image.Image) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right) or None."""
    found = inner_frame(grey(image))
    return found and (found[0].start, found[0].stop, found[1].start, found[1].stop)


def codes_of(data: bytes) -> dict[str, bytes]:
    return {f.kind: f.code for f in fingerprint_image(data).fingerprints if f.algorithm == PHASH256}


@settings(max_examples=40)
@given(*[st.integers(0, 40)] * 4, st.sampled_from([0, 128, 255]))
def test_a_plain_border_is_cut_to_the_pixel(top: int, bottom: int, left: int, right: int, level: int) -> None:
    picture = Image.fromarray(scene())  # with edges that differ from all three levels
    bordered = ImageOps.expand(picture, (left, top, right, bottom), fill=(level,) * 3)
    height, width = bordered.height, bordered.width
    if (width * height - 160 * 120) * 100 <= width * height:
        assert frame(bordered) is None
    else:
        assert frame(bordered) == (top, top + 120, left, left + 160)


@pytest.mark.parametrize("colour", ["white", "black", "grey", "red"])
@pytest.mark.parametrize("quality", [90, 40])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_the_trimmed_code_of_a_bordered_jpeg_matches_the_original(
    colour: str, quality: int, share: float
) -> None:
    for name in ("coffee.png", "astronaut.png"):
        picture = opened(name).convert("RGB")
        bordered = ImageOps.expand(picture, int(share * picture.width), fill=colour)
        copy = codes_of(encoded(bordered, "JPEG", quality=quality))
        assert bits_apart(copy["trimmed"], codes_of(encoded(picture))["full"]) <= 31


def test_a_screenshot_with_bars_matches() -> None:
    picture = opened("coffee.png").convert("RGB")
    screen = Image.new("RGB", (540, 1170), "black")
    screen.paste(picture.resize((540, 360)), (0, 300))
    copy = codes_of(encoded(screen, "JPEG", quality=70))
    original = codes_of(encoded(picture))["full"]
    assert bits_apart(copy["trimmed"], original) <= 31 < bits_apart(copy["full"], original)


def test_bars_on_all_four_sides_of_different_widths_are_cut() -> None:
    picture = Image.fromarray(scene())
    boxed = ImageOps.expand(picture, (30, 0, 12, 0), fill="black")
    assert frame(ImageOps.expand(boxed, (0, 20, 0, 50), fill="black")) == (20, 140, 30, 190)


def test_a_border_may_waver_a_little_from_side_to_side() -> None:
    boxed = np.zeros((160, 240, 3), np.uint8)
    boxed[:, :40] = boxed[:, 200:] = 6
    boxed[20:140, 40:200] = scene()
    assert frame(Image.fromarray(boxed)) == (20, 140, 40, 200)


def test_only_the_outer_of_two_borders_is_cut() -> None:
    """The inner one belongs to the original that someone put a border around."""
    inner = ImageOps.expand(Image.fromarray(scene()), 10, fill="white")
    assert frame(ImageOps.expand(inner, 15, fill="black")) == (15, 15 + 140, 15, 15 + 180)
    bars = ImageOps.expand(Image.fromarray(scene()), (0, 20, 0, 20), fill="black")
    assert frame(ImageOps.expand(bars, (30, 0, 30, 0), fill="white")) == (0, 160, 30, 190)


def test_a_border_of_a_hundredth_or_less_is_left_alone() -> None:
    picture = Image.fromarray(scene(1000, 1000))
    assert frame(ImageOps.expand(picture, (0, 10, 0, 0), fill="white")) is None
    assert frame(ImageOps.expand(picture, (0, 11, 0, 0), fill="white")) == (11, 1011, 0, 1000)


def test_dark_pictures_keep_their_dark_parts() -> None:
    night = np.zeros((300, 400), np.uint8)
    night[200:, :] = noise(100, 400) // 16  # a dim foreground that fades in
    assert inner_frame(night) is None
    stars = np.zeros((300, 400), np.uint8)
    stars.flat[np.random.default_rng(1).integers(0, stars.size, 300)] = 255
    assert inner_frame(stars) is None


def test_a_thing_on_a_plain_ground_keeps_its_ground() -> None:
    y, x = np.mgrid[0:300, 0:400]
    thing = np.where((x - 200) ** 2 + (y - 150) ** 2 < 100**2, 60, 250).astype(np.uint8)
    assert inner_frame(thing) is None


def test_a_sky_that_fades_is_no_border() -> None:
    sky = np.tile(np.linspace(255, 90, 300).astype(np.uint8)[:, None], (1, 400))
    assert inner_frame(sky) is None


def test_noise_is_no_border() -> None:
    assert inner_frame(noise(200, 300)) is None
    faint = (noise(200, 300) % 40 + 100).astype(np.uint8)
    assert inner_frame(faint) is None


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_plain_picture_is_left_as_it_is(level: int) -> None:
    assert inner_frame(np.full((50, 70), level, np.uint8)) is None


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_tiny_pictures_have_an_answer(height: int, width: int, seed: int) -> None:
    found = inner_frame(noise(height, width, seed) // 128 * 255)
    if found is not None:
        rows, columns = found
        assert rows.stop > rows.start
        assert columns.stop > columns.start


def test_facts_name_the_inner_frame_and_both_frames_have_all_codes() -> None:
    bordered = ImageOps.expand(Image.fromarray(scene()), 20, fill="white")
    buffer = io.BytesIO()
    bordered.save(buffer, "PNG")
    result = fingerprint_image(buffer.getvalue())
    assert (result.facts["trimmed_width"], result.facts["trimmed_height"]) == (160, 120)
    kinds = [f.kind for f in result.fingerprints]
    assert (kinds.count("full"), kinds.count("trimmed"), kinds.count("whole")) == (4, 5, 2), (
        "anchors of the inner one"
    )
    plain = fingerprint_image(encoded(Image.fromarray(scene())))
    trimmed = {f.algorithm: f.code for f in result.fingerprints if f.kind == "trimmed"}
    assert trimmed == {f.algorithm: f.code for f in plain.fingerprints if f.kind == "full"}
