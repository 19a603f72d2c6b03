"""Identifiers that a work has elsewhere: written one way, and their check characters recomputed.

A wrong check digit is almost always a typing error, and money later follows these numbers, so it is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from registry.core.errors import InvalidInput


class Scheme(StrEnum):
    """Numbering systems; `other` takes any short text."""

    ISBN = "isbn"
    ISRC = "isrc"
    ISWC = "iswc"
    ISCC = "iscc"
    DOI = "doi"
    OTHER = "other"


def normalise(scheme: Scheme, value: str) -> str:
    """The identifier in its one written form; `InvalidInput` with an example if it is none."""
    written = _NORMALISERS[scheme](value.strip())
    if written is None:
        raise InvalidInput(f"“{value[:60]}” is no {scheme.upper()}; one looks like {_EXAMPLES[scheme]}.")
    return written


def _isbn(value: str) -> str | None:
    """ISBN-13 without hyphens (ISO 2108); an ISBN-10 is written as its ISBN-13."""
    digits = re.sub(r"[\s-]", "", value).upper()
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        values = [10 if c == "X" else int(c) for c in digits]
        if sum(v * w for v, w in zip(values, range(10, 0, -1), strict=True)) % 11:
            return None
        digits = "978" + digits[:9]
        return digits + str(-_weighted_1_3(digits) % 10)
    if not re.fullmatch(r"97[89][0-9]{10}", digits) or _weighted_1_3(digits) % 10:
        return None
    return digits


def _weighted_1_3(digits: str) -> int:
    return sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(digits))


def _isrc(value: str) -> str | None:
    """Country, registrant, year, number: 12 characters (ISO 3901); it has no check digit."""
    code = re.sub(r"[\s-]", "", value).upper().removeprefix("ISRC")
    return code if re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", code) else None


def _iswc(value: str) -> str | None:
    """T, nine digits, check digit (ISO 15707): 1 + sum of i * digit_i + check is a multiple of ten."""
    code = re.sub(r"[\s.-]", "", value).upper().removeprefix("ISWC")
    if not re.fullmatch(r"T[0-9]{10}", code):
        return None
    total = 1 + sum(i * int(c) for i, c in enumerate(code[1:10], start=1)) + int(code[10])
    return code if total % 10 == 0 else None


def _iscc(value: str) -> str | None:
    """`ISCC:` and base32 without padding (ISO 24138); the body is at least a header and 32 bits."""
    body = value.upper().removeprefix("ISCC:").replace("-", "")
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        return None
    return f"ISCC:{body}" if 6 <= len(raw) <= 64 else None


def _doi(value: str) -> str | None:
    """Prefix and suffix without resolver (ISO 26324); DOIs compare case-insensitively, so lower case."""
    name = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", value, flags=re.IGNORECASE).lower()
    return name if len(name) <= 200 and re.fullmatch(r"10\.[0-9]{4,9}(\.[0-9]+)*/\S+", name) else None


def _other(value: str) -> str | None:
    return value if 0 < len(value) <= 200 and value.isprintable() else None


_NORMALISERS: Mapping[Scheme, Callable[[str], str | None]] = {
    Scheme.ISBN: _isbn,
    Scheme.ISRC: _isrc,
    Scheme.ISWC: _iswc,
    Scheme.ISCC: _iscc,
    Scheme.DOI: _doi,
    Scheme.OTHER: _other,
}
_EXAMPLES: Mapping[Scheme, str] = {
    Scheme.ISBN: "978-3-16-148410-0",
    Scheme.ISRC: "DE-A12-26-00001",
    Scheme.ISWC: "T-034.524.680-1",
    Scheme.ISCC: "ISCC:KACYPXW445FTYNJ3CYSXHAFJMA2HUWULUNRFE3BLHRSCXYH2M5AEGQY",
    Scheme.DOI: "10.1000/182",
    Scheme.OTHER: "1 to 200 printable characters",
}
