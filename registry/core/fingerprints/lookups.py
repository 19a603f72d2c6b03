"""Pictures that are only looked up, never registered: what costs much and matters seldom is left for later.

What is registered is made from all pixels, and everything is made at once, since it is needed for ever. A dataset of
a million pictures is another thing. Here a JPEG is decoded at reduced scale and in grey (unless that is refused with
`exact_decode`); phash64, which no list is searched by, is left out; and two codes are made only if they are asked for:
anchors, which cost more than all the rest, and the colours of a picture that is not symmetric, which matter only if a
registered symmetric one has like outlines. Whoever asks decides when: see `crawler.filter.Judge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from registry.core.fingerprints.algorithms import ANCHORS256, COLOUR42
from registry.core.fingerprints.anchors import anchors_of, small_luma
from registry.core.fingerprints.decode import Plane, decode
from registry.core.fingerprints.digests import digests
from registry.core.fingerprints.image import colours_of, hash_luma, known_format, named, notes, part
from registry.core.fingerprints.model import (
    DEFAULT_LIMITS,
    FULL,
    TRIMMED,
    FileFingerprints,
    Fingerprint,
    Limits,
)
from registry.core.fingerprints.sniff import ImageFormat
from registry.core.fingerprints.trim import inner_frame

_Frame = tuple[slice, slice]
"""Rows and columns of a picture."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A picture as its bytes, to be decoded whenever that is needed."""

    data: bytes
    form: ImageFormat
    limits: Limits
    is_reduced: bool

    def grey(self) -> Plane:
        """Its luma."""
        return decode(self.data, self.form, self.limits, "L" if self.is_reduced else None).luma

    def colours(self, frames: Mapping[str, _Frame]) -> tuple[Fingerprint, ...]:
        """The colours of these frames."""
        picture = decode(self.data, self.form, self.limits, "RGB" if self.is_reduced else None)
        return tuple(
            Fingerprint(COLOUR42, kind, colours_of(part(picture, frame))) for kind, frame in frames.items()
        )


@dataclass(frozen=True, slots=True)
class _Later:
    """See `model.Later`."""

    source: _Source
    plain: Mapping[str, _Frame]
    """The frames that are not symmetric, by their kind."""
    anchored: tuple[str, Plane] | None
    """Kind and small luma of the frame that has anchors: the luma is all that they need."""

    def anchors(self) -> tuple[Fingerprint, ...]:
        """See `model.Later.anchors`."""
        if self.anchored is None:
            return ()
        kind, small = self.anchored
        places = anchors_of(small)
        return (Fingerprint(ANCHORS256, kind, places),) if places else ()

    def colours(self) -> tuple[Fingerprint, ...]:
        """See `model.Later.colours`."""
        return self.source.colours(self.plain)

    def signature(self) -> tuple[Fingerprint, ...]:
        """A picture has none."""
        return ()


def look_up_image(
    data: bytes, *, limits: Limits = DEFAULT_LIMITS, exact_decode: bool = False
) -> FileFingerprints:
    """Digests of the file, the codes of its frames, and what is left for later.

    `exact_decode`: from all pixels of a JPEG, as at registration. Raises `UnsupportedMedia`, `TooLarge` (from the
    header) or `Undecodable`.
    """
    form = known_format(data)
    source = _Source(data, form, limits, is_reduced=form.pillow == "JPEG" and not exact_decode)
    luma = source.grey()
    frames: dict[str, _Frame] = {FULL: (slice(None), slice(None))}
    if (inner := inner_frame(luma)) is not None:
        frames[TRIMMED] = inner
    found = {kind: hash_luma(luma[frame]) for kind, frame in frames.items()}
    codes = [*digests(data), *chain.from_iterable(named(kind, codes) for kind, codes in found.items())]
    with_codes = {kind: frames[kind] for kind in frames if found[kind].codes}
    symmetric = {kind: frame for kind, frame in with_codes.items() if found[kind].symmetric}
    if symmetric:
        codes += source.colours(symmetric)
    anchored = None
    if FULL in with_codes:
        innermost = list(with_codes)[-1]
        anchored = innermost, small_luma(luma[with_codes[innermost]])
    plain = {kind: frame for kind, frame in with_codes.items() if kind not in symmetric}
    later = _Later(source, plain, anchored) if with_codes else None
    return FileFingerprints(
        "image", form.media_type, len(data), tuple(codes), notes(found[FULL]), later=later
    )
