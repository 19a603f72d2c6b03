"""Pictures that are only looked up: near enough the registered codes, refused as they are, and dear codes on demand."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from registry.core.errors import InvalidInput, TooLarge
from registry.core.fingerprints import (
    ANCHORS256,
    COLOUR42,
    DHASH256,
    PHASH64,
    PHASH256,
    FileFingerprints,
    Fingerprint,
    Limits,
    fingerprint_bytes,
    look_up_bytes,
)
from registry.core.fingerprints.anchors_records import records
from registry.core.fingerprints.decode import decode
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.sniff import image_format
from tests.unit.core.fingerprints.pictures import bits_apart, encoded, opened, real, scene, symmetric

BIG = opened("astronaut.png").convert("RGB").resize((2400, 1800), Image.Resampling.BICUBIC)
SMALL = BIG.resize((400, 300), Image.Resampling.LANCZOS)
LATE = (ANCHORS256, COLOUR42, PHASH64)


def by_name(found: FileFingerprints) -> dict[tuple[str, str], bytes]:
    return {(f.algorithm, f.kind): f.code for f in found.fingerprints}


def at_once(found: FileFingerprints) -> dict[tuple[str, str], bytes]:
    """What is registered, but for what a look-up leaves out or leaves for later."""
    return {name: code for name, code in by_name(found).items() if name[0] not in LATE}


def later(found: FileFingerprints) -> tuple[tuple[Fingerprint, ...], tuple[Fingerprint, ...]]:
    assert found.later is not None
    return found.later.anchors(), found.later.colours()


def of(found: FileFingerprints, algorithm: str) -> tuple[Fingerprint, ...]:
    return tuple(f for f in found.fingerprints if f.algorithm == algorithm)


def drafted(data: bytes, mode: str = "L") -> tuple[int, ...]:
    form = image_format(data)
    assert form is not None
    picture = decode(data, form, DEFAULT_LIMITS, "L" if mode == "L" else "RGB")
    return picture.luma.shape


# -- what is not JPEG ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_other_formats_have_the_very_codes_that_are_registered(form: str) -> None:
    data = encoded(SMALL, form)
    registered, looked_up = fingerprint_bytes(data), look_up_bytes(data)
    assert by_name(looked_up) == at_once(registered)
    assert later(looked_up) == (of(registered, ANCHORS256), of(registered, COLOUR42))
    assert (looked_up.media_type, looked_up.size) == (registered.media_type, len(data))


def test_a_border_is_found_and_anchors_are_of_what_is_inside() -> None:
    framed = Image.new("RGB", (SMALL.width + 120, SMALL.height + 90), "white")
    framed.paste(SMALL, (60, 40))
    data = encoded(framed)
    registered, looked_up = fingerprint_bytes(data), look_up_bytes(data)
    assert by_name(looked_up) == at_once(registered)
    assert later(looked_up) == (of(registered, ANCHORS256), of(registered, COLOUR42))
    assert [f.kind for f in later(looked_up)[0]] == ["trimmed"]


def test_a_symmetric_picture_has_its_colours_from_the_start() -> None:
    for form in ("PNG", "JPEG"):
        data = encoded(symmetric(2), form)
        registered, looked_up = fingerprint_bytes(data), look_up_bytes(data)
        assert PHASH256 not in {f.algorithm for f in looked_up.fingerprints}
        (ours,), (theirs,) = of(looked_up, COLOUR42), of(registered, COLOUR42)
        assert bits_apart(ours.code, theirs.code) <= 1
        assert later(looked_up)[1] == ()


def test_what_has_too_little_to_see_has_nothing_to_add_later() -> None:
    found = look_up_bytes(encoded(Image.new("RGB", (300, 200), "red"), "JPEG"))
    assert {f.algorithm for f in found.fingerprints} == {"digest.sha256.v1", "digest.md5.v1"}
    assert (found.later, [n.code for n in found.notes]) == (None, ["image.low-quality"])


def test_texts_and_deep_searches_are_what_they_are_at_registration() -> None:
    """But for a text's MD5: no work is registered without a SHA-256, which says more."""
    text = b"Over all the hilltops is peace, in all the treetops you feel hardly a breath. " * 3
    found, registered = look_up_bytes(text), fingerprint_bytes(text)
    codes = tuple(f for f in registered.fingerprints if f.algorithm != "digest.md5.v1")
    assert len(codes) == len(registered.fingerprints) - 1
    assert found == replace(registered, fingerprints=codes)
    data = encoded(SMALL, "JPEG")
    assert look_up_bytes(data, deep=True) == fingerprint_bytes(data, deep=True)


