"""Fingerprints that the page's own script made of a file (`static/hash`): the file itself stays where it is.

A form brings them as JSON: `{"media_type", "size", "codes": [{"algorithm", "kind", "code"}]}`, of a picture with its
"width" and "height", of a text with its "characters" and "normalised_bytes". A text's fingerprints for excerpts, which
are long, come as a part of their own, byte for byte as they are stored. All are believed as far as those
of the programming interface are: a work says who made its codes. What our script does not send, or no file can have,
is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.datastructures import FileStorage

from registry.core.errors import InvalidInput
from registry.core.fingerprints import (
    DHASH256,
    FULL,
    MINHASH128,
    PHASH256,
    SHA256,
    WHOLE,
    WINNOW32,
    FileFingerprints,
    Fingerprint,
    Note,
    check_code,
)
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.fingerprints.text import LEAST_BYTES
from registry.core.fingerprints.winnow_records import GRAM, WINDOW, unpacked

#: Of a form: the codes, and the name of the file that they are of.
CODES, NAME = "codes", "name"

_MOST_CODES: Final = 16
_MOST_PIXELS: Final = 10**6
_MOST_LEFT: Final = 30
"""Bytes that are left of one character after normalising (U+FDFA)."""
_LARGEST: Final = 2**53 - 1
_PICTURES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
_TEXT: Final = "text/plain"


def passages_of(files: Mapping[str, FileStorage], number: int = 0) -> bytes | None:
    """What a form brings as fingerprints for excerpts with the codes of this number; a picture has none."""
    part = files.get(f"passages-{number}")
    return None if part is None else part.read()


def read_codes(text: str, passages: bytes | None = None) -> FileFingerprints:
    """What a browser says of a picture or a text; `InvalidInput` if it is not what our script sends."""
    try:
        given = json.loads(text)
        media_type, codes = given["media_type"], _codes(given["codes"])
        if media_type == _TEXT and passages is not None:
            return _text(given, codes, passages)
        if media_type in _PICTURES and passages is None:
            return _picture(given, codes)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput("These are no fingerprints as this page’s script makes them.") from None
    raise InvalidInput("These are fingerprints of neither a picture nor a text.")


def _picture(given: dict[str, Any], codes: tuple[Fingerprint, ...]) -> FileFingerprints:
    if not all(code.algorithm.startswith(("image.", "digest.")) for code in codes):
        raise ValueError(codes)
    size, width, height = (
        _whole(given[name], most)
        for name, most in (("size", _LARGEST), ("width", _MOST_PIXELS), ("height", _MOST_PIXELS))
    )
    return FileFingerprints(
        "image", given["media_type"], size, codes, _notes(codes), {"width": width, "height": height}
    )


def _text(given: dict[str, Any], codes: tuple[Fingerprint, ...], passages: bytes) -> FileFingerprints:
    """All three codes, and fingerprints from the beginning of the normalised text to its end."""
    if sorted(code.algorithm for code in codes) != [SHA256, MINHASH128]:
        raise ValueError(codes)
    size = _whole(given["size"], DEFAULT_LIMITS.max_text_bytes)
    characters = _whole(given["characters"], size)
    length = _whole(given["normalised_bytes"], _MOST_LEFT * characters, least=LEAST_BYTES)
    last = int(unpacked(passages).positions[-1])
    if not length - GRAM - WINDOW < last <= length - GRAM:
        raise ValueError(last)
    facts = {"characters": characters, "normalised_bytes": length}
    return FileFingerprints(
        "text", _TEXT, size, (*codes, Fingerprint(WINNOW32, WHOLE, passages)), facts=facts
    )


def _codes(items: list[dict[str, Any]]) -> tuple[Fingerprint, ...]:
    if not 0 < len(items) <= _MOST_CODES:
        raise ValueError(len(items))
    return tuple(_code(item) for item in items)


def _code(item: dict[str, Any]) -> Fingerprint:
    code = Fingerprint(item["algorithm"], item["kind"], bytes.fromhex(item["code"]))
    check_code(code.algorithm, code.kind, code.code)
    return code


def _whole(value: object, most: int, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(value)
    return value


def _notes(codes: tuple[Fingerprint, ...]) -> tuple[Note, ...]:
    """Why codes of the full frame are missing: those that fail a gate are left out by server and browser alike."""
    found = {code.algorithm for code in codes if code.kind == FULL}
    if DHASH256 not in found:
        return (Note("image.low-quality", "There is too little to see in this picture."),)
    if PHASH256 not in found:
        return (Note("image.symmetric", "This picture is symmetric."),)
    return ()
