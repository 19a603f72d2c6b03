"""Every colour mode, orientation and format comes out as the picture that a person would see."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageOps, features

from registry.core.errors import InvalidInput, TooLarge, Undecodable, UnsupportedMedia
from registry.core.fingerprints import Limits, fingerprint_bytes, fingerprint_image, kernels
from registry.core.fingerprints.decode import Picture, _pixels, decode, luma_of
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.sniff import image_format
from tests.unit.core.fingerprints.pictures import encoded, scene


def decoded(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    form = image_format(data)
    assert form is not None
    return decode(data, form, limits)


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


# -- colour modes ------------------------------------------------------------------------------------------
SCENE = scene()
COLOURED = Image.fromarray(SCENE)
GREY = COLOURED.convert("L")


@given(arrays(np.uint8, (3, 5, 3)))
def test_luma_is_that_of_pillow_by_both_engines(pixels: NDArray[np.uint8]) -> None:
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    assert np.array_equal(luma_of(pixels), expected)
    compiled = np.empty((3, 5), np.uint8)
    kernels.luma(pixels, compiled)
    assert np.array_equal(compiled, expected)


@pytest.mark.parametrize(
    ("mode", "form", "differing"),
    [
        ("1", "PNG", 0),
        ("L", "PNG", 0),
        ("P", "PNG", 0),
        ("RGB", "PNG", 0),
        ("RGB", "TIFF", 0),
        ("CMYK", "TIFF", 0),
        ("YCbCr", "TIFF", 0),
        ("CMYK", "JPEG", 40),
    ],
)
def test_modes_without_alpha_have_pillows_luma(mode: str, form: str, differing: int) -> None:
    picture = COLOURED.convert(mode)
    options = {"quality": 95} if form == "JPEG" else {}
    got = decoded(encoded(picture, form, **options)).luma
    assert apart(got, np.asarray(picture.convert("L"))) <= differing


def test_lab_and_hsv_have_the_luma_of_their_colours() -> None:
    lab = COLOURED.convert("LAB")
    expected = lab.convert("RGB").convert("L")
    assert np.array_equal(decoded(encoded(lab, "TIFF")).luma, np.asarray(expected))
    hsv = _pixels(COLOURED.convert("HSV"))  # no file format holds HSV as such
    assert np.array_equal(hsv.luma, np.asarray(COLOURED.convert("HSV").convert("L")))


def test_palettes_with_an_alpha_band_lie_on_white() -> None:
    picture = Image.fromarray(np.dstack([SCENE, np.full(SCENE.shape[:2], 128, np.uint8)])).convert("PA")
    expected = over_white(np.asarray(picture.convert("RGB")), np.asarray(picture.getchannel("A")))
    got = _pixels(picture).colours
    assert got is not None
    assert apart(got, expected) == 0


def test_sixteen_bit_grey_keeps_its_high_byte() -> None:
    wide = np.asarray(GREY).astype(np.uint16) * 257
    assert np.array_equal(decoded(encoded(Image.fromarray(wide))).luma, np.asarray(GREY))
    big_endian = Image.fromarray(wide.astype(">u2"))
    assert np.array_equal(decoded(encoded(big_endian, "TIFF")).luma, np.asarray(GREY))


def test_integers_and_floats_are_clipped() -> None:
    integers = np.asarray(GREY).astype(np.int32) * 256
    assert np.array_equal(decoded(encoded(Image.fromarray(integers), "TIFF")).luma, np.asarray(GREY))
    floats = np.asarray(GREY).astype(np.float32) + 0.5
    floats[0, :3] = (-5, 1e9, np.nan)
    got = decoded(encoded(Image.fromarray(floats), "TIFF")).luma
    assert got[0, :3].tolist() == [0, 255, 0]
    assert np.array_equal(got[1:], np.asarray(GREY)[1:])


def over_white(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(c a + 255 (255 - a)) / 255`, rounded to the nearest."""
    a = alpha.astype(int)[..., None]
    over: NDArray[np.uint8] = ((colours.astype(int) * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)
    return over


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_lies_on_white(mode: str) -> None:
    alpha = (np.indices(SCENE.shape[:2]).sum(axis=0) % 256).astype(np.uint8)
    colours = SCENE if mode == "RGBA" else np.dstack([np.asarray(GREY)] * 3)
    picture = Image.fromarray(np.dstack([colours, alpha])).convert(mode)
    got = decoded(encoded(picture))
    assert got.colours is not None
    assert apart(got.colours, over_white(colours, alpha)) == 0


def test_hidden_colours_under_full_transparency_do_not_count() -> None:
    """Else a stranger could hide any picture under a transparent one."""
    clear = np.zeros(SCENE.shape[:2], np.uint8)
    for colours in (SCENE, scene(seed=9)):
        got = decoded(encoded(Image.fromarray(np.dstack([colours, clear]))))
        assert set(got.luma.flat) == {255}


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_entries_are_white(form: str) -> None:
    palette = COLOURED.quantize(16)
    clear = int(np.bincount(np.asarray(palette).flat).argmax())
    got = decoded(encoded(palette, form, transparency=clear)).luma
    assert set(got[np.asarray(palette) == clear].flat) == {255}
    opaque = np.asarray(palette.convert("L"))
    assert np.array_equal(got[np.asarray(palette) != clear], opaque[np.asarray(palette) != clear])


def test_palette_with_an_alpha_for_each_entry() -> None:
    palette = COLOURED.quantize(16)
    alphas = bytes(range(0, 256, 16))
    got = decoded(encoded(palette, transparency=alphas)).colours
    assert got is not None
    alpha = np.frombuffer(alphas, np.uint8)[np.asarray(palette)]
    assert apart(got, over_white(np.asarray(palette.convert("RGB")), alpha)) == 0


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_one_colour_declared_transparent_is_white(mode: str) -> None:
    picture = Image.new(mode, (8, 8), 0 if mode == "L" else (0, 0, 0))
    picture.paste(255 if mode == "L" else (9, 9, 9), (0, 0, 4, 8))
    got = decoded(encoded(picture, transparency=0 if mode == "L" else (0, 0, 0))).luma
    assert set(got[:, 4:].flat) == {255}


def test_only_the_first_frame_counts() -> None:
    frames = [Image.fromarray(scene(seed=s)) for s in range(3)]
    for form, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {})):
        moving = decoded(encoded(frames[0], form, save_all=True, append_images=frames[1:], **options))
        still = decoded(encoded(frames[0], form, **options))
        assert apart(moving.luma, still.luma) == 0


