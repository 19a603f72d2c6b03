"""Amounts as people and spreadsheets read them. Computation never leaves whole minor units."""

from __future__ import annotations

import re

from registry.core.errors import InvalidInput
from registry.core.tariffs.currencies import decimal_places


def decimal(amount_minor: int, currency: str) -> str:
    """12345 and EUR as `123.45`, with JPY as `12345`; a point whatever the language, no grouping."""
    places = decimal_places(currency)
    sign, digits = "-" if amount_minor < 0 else "", f"{abs(amount_minor):0{places + 1}d}"
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def minor(text: str, currency: str) -> int:
    """`123.45` of EUR as 12345: what `decimal` writes, read back; `InvalidInput` for any other form."""
    found = re.fullmatch(r"(\d{1,12})(?:\.(\d+))?", text, re.ASCII)
    places = decimal_places(currency)
    if found is None or len(found[2] or "") not in {0, places}:
        raise InvalidInput(
            f"“{text[:20]}” is no amount of {currency[:3]}; write it as {decimal(12345, currency)}."
        )
    return int(found[1] + (found[2] or "0" * places))
