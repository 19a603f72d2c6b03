"""Addresses and patterns of robots.txt in the form in which they are compared (RFC 9309, section 2.2.2).

Octets outside US-ASCII and those that an address may not hold are percent-encoded, encoded unreserved characters are
decoded, hexadecimal digits are capital. `*` stands for anything, `$` at the end for the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RESERVED: Final = frozenset(b":/?#[]@!$&'()*+,;=")
_CODED: Final = re.compile(rb"%([0-9A-Fa-f]{2})|(.)", re.DOTALL)
_PLAIN: Final = re.compile(rb"[A-Za-z0-9/._~?=&:@!'()+,;-]*\Z")
"""What stays as it is: most addresses."""

LONGEST_PATTERN = 4096
"""Octets; a longer `Disallow` is cut there, which makes the refusal wider, and a longer `Allow` is not read."""


def normal(text: bytes, *, literal: bytes = b"") -> bytes:
    """The comparable form; each octet of `literal` is encoded although an address may hold it."""
    if _PLAIN.match(text):
        return text

    def octet(found: re.Match[bytes]) -> bytes:
        coded, raw = found.groups()
        value = int(coded, 16) if coded else raw[0]
        if value in _UNRESERVED:
            return bytes([value])
        if coded is None and value in _RESERVED and value not in literal:
            return bytes([value])
        return b"%%%02X" % value

    return _CODED.sub(octet, text)


def target(url: str) -> bytes:
    """The path and query of an address, comparable; `*` and `$` in it mean themselves. The root if it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return b"/"
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return normal(text.encode("utf-8", "surrogatepass"), literal=b"*$")


def matcher(pattern: bytes) -> Callable[[bytes], object]:
    """A test of whether a comparable target falls under a comparable pattern; its truth is the answer.

    Linear in the length of the target for each `*`, with no regular expression that could run wild.
    """
    anchored = pattern.endswith(b"$")
    pieces = (pattern[:-1] if anchored else pattern).split(b"*")
    first, rest = pieces[0], [piece for piece in pieces[1:] if piece]
    if len(pieces) == 1:
        return first.__eq__ if anchored else lambda path: path.startswith(first)
    open_end = not anchored or pieces[-1] == b""

    def matches(path: bytes) -> bool:
        if not path.startswith(first):
            return False
        at = len(first)
        for piece in rest if open_end else rest[:-1]:
            at = path.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return open_end or (path.endswith(rest[-1]) and len(path) - len(rest[-1]) >= at)

    return matches
