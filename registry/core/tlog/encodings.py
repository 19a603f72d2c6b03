"""The two encodings of the C2SP formats, read so strictly that each value has one spelling.

Python's own readers accept more: stray bits at the end of base64, `+7`, `007`, `1_000`, digits of other scripts.
A second spelling of a signed fact is a tampered file that still verifies.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX = 2**63 - 1


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Inverse of `to_base64`; `ValueError` for every other spelling."""
    data = b64decode(text, validate=True)
    if to_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def from_decimal(text: str) -> int:
    """A number from 0 to 2^63 - 1 without leading zeros; `ValueError` otherwise."""
    if not _DECIMAL.fullmatch(text) or int(text) > _MAX:
        raise ValueError("not a decimal number from 0 to 2^63 - 1")
    return int(text)
