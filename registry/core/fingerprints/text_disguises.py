"""Texts in which many letters are not what they look like, so that comparing them says nothing.

Normalisation takes away whatever is no letter, but letters of other alphabets stay: a Cyrillic а in a German word ends
each run of equal letters, and nobody sees it. So do letters that look like nothing. Machines that read print confuse
alphabets as well. Such a text is fingerprinted as it stands; but that nothing is found means nothing, and it is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.model import Note

DISGUISED: Final = Note(
    "text.disguised",
    "Within its words stand letters of other alphabets, or invisible ones. Copies with the usual letters are not "
    "recognised by such a text.",
)
PLACES: Final = 8
WITHIN: Final = 440
"""So many such places in so many bytes: one in sixty. Fewer leave enough of a text to be found."""

_INVISIBLE: Final = re.compile(b"|".join(c.encode() for c in "\u115f\u1160\u3164\uffa0"))
"""Fillers of Hangul."""
_OTHERS: Final = range(0xCE, 0xD2)
"""How Greek and Cyrillic letters begin in UTF-8."""
_GREEK: Final = np.array([ord(c) for c in "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧιου"], np.uint16)
"""Which look like Latin ones, and do not stand beside these in formulas."""
_CYRILLIC: Final = 0x400
_KINDS: Final = bytes(
    ord("L") if chr(byte).isalpha() and byte < 0x80 else ord("O") if byte in _OTHERS else ord(" ")
    for byte in range(256)
)
"""For each byte: L for a Latin letter, O for the beginning of another one."""


def are_disguised(texts: Sequence[bytes]) -> list[bool]:
    """Of many texts in UTF-8. Where all have Latin letters only, it is seen at a glance."""
    together = b"".join(texts)
    if together.isascii() or not (_has_others(together) or _may_have_invisible(together)):
        return [False] * len(texts)
    return list(map(is_disguised, texts))


def is_disguised(text: bytes) -> bool:
    """Of one."""
    places: list[int] = []
    if _has_others(text) and text.translate(_KINDS).count(b"LO") >= PLACES:
        places += _other_alphabets(np.frombuffer(text, np.uint8)).tolist()
    if _may_have_invisible(text):
        places += [match.start() for match in _INVISIBLE.finditer(text)]
    if len(places) < PLACES:
        return False
    places.sort()
    return any(last - first < WITHIN for first, last in zip(places, places[PLACES - 1 :], strict=False))


def _has_others(text: bytes) -> bool:
    return b"\xd0" in text or b"\xd1" in text or b"\xce" in text or b"\xcf" in text


def _may_have_invisible(text: bytes) -> bool:
    """Each filler has one of these bytes."""
    return b"\x85" in text or b"\xef" in text


def _other_alphabets(text: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Where a Latin letter is followed by one of another alphabet, but for words that have lost the space between them.

    These have a capital behind a small letter.
    """
    kinds = np.frombuffer(_KINDS, np.uint8)[text]
    places = np.flatnonzero((kinds[:-1] == ord("L")) & (kinds[1:] == ord("O")))
    high, low = text[places + 1].astype(np.uint16), text[places + 2].astype(np.uint16)
    points = (high & np.uint16(0x1F)) << np.uint16(6) | low & np.uint16(0x3F)
    cyrillic = points >= _CYRILLIC
    capital = points < np.where(cyrillic, ord("а"), ord("ά"))
    lost_space = capital & (text[places] >= ord("a"))
    return places[(cyrillic | np.isin(points, _GREEK)) & ~lost_space]
