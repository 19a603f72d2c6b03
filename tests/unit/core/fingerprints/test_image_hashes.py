"""Our codes against imagehash itself, on real pictures; the two gates; what re-encoding does."""

from __future__ import annotations

import io
from collections.abc import Iterable

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from registry.core.fingerprints import (
    ANCHORS256,
    COLOUR42,
    DHASH256,
    PHASH64,
    PHASH256,
    FileFingerprints,
    fingerprint_image,
)
from registry.core.fingerprints.colour import colour42
from registry.core.fingerprints.decode import Plane, decode, luma_of
from registry.core.fingerprints.frequencies import code_of, coefficients64, coefficients256
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.quality import quality_of
from registry.core.fingerprints.resize import resize
from registry.core.fingerprints.sniff import image_format
from tests.unit.core.fingerprints.pictures import (
    ORDINARY,
    bits_apart,
    encoded,
    noise,
    opened,
    real,
    scene,
    symmetric,
)

LANCZOS = Image.Resampling.LANCZOS


def codes(result: FileFingerprints, kind: str = "full") -> dict[str, bytes]:
    return {f.algorithm: f.code for f in result.fingerprints if f.kind == kind}


def luma(data: bytes) -> Plane:
    form = image_format(data)
    assert form is not None
    return decode(data, form, DEFAULT_LIMITS).luma


@pytest.mark.parametrize("name", ORDINARY)
def test_real_pictures_hash_as_by_imagehash(name: str) -> None:
    """By imagehash after a first pass over the rows, so that the order of passes is that of Pillow before 13."""
    data = real(name)
    got = codes(fingerprint_image(data))
    grey = Image.fromarray(luma(data))

    def rows_first(width: int) -> Image.Image:
        return grey.resize((width, grey.height), LANCZOS)

    assert got[PHASH256].hex() == str(imagehash.phash(rows_first(64), hash_size=16))
    assert got[PHASH64].hex() == str(imagehash.phash(rows_first(32)))
    assert got[DHASH256].hex() == str(imagehash.dhash(rows_first(17), hash_size=16))


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "rocket.jpg", "chelsea.png", "coins.png"])
def test_wide_and_square_pictures_hash_as_by_plain_imagehash(name: str) -> None:
    picture = opened(name)
    assert picture.width >= picture.height
    got = codes(fingerprint_image(real(name)))
    assert got[PHASH256].hex() == str(imagehash.phash(picture, hash_size=16))
    assert got[PHASH64].hex() == str(imagehash.phash(picture))
    assert got[DHASH256].hex() == str(imagehash.dhash(picture, hash_size=16))


def test_crops_of_all_shapes_hash_as_by_imagehash_on_the_same_64x64() -> None:
    """A 64x64 picture is left as it is by imagehash: only the transforms are compared, integers with doubles."""
    random = np.random.default_rng(7)
    for name in ("astronaut.png", "coffee.png", "ihc.png", "hubble_deep_field.jpg"):
        plane = luma(real(name))
        for _ in range(15):
            height, width = random.integers(40, min(plane.shape), 2)
            top = random.integers(0, plane.shape[0] - height + 1)
            left = random.integers(0, plane.shape[1] - width + 1)
            crop = np.ascontiguousarray(plane[top : top + height, left : left + width])
            small = resize(crop, 64, 64)
            assert code_of(coefficients256(small)).hex() == str(
                imagehash.phash(Image.fromarray(small), hash_size=16)
            )
            tiny = resize(crop, 32, 32)
            assert code_of(coefficients64(tiny)).hex() == str(imagehash.phash(Image.fromarray(tiny)))


@pytest.mark.parametrize(
    "name", ["astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "logo.png", "rocket.jpg"]
)
def test_colours_are_those_of_imagehash(name: str) -> None:
    small = np.array(opened(name).convert("RGB").resize((64, 64), LANCZOS))
    assert colour42(small).hex()[-11:] == str(imagehash.colorhash(Image.fromarray(small)))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 255))
def test_colours_of_any_pixels_differ_from_imagehash_by_rounding_at_most(seed: int, most: int) -> None:
    """Doubles put a share or hue that is exactly on a limit on either side of it; integers always on the same."""
    pixels = np.random.default_rng(seed).integers(0, most + 1, (64, 64, 3), dtype=np.uint8)
    theirs = int(str(imagehash.colorhash(Image.fromarray(pixels))), 16)
    assert (int.from_bytes(colour42(pixels), "big") ^ theirs).bit_count() <= 3


def test_colour_tells_apart_what_luma_cannot() -> None:
    """Two logos of the same grey, one red and one blue."""
    shape = scene(128, 128, 3)[..., 0] > 128
    red, blue = (np.full((128, 128, 3), 255, np.uint8) for _ in range(2))
    red[shape], blue[shape] = (200, 40, 40), (40, 80, 255)
    assert np.abs(luma_of(red).astype(int) - luma_of(blue)).max() <= 2
    one, other = (codes(fingerprint_image(encoded(Image.fromarray(p)))) for p in (red, blue))
    assert bits_apart(one[DHASH256], other[DHASH256]) <= 14
    assert one[COLOUR42] != other[COLOUR42]


