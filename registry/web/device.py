"""Fingerprints that the page's own script made of a picture (`static/hash`): the file itself stays where it is.

A form brings them as JSON: `{"media_type", "size", "width", "height", "codes": [{"algorithm", "kind", "code"}]}`.
They are believed as far as those of the programming interface are: a work says who made its codes.
"""

from __future__ import annotations

import json
from typing import Any

from registry.core.errors import InvalidInput
from registry.core.fingerprints import (
    DHASH256,
    FULL,
    PHASH256,
    FileFingerprints,
    Fingerprint,
    Note,
    check_code,
)

#: Of a form: the codes, and the name of the file that they are of.
CODES, NAME = "codes", "name"

_MOST_CODES = 16
_MOST_PIXELS = 10**6
_LARGEST = 2**53 - 1
_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")


def read_codes(text: str) -> FileFingerprints:
    """What a browser says of a picture; `InvalidInput` if it is not what our script sends."""
    try:
        given = json.loads(text)
        media_type, size = given["media_type"], _whole(given["size"], _LARGEST)
        facts = {side: _whole(given[side], _MOST_PIXELS) for side in ("width", "height")}
        codes = tuple(_code(item) for item in given["codes"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput(
            "These are no fingerprints of a picture as this page’s script makes them."
        ) from None
    if media_type not in _TYPES or not 0 < len(codes) <= _MOST_CODES:
        raise InvalidInput("These are fingerprints of no picture.")
    return FileFingerprints("image", media_type, size, codes, _notes(codes), facts)


def _code(item: dict[str, Any]) -> Fingerprint:
    code = Fingerprint(item["algorithm"], item["kind"], bytes.fromhex(item["code"]))
    check_code(code.algorithm, code.kind, code.code)
    if not code.algorithm.startswith(("image.", "digest.")):
        raise ValueError(code.algorithm)
    return code


def _whole(value: object, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
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