# -- orientation -------------------------------------------------------------------------------------------
def oriented(orientation: int, form: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(COLOURED, form, exif=exif)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, form: str) -> None:
    got = decoded(oriented(orientation, form))
    plain = Image.fromarray(decoded(oriented(1, form)).luma)
    plain.getexif()[0x0112] = orientation
    assert np.array_equal(got.luma, np.asarray(ImageOps.exif_transpose(plain)))
    assert got.colours is not None
    assert got.colours.shape[:2] == got.luma.shape


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_impossible_orientation_means_upright(orientation: int) -> None:
    assert np.array_equal(decoded(oriented(orientation, "PNG")).luma, np.asarray(GREY))


def test_unreadable_exif_means_upright() -> None:
    data = encoded(COLOURED, "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert np.array_equal(decoded(data).luma, np.asarray(GREY))


def test_turned_copies_have_the_same_codes_as_the_upright_file() -> None:
    upright = fingerprint_image(encoded(COLOURED))
    stored = COLOURED.transpose(Image.Transpose.ROTATE_90)  # EXIF 6: to be turned clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = fingerprint_image(encoded(stored, exif=exif))
    assert turned.fingerprints[2:] == upright.fingerprints[2:]


# -- refusals ----------------------------------------------------------------------------------------------
FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000"]


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_known_by_its_bytes(form: str) -> None:
    data = encoded(COLOURED, form)
    found = image_format(data)
    assert found is not None
    assert found.pillow == form
    assert fingerprint_bytes(data).media_type == found.media_type


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read_where_pillow_can() -> None:
    assert fingerprint_bytes(encoded(COLOURED, "AVIF")).media_type == "image/avif"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_undecodable(form: str, part: float) -> None:
    data = encoded(COLOURED, form)
    with pytest.raises(Undecodable, match="damaged or incomplete"):
        fingerprint_bytes(data[: max(20, int(len(data) * part))])


@pytest.mark.filterwarnings("ignore")
@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_never_crashes(data: st.DataObject) -> None:
    damaged = bytearray(SMALL[data.draw(st.sampled_from(sorted(SMALL)))])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidInput):
        fingerprint_bytes(bytes(damaged), limits=Limits(max_pixels=1_000_000))


SMALL = {form: encoded(COLOURED.resize((40, 30)), form) for form in FORMATS}


def png_announcing(width: int, height: int) -> bytes:
    """A PNG of 60 bytes whose header promises any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def patched(form: str, change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(SMALL[form])
    change(data)
    return bytes(data)


def _gif_screen(data: bytearray) -> None:
    data[6:10] = struct.pack("<HH", 65535, 65535)


def _bmp_header(data: bytearray) -> None:
    data[18:26] = struct.pack("<ii", 60000, 60000)


def _webp_frame(data: bytearray) -> None:
    data[26:30] = struct.pack("<HH", 16383, 16383)


@pytest.mark.parametrize(
    "bomb",
    [
        png_announcing(100_000, 100_000),
        png_announcing(2**31 - 1, 2),
        png_announcing(12_001, 10_000),
        patched("GIF", _gif_screen),
        patched("BMP", _bmp_header),
        patched("WEBP", _webp_frame),
    ],
    ids=["png", "png, one side", "png, just above", "gif", "bmp", "webp"],
)
def test_a_pixel_bomb_is_refused_by_its_header(bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile.load", never)
    with pytest.raises(TooLarge):
        fingerprint_bytes(bomb)


def test_the_limit_is_the_callers() -> None:
    data = encoded(COLOURED)
    fingerprint_bytes(data, limits=Limits(max_pixels=160 * 120))
    with pytest.raises(TooLarge, match="160 x 120") as refusal:
        fingerprint_bytes(data, limits=Limits(max_pixels=160 * 120 - 1))
    assert refusal.value.details == {"width": 160, "height": 120}
    with pytest.raises(TooLarge, match="bytes"):
        fingerprint_bytes(data, limits=Limits(max_file_bytes=len(data) - 1))


def test_more_pixels_than_pillow_likes_are_fine_within_our_limit(recwarn: pytest.WarningsRecorder) -> None:
    """Pillow warns above 89 megapixels; cameras of 100 are on sale."""
    data = encoded(Image.new("1", (30_000, 3_000)))
    assert fingerprint_bytes(data).facts["width"] == 30_000
    assert not recwarn.list


def test_what_is_no_picture_is_unsupported() -> None:
    with pytest.raises(UnsupportedMedia):
        fingerprint_image(b"plain text")