# -- JPEG at reduced scale -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((400, 300), (300, 400)),
        ((1500, 800), (800, 1500)),
        ((1536, 768), (384, 768)),
        ((768, 1536), (768, 384)),
        ((1530, 1530), (1530, 1530)),
        ((4000, 3000), (750, 1000)),
        ((6200, 1000), (500, 3100)),
        ((9000, 9000), (1125, 1125)),
        ((3000, 1), (1, 3000)),
    ],
)
def test_the_scale_leaves_768_pixels_by_384(size: tuple[int, int], seen: tuple[int, int]) -> None:
    data = encoded(Image.new("RGB", size, "grey"), "JPEG")
    assert drafted(data) == drafted(data, "RGB") == seen


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"keep_rgb": True}], ids=str
)
def test_codes_from_a_reduced_jpeg_are_those_of_all_pixels_but_for_two_bits(
    options: dict[str, object],
) -> None:
    data = encoded(BIG, "JPEG", quality=90, **options)
    assert drafted(data) == (900, 1200)
    registered, looked_up = fingerprint_bytes(data), look_up_bytes(data)
    ours, theirs = by_name(looked_up), at_once(registered)
    assert ours.keys() == theirs.keys()
    assert all(bits_apart(ours[name], theirs[name]) <= (2 if "image." in name[0] else 0) for name in ours)
    (colours,), (registered_colours,) = later(looked_up)[1], of(registered, COLOUR42)
    assert bits_apart(colours.code, registered_colours.code) <= 1
    (near,), (known,) = later(looked_up)[0], of(registered, ANCHORS256)
    known_codes = [code for code, _ in records(known.code)]
    apart = [min(bits_apart(code, other) for other in known_codes) for code, _ in records(near.code)]
    assert sorted(apart)[len(apart) // 2] <= 10


def test_in_full_if_asked() -> None:
    data = encoded(BIG, "JPEG")
    registered, looked_up = fingerprint_bytes(data), look_up_bytes(data, exact_decode=True)
    assert by_name(looked_up) == at_once(registered)
    assert later(looked_up) == (of(registered, ANCHORS256), of(registered, COLOUR42))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_reduced_pictures_stand_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(BIG, "JPEG", exif=exif)
    looked_up, registered = by_name(look_up_bytes(data)), by_name(fingerprint_bytes(data))
    for algorithm in (PHASH256, DHASH256):
        assert bits_apart(looked_up[algorithm, "full"], registered[algorithm, "full"]) <= 2


def test_what_cannot_be_reduced_is_decoded_as_ever() -> None:
    page = Image.fromarray(scene(2000, 1600))
    several = io.BytesIO()
    BIG.save(several, "MPO", save_all=True, append_images=[page])
    for data in (encoded(BIG.convert("CMYK"), "JPEG"), several.getvalue()):
        assert drafted(data) == (1800, 2400)
        registered, looked_up = fingerprint_bytes(data), look_up_bytes(data)
        assert by_name(looked_up) == at_once(registered)
        assert later(looked_up) == (of(registered, ANCHORS256), of(registered, COLOUR42))


def test_grey_files_are_reduced_too() -> None:
    data = encoded(BIG.convert("L"), "JPEG")
    assert drafted(data) == drafted(data, "RGB") == (900, 1200)
    assert later(look_up_bytes(data))[1] == of(fingerprint_bytes(data), COLOUR42)


# -- refusals ------------------------------------------------------------------------------------------------------
def test_what_is_broken_is_refused_as_at_registration() -> None:
    whole = encoded(BIG, "JPEG")
    random = np.random.default_rng(1)
    holed = bytearray(whole)
    for at in random.integers(700, len(whole), 60).tolist():
        holed[at] ^= 0xFF
    for data in (
        b"",
        whole[:300],
        whole[: len(whole) // 2],
        whole[:-50],
        bytes(holed),
        real("coffee.png")[:900],
    ):
        assert outcome(data, True) == outcome(data, False)


def outcome(data: bytes, reduced: bool) -> str:
    """What becomes of a file: the kind of refusal, or its codes' names."""
    try:
        found = look_up_bytes(data) if reduced else fingerprint_bytes(data)
    except InvalidInput as problem:
        return type(problem).__name__
    return str(sorted(at_once(found)))


def test_limits_are_those_of_the_whole_picture() -> None:
    data = encoded(BIG, "JPEG")
    with pytest.raises(TooLarge, match="2400 x 1800"):
        look_up_bytes(data, limits=Limits(max_pixels=4_000_000))
    with pytest.raises(TooLarge, match="bytes"):
        look_up_bytes(data, limits=Limits(max_file_bytes=len(data) - 1))
