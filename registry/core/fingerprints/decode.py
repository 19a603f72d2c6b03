"""Bytes of a picture file to pixels: checked, upright, alpha on white, as luma and colours.

Pillow decodes; everything that decides about bits afterwards is written out here, so that another release of
Pillow cannot change a fingerprint.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from registry.core.errors import TooLarge, Undecodable, UnsupportedMedia
from registry.core.fingerprints import metering
from registry.core.fingerprints.model import Limits
from registry.core.fingerprints.sniff import ImageFormat, webp_size

Plane = NDArray[np.uint8]
"""(height, width) grey levels."""

RED, GREEN, BLUE, HALF = 19595, 38470, 7471, 0x8000
"""ITU-R 601-2 luma in 16-bit fixed point, `(19595 R + 38470 G + 7471 B + 0x8000) >> 16`, as in Pillow."""

_ORIENTATION = 0x0112
_DRAFT_SIDES: Final = (768, 384)
"""Least sides of a JPEG that is decoded at reduced scale: at least six pixels by six for each that the codes of a frame
are made from, and three for each that anchors are; with less they differ by up to six bits."""
_ROWS_AT_ONCE = 256
_DECODER_ERRORS: Final = (
    OSError,
    SyntaxError,  # how Pillow's plugins say that a file is not theirs or broken
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Warning,  # where the process turns warnings into errors
)

# Odd metadata is no concern of a fingerprint, and pixels that cannot be read are an error anyhow.
# (Not `warnings.catch_warnings`: it is not safe with threads.)
for _category in (UserWarning, Image.DecompressionBombWarning):
    warnings.filterwarnings("ignore", category=_category, module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright pixels. `colours` is (height, width, 3) RGB, or None where the picture has only grey levels."""

    luma: Plane
    colours: NDArray[np.uint8] | None


Draft = Literal["L", "RGB"]


def decode(data: bytes, form: ImageFormat, limits: Limits, draft: Draft | None = None) -> Picture:
    """The first frame of a picture; `TooLarge` from the header alone, `Undecodable` if anything is broken.

    With `draft`, a JPEG may come smaller, in grey or in colours: see `_reduce`.
    """
    try:
        if form.pillow == "WEBP":  # its reader takes memory for the whole picture before it tells the size
            _refuse_huge(*webp_size(data), limits)
        with _open(data, form) as image:
            _refuse_huge(*image.size, limits)
            if draft is not None:
                _reduce(image, draft)
            image.load()
            picture = _pixels(image)
            return _upright(picture, _orientation(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(f"The picture has too many pixels to be decoded safely ({error}).") from error
    except _DECODER_ERRORS as error:
        raise Undecodable(
            f"The file begins like {form.media_type} but cannot be decoded; it is damaged or incomplete ({error})."
        ) from error


def _refuse_huge(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"The picture has {width} x {height} pixels; at most {limits.max_pixels:,} are accepted. "
            "Make it smaller: the fingerprint does not change noticeably.",
            width=width,
            height=height,
        )


def _reduce(image: ImageFile.ImageFile, mode: Draft) -> None:
    """Have a JPEG decoded in this mode and at the half, a quarter or an eighth that leaves 768 pixels by 384.

    An eighth takes from each block no more than its mean, and grey nothing of two of three channels: what remains is
    little more than reading the file. At that size codes differ from those of all pixels by 0 to 2 bits of 256 (see
    `docs/reference/fingerprints.md`), which is nothing to look with, but too much to register. What is no plain grey
    or colour JPEG (CMYK, several pictures in one file), or too small, is decoded as ever.
    """
    if image.format == "JPEG" and image.mode in ("L", "RGB"):
        longer, shorter = _DRAFT_SIDES
        size = (shorter, longer) if image.height > image.width else (longer, shorter)
        image.draft("L" if image.mode == "L" else mode, size)


def _open(data: bytes, form: ImageFormat) -> ImageFile.ImageFile:
    """Read the header with the one plugin that the magic bytes name.

    `Image.open` would check the size against process-wide settings of its own, and warn; our limit is the
    caller's and is checked before any pixel is decoded.
    """
    for load_plugins in (Image.preinit, Image.init):  # the common ones, then all
        if form.pillow not in Image.OPEN:
            load_plugins()
    if form.pillow not in Image.OPEN:
        raise UnsupportedMedia(
            f"The installed Pillow cannot read {form.media_type}; save the picture as PNG."
        )
    factory, _ = Image.OPEN[form.pillow]
    return factory(io.BytesIO(data), "")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 (CIPA DC-008, tag 0x0112). Unreadable metadata means upright, as in browsers."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(picture: Picture, orientation: int) -> Picture:
    if orientation == 1:
        return picture
    colours = picture.colours
    return Picture(_turn(picture.luma, orientation), None if colours is None else _turn(colours, orientation))


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Orientations 5 to 8 are stored transposed; then 2, 3, 6, 7 are mirrored in x and 3, 4, 7, 8 in y."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _pixels(image: Image.Image) -> Picture:
    """Every mode of Pillow to luma and colours; 16-bit grey keeps its high byte."""
    mode = image.mode
    if mode.startswith("I;16") or mode == "I":
        return Picture((np.clip(np.asarray(image), 0, 0xFFFF) >> 8).astype(np.uint8), None)
    if mode == "F":
        return Picture(np.clip(np.nan_to_num(np.asarray(image)), 0, 255).astype(np.uint8), None)
    if mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return _from_rgb(white)
    if mode in ("1", "L"):
        return Picture(np.array(_as(image, "L")), None)
    if mode == "YCbCr":
        return Picture(np.array(image.getchannel("Y")), np.asarray(image.convert("RGB")))
    return _from_rgb(_as(image, "RGB"))


def _as(image: Image.Image, mode: str) -> Image.Image:
    """In another mode, without a copy where it is in that mode already."""
    return image if image.mode == mode else image.convert(mode)


def _from_rgb(image: Image.Image) -> Picture:
    colours = np.asarray(image)
    return Picture(luma_of(colours), colours)


def luma_of(colours: NDArray[np.uint8]) -> Plane:
    """(height, width, 3) RGB to (height, width) luma."""
    height, width, _ = colours.shape
    luma = np.empty((height, width), np.uint8)
    if metering.PIXELS.compiled_pays(height * width):
        from registry.core.fingerprints import kernels  # numba only where it pays

        kernels.luma(colours, luma)
        return luma
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = colours[top : top + _ROWS_AT_ONCE].astype(np.uint32)
        weighted = rows[..., 0] * RED + rows[..., 1] * GREEN + rows[..., 2] * BLUE + HALF
        luma[top : top + _ROWS_AT_ONCE] = weighted >> 16
    return luma