# -- the gates ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("copy", ["png", "jpeg 85", "jpeg 40", "jpeg 10", "smaller", "odd width"])
def test_symmetric_pictures_and_their_copies_have_no_phash256(seed: int, copy: str) -> None:
    picture = symmetric(seed)
    data = {
        "png": lambda: encoded(picture),
        "jpeg 85": lambda: encoded(picture, "JPEG", quality=85),
        "jpeg 40": lambda: encoded(picture, "JPEG", quality=40),
        "jpeg 10": lambda: encoded(picture, "JPEG", quality=10),
        "smaller": lambda: encoded(picture.resize((128, 128), LANCZOS)),
        "odd width": lambda: encoded(picture.resize((255, 256), LANCZOS), "JPEG", quality=75),
    }[copy]()
    result = fingerprint_image(data)
    got = codes(result)
    assert set(got) >= {DHASH256, PHASH64, COLOUR42}
    assert PHASH256 not in got
    assert [note.code for note in result.notes] == ["image.symmetric"]
    original = codes(fingerprint_image(encoded(picture)))
    assert bits_apart(got[DHASH256], original[DHASH256]) <= 14


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_pictures_pass_both_gates(name: str) -> None:
    result = fingerprint_image(real(name))
    assert codes(result).keys() - {ANCHORS256} == {PHASH256, DHASH256, PHASH64, COLOUR42}
    assert result.notes == ()


def flat_pictures() -> Iterable[tuple[str, Image.Image]]:
    yield "white", Image.new("RGB", (300, 200), "white")
    yield "black", Image.new("L", (300, 200), 0)
    yield "slope", Image.linear_gradient("L")
    yield "one pixel", Image.new("RGB", (1, 1), "red")
    faint = (noise(200, 200) % 3 + 100).astype(np.uint8)
    yield "faint noise", Image.fromarray(faint)


@pytest.mark.parametrize(("name", "picture"), list(flat_pictures()), ids=lambda value: str(value)[:12])
def test_pictures_with_too_little_to_see_have_digests_only(name: str, picture: Image.Image) -> None:
    result = fingerprint_image(encoded(picture))
    assert {f.algorithm.split(".")[0] for f in result.fingerprints} == {"digest"}
    assert [note.code for note in result.notes] == ["image.low-quality"]
    assert int(result.facts["quality"]) < 50


def test_quality_is_that_of_pdq() -> None:
    """Checker boards: 2 * 63 * 64 neighbours of known difference."""
    for step, expected in ((1, 0), (3, min(100, 2 * 63 * 64 * (300 // 255) // 90)), (255, 100)):
        board = (np.indices((64, 64)).sum(axis=0) % 2 * step).astype(np.uint8)
        assert quality_of(board) == expected


# -- what happens to copies --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "rocket.jpg"])
@pytest.mark.parametrize("edit", ["jpeg 30", "half size", "webp", "grey", "brighter"])
def test_copies_stay_within_the_certain_radius(name: str, edit: str) -> None:
    picture = opened(name).convert("RGB")
    data = {
        "jpeg 30": lambda: encoded(picture, "JPEG", quality=30),
        "half size": lambda: encoded(picture.resize((picture.width // 2, picture.height // 2))),
        "webp": lambda: encoded(picture, "WEBP", quality=60),
        "grey": lambda: encoded(picture.convert("L")),
        "brighter": lambda: encoded(picture.point(lambda v: min(255, v * 5 // 4))),
    }[edit]()
    original, copy = codes(fingerprint_image(real(name))), codes(fingerprint_image(data))
    assert bits_apart(original[PHASH256], copy[PHASH256]) <= 31


def test_a_mirrored_picture_has_the_odd_columns_of_the_code_turned_over() -> None:
    """The relation that matching relies on to find mirrored copies without hashing them again."""
    picture = opened("coffee.png")
    original = codes(fingerprint_image(real("coffee.png")))[PHASH256]
    mirrored = codes(fingerprint_image(encoded(ImageOps.mirror(picture))))[PHASH256]
    turned = bytes(byte ^ 0x55 for byte in original)
    assert bits_apart(turned, mirrored) <= 8 < bits_apart(original, mirrored)


def test_the_same_file_gives_the_same_fingerprints() -> None:
    assert fingerprint_image(real("coffee.png")) == fingerprint_image(real("coffee.png"))


def test_facts_and_media_type() -> None:
    buffer = io.BytesIO()
    Image.fromarray(scene(200, 90)).save(buffer, "WEBP", lossless=True)
    result = fingerprint_image(buffer.getvalue())
    assert (result.media, result.media_type, result.size) == ("image", "image/webp", len(buffer.getvalue()))
    assert (result.facts["width"], result.facts["height"]) == (200, 90)
