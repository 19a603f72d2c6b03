"""Pictures to codes: frame by frame, through the two gates, quality and symmetry; anchors of the innermost frame."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from registry.core.errors import UnsupportedMedia
from registry.core.fingerprints import metering
from registry.core.fingerprints.algorithms import ANCHORS256, COLOUR42, DEEP256, DHASH256, PHASH64, PHASH256
from registry.core.fingerprints.anchors import anchors256
from registry.core.fingerprints.colour import colour42
from registry.core.fingerprints.decode import Picture, Plane, decode
from registry.core.fingerprints.deep import deep256
from registry.core.fingerprints.digests import digests
from registry.core.fingerprints.frequencies import code_and_symmetry, code_of, coefficients64
from registry.core.fingerprints.model import (
    DEFAULT_LIMITS,
    FULL,
    TRIMMED,
    FileFingerprints,
    Fingerprint,
    Limits,
    Note,
)
from registry.core.fingerprints.quality import quality_of
from registry.core.fingerprints.resize import resize
from registry.core.fingerprints.sniff import ImageFormat, image_format
from registry.core.fingerprints.trim import inner_frame

LEAST_QUALITY: Final = 50
"""Of 100. Below it, different pictures have the same code (skies, gradients, blank pages)."""


@dataclass(frozen=True, slots=True)
class FrameCodes:
    """What one frame gave: its quality, whether it is symmetric, and its codes by algorithm (none below 50)."""

    quality: int
    symmetric: bool
    codes: MappingProxyType[str, bytes]


def fingerprint_image(
    data: bytes, *, limits: Limits = DEFAULT_LIMITS, deep: bool = False
) -> FileFingerprints:
    """Digests of the file, and the codes of its full frame and of the frame inside its border, if it has one.

    With `deep`, which takes some ten times as long, those of its parts as well: for looking, not for registering.
    Raises `UnsupportedMedia`, `TooLarge` (from the header) or `Undecodable`.
    """
    form = known_format(data)
    picture = decode(data, form, limits)
    height, width = picture.luma.shape
    full = hash_frame(picture)
    facts: dict[str, int | str] = {"width": width, "height": height, "quality": full.quality}
    codes = [*digests(data), *named(FULL, full)]
    anchored = FULL, picture.luma
    if (inner := inner_frame(picture.luma)) is not None:
        rows, columns = inner
        trimmed = hash_frame(part(picture, inner))
        codes += named(TRIMMED, trimmed)
        if trimmed.codes:
            anchored = TRIMMED, picture.luma[rows, columns]
        facts |= {
            "trimmed_width": columns.stop - columns.start,
            "trimmed_height": rows.stop - rows.start,
            "trimmed_quality": trimmed.quality,
        }
    if full.codes:
        places = anchors256(anchored[1])
        codes += [Fingerprint(ANCHORS256, anchored[0], places)] if places else []
        codes += [Fingerprint(DEEP256, *view) for view in deep256(anchored[1], places)] if deep else []
    return FileFingerprints(
        "image", form.media_type, len(data), tuple(codes), notes(full), MappingProxyType(facts)
    )


def known_format(data: bytes) -> ImageFormat:
    """The format of a picture; `UnsupportedMedia` if it is none that we read."""
    form = image_format(data)
    if form is None:
        raise UnsupportedMedia(
            "This is no picture in a format that we read: JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, JPEG 2000."
        )
    return form


def part(picture: Picture, frame: tuple[slice, slice]) -> Picture:
    """These rows and columns of a picture."""
    colours = picture.colours
    return Picture(picture.luma[frame], None if colours is None else colours[frame])


def hash_frame(picture: Picture) -> FrameCodes:
    """All codes of one frame. A symmetric frame has no phash256: that absence says that it failed the gate."""
    found = hash_luma(picture.luma)
    if not found.codes:
        return found
    codes = dict(found.codes)
    codes[PHASH64] = code_of(coefficients64(resize(picture.luma, 32, 32)))
    codes[COLOUR42] = colours_of(picture)
    return FrameCodes(found.quality, found.symmetric, MappingProxyType(codes))


def hash_luma(luma: Plane) -> FrameCodes:
    """The codes of one frame that are looked for: those that need no colours."""
    luma64 = resize(luma, 64, 64)
    quality, code, symmetric = _gates(luma64)
    if quality < LEAST_QUALITY:
        return FrameCodes(quality, False, MappingProxyType({}))
    codes = {} if symmetric else {PHASH256: code}
    codes[DHASH256] = dhash256(resize(luma, 17, 16))
    return FrameCodes(quality, symmetric, MappingProxyType(codes))


def _gates(luma64: Plane) -> tuple[int, bytes, bool]:
    """Quality, phash256, and whether the picture is symmetric."""
    if not metering.FRAMES.compiled_pays(1):
        return quality_of(luma64), *code_and_symmetry(luma64)
    from registry.core.fingerprints import frame_kernels  # numba only where it pays

    code = np.empty(32, np.uint8)
    symmetric = frame_kernels.code256(luma64, code)
    return frame_kernels.quality(luma64), code.tobytes(), symmetric


def dhash256(luma17x16: Plane) -> bytes:
    """(16, 17) luma; one bit for each pixel that is brighter than its left neighbour (imagehash's dhash)."""
    return np.packbits(luma17x16[:, 1:] > luma17x16[:, :-1]).tobytes()


def colours_of(picture: Picture) -> bytes:
    """colour42 of a frame."""
    if picture.colours is None:
        return colour42(np.stack([resize(picture.luma, 64, 64)] * 3, axis=2))
    planes = (np.ascontiguousarray(picture.colours[..., channel]) for channel in range(3))
    return colour42(np.stack([resize(plane, 64, 64) for plane in planes], axis=2))


def named(kind: str, frame: FrameCodes) -> list[Fingerprint]:
    """The codes of a frame of this kind."""
    return [Fingerprint(algorithm, kind, code) for algorithm, code in frame.codes.items()]


def notes(full: FrameCodes) -> tuple[Note, ...]:
    """What the maker or the asker of a picture should know about its full frame."""
    if full.quality < LEAST_QUALITY:
        return (
            Note(
                "image.low-quality",
                f"There is too little to see in this picture (quality {full.quality}, {LEAST_QUALITY} are needed): "
                "altered copies cannot be told from other pictures, so only the exact file is recognised.",
            ),
        )
    if full.symmetric:
        return (
            Note(
                "image.symmetric",
                "This picture is symmetric, as ornaments and centred logos are. It is compared by outlines and "
                "colours only, with a narrower limit, so strongly altered copies may be missed.",
            ),
        )
    return ()
