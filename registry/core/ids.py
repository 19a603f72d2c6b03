"""Public ids: a random 16-byte value, shown as `<noun>_<26 characters of Crockford base32>`.

Ids carry no meaning and are never reused. Upper case, and I, L, O for 1, 1, 0, are accepted on input
(https://www.crockford.com/base32.html); we always write lower case.
"""

from __future__ import annotations

from registry.core.errors import InvalidInput

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {c: i for i, c in enumerate(_ALPHABET)} | {"i": 1, "l": 1, "o": 0}
_LENGTH = 26


def format_id(noun: str, value: bytes) -> str:
    """`noun` and 16 bytes to text; 128 bits in 26 x 5, the two leading bits are zero."""
    if len(value) != 16:
        raise ValueError("an id has 16 bytes")
    number = int.from_bytes(value, "big")
    return f"{noun}_" + "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in reversed(range(_LENGTH)))


def parse_id(noun: str, text: str) -> bytes:
    """The 16 bytes of an id of this noun; `InvalidInput` if it is of another noun or malformed."""
    prefix, _, body = text.rpartition("_")
    values = [_VALUES.get(c, -1) for c in body.lower()]
    if prefix != noun or len(values) != _LENGTH or min(values) < 0 or values[0] > 7:
        raise InvalidInput(
            f"“{text[:80]}” is not an id of a {noun}; it looks like {noun}_ and 26 characters."
        )
    number = 0
    for v in values:
        number = number << 5 | v
    return number.to_bytes(16, "big")
