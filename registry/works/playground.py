"""What is still recognised of a picture after changes such as copyists make: tried on a file that is then forgotten.

Each change is made here, fingerprinted and compared with the codes on record by the very matcher that labs filter
with. So the page promises nothing that a lab's filter would not find.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from registry.core.decisions import Grade
from registry.core.fingerprints import PHASH256, fingerprint_image
from registry.core.fingerprints.decode import Picture, decode
from registry.core.fingerprints.image import known_format
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.matching import Match, Matcher, by_algorithm, dihedral, lists_of
from registry.works.models import WorkVersion

_SIDE: Final = 480
"""Pixels of the longer side on which the changes are made: enough for every code, and quick."""
_ROW: Final = 0


@dataclass(frozen=True, slots=True)
class Tried:
    """One change, and what came of it."""

    change: str
    """A key of `CHANGES`."""
    match: Match | None
    """How the matcher finds the work by the changed copy; `None` if it does not."""
    code: bytes | None = None
    """phash256 of the copy or of what lies inside its border, turned back; `None` for very regular pictures."""
    registered: bytes | None = None
    distance: int | None = None
    """Cells, of 256, in which the two differ."""

    @property
    def state(self) -> str:
        """`recognised`, `doubtful` (a person has to look) or `missed`."""
        if self.match is None or self.match.grade < Grade.REVIEW:
            return "missed"
        return "doubtful" if self.match.grade is Grade.REVIEW else "recognised"


def try_changes(data: bytes, versions: Sequence[WorkVersion]) -> list[Tried]:
    """Every change of `CHANGES` made to this picture and held against the work's codes.

    `UnsupportedMedia`, `TooLarge` or `Undecodable` for what is no picture.
    """
    picture = _reduced(decode(data, known_format(data), DEFAULT_LIMITS))
    rows = [
        (_ROW, version.number, f.algorithm, f.kind, f.code, 0)
        for version in versions
        for f in version.fingerprints
    ]
    matcher = Matcher(lists_of(by_algorithm(rows)))
    codes = [code for _, _, algorithm, _, code, _ in rows if algorithm == PHASH256]
    return [_tried(name, make(picture), matcher, codes) for name, make in CHANGES.items()]


def _tried(name: str, changed: bytes, matcher: Matcher, registered: Sequence[bytes]) -> Tried:
    found = fingerprint_image(changed).fingerprints
    (matches,) = matcher.match([found])
    match = matches[0] if matches else None
    own = [f.code for f in found if f.algorithm == PHASH256]
    if not own or not registered:
        return Tried(name, match)
    return Tried(name, match, *_nearest(own, registered))


def _nearest(own: Sequence[bytes], registered: Sequence[bytes]) -> tuple[bytes, bytes, int]:
    """Of a copy's codes in all their turns and the registered ones the two that differ least, and in how many bits."""
    turned = dihedral(np.frombuffer(b"".join(own), np.uint8).reshape(-1, 32)).reshape(-1, 32)
    known = np.frombuffer(b"".join(registered), np.uint8).reshape(-1, 32)
    apart = np.unpackbits(turned[:, None] ^ known[None], axis=2).sum(axis=2, dtype=np.int64)
    copy, which = divmod(int(apart.argmin()), len(known))
    return turned[copy].tobytes(), known[which].tobytes(), int(apart[copy, which])


# -- the changes --------------------------------------------------------------------------------------------
def _reduced(picture: Picture) -> Image.Image:
    pixels = picture.luma if picture.colours is None else picture.colours
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    image.thumbnail((_SIDE, _SIDE))
    return image


def _as_file(image: Image.Image, form: str = "BMP", **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _smaller(image: Image.Image) -> bytes:
    return _as_file(image.resize((max(1, image.width // 3), max(1, image.height // 3))))


def _saved_badly(image: Image.Image) -> bytes:
    return _as_file(image, "JPEG", quality=20)


def _blurred(image: Image.Image) -> bytes:
    return _as_file(image.filter(ImageFilter.GaussianBlur(max(image.size) / 100)))


def _grey(image: Image.Image) -> bytes:
    return _as_file(image.convert("L"))


def _bordered(image: Image.Image) -> bytes:
    return _as_file(ImageOps.expand(image, max(image.size) // 12, "white"))


def _mirrored(image: Image.Image) -> bytes:
    return _as_file(ImageOps.mirror(image))


def _turned(image: Image.Image) -> bytes:
    return _as_file(image.transpose(Image.Transpose.ROTATE_90))


def _cropped(percent: int) -> Callable[[Image.Image], bytes]:
    """So much of the width and of the height is cut off, half of it at each side."""

    def crop(image: Image.Image) -> bytes:
        x, y = image.width * percent // 200, image.height * percent // 200
        return _as_file(image.crop((x, y, image.width - x, image.height - y)))

    return crop


CHANGES: Final[dict[str, Callable[[Image.Image], bytes]]] = {
    "none": _as_file,
    "smaller": _smaller,
    "saved-badly": _saved_badly,
    "blurred": _blurred,
    "grey": _grey,
    "mirrored": _mirrored,
    "turned": _turned,
    "bordered": _bordered,
    "cropped-5": _cropped(5),
    "cropped-15": _cropped(15),
    "cropped-40": _cropped(40),
}
"""From the mildest to the hardest; each gives a file."""
