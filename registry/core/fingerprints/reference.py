"""The text algorithms in plain Python, for reading and for checking the fast engines against. They are slow.

Both normalise (N1) and hash all runs of some bytes. The signature: 16-byte grams, 128 affine permutations, the minimum
of each. The fingerprints: 32-byte grams, the least of each 32 consecutive ones.
"""

from __future__ import annotations

import unicodedata
from typing import Final

GRAM: Final = 16
"""Bytes in a gram."""
BASE: Final = 0x9E3779B97F4A7C15
"""Base of the Karp-Rabin polynomial (odd; 2**64 divided by the golden ratio)."""
_MASK64: Final = 2**64 - 1
_MASK32: Final = 2**32 - 1
EMPTY: Final = _MASK32
"""The minimum over no grams at all."""


def normalised_character(character: str) -> str:
    """N1: NFKD, case folding, NFKD again, then letters and numbers only.

    By code point and without context, so all normalisation forms of a text give the same result. The product
    uses a table of this made with Unicode 14.0 and never the interpreter's own version of Unicode.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LN")


def splitmix64(x: int) -> int:
    """Sebastiano Vigna's SplitMix64: a byte value to 64 well-mixed bits."""
    z = (x + BASE) & _MASK64
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _MASK64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _MASK64
    return z ^ z >> 31


def fmix64(h: int) -> int:
    """MurmurHash3's finaliser for 64 bits."""
    h = ((h ^ h >> 33) * 0xFF51AFD7ED558CCD) & _MASK64
    h = ((h ^ h >> 33) * 0xC4CEB9FE1A85EC53) & _MASK64
    return h ^ h >> 33


def fmix32(h: int) -> int:
    """MurmurHash3's finaliser for 32 bits."""
    h = ((h ^ h >> 16) * 0x85EBCA6B) & _MASK32
    h = ((h ^ h >> 13) * 0xC2B2AE35) & _MASK32
    return h ^ h >> 16


def gram_hashes(normalised: bytes, size: int = GRAM) -> list[int]:
    """The 64-bit hash of each run of `size` bytes: `fmix64(sum x(byte) * BASE**(size-1-j))` modulo 2**64."""
    values = [splitmix64(byte) for byte in normalised]
    hashes = []
    for start in range(len(values) - size + 1):
        polynomial = 0
        for value in values[start : start + size]:
            polynomial = (polynomial * BASE + value) & _MASK64
        hashes.append(fmix64(polynomial))
    return hashes


def signature(hashes: list[int], multipliers: list[int], increments: list[int]) -> list[int]:
    """The least `a * fmix32(low 32 bits) + b` modulo 2**32 for each (a, b): datasketch's scheme affine32."""
    mixed = {fmix32(h & _MASK32) for h in hashes}
    return [
        min(((a * h + b) & _MASK32 for h in mixed), default=EMPTY)
        for a, b in zip(multipliers, increments, strict=True)
    ]


def winnow(hashes: list[int], window: int = 32) -> list[tuple[int, int]]:
    """Robust winnowing: (position, hash) of the least of every `window` consecutive hashes, each once.

    The minimum that was chosen last stays chosen while it is in the window, unless a smaller one comes in. When it has
    left, the rightmost minimum of the window is chosen. Fewer hashes than a window are one window.
    """
    if not hashes:
        return []
    chosen: list[int] = []
    for end in range(min(window, len(hashes)) - 1, len(hashes)):
        start = max(end - window + 1, 0)
        if not chosen or chosen[-1] < start:
            least = min(hashes[start : end + 1])
            chosen.append(max(i for i in range(start, end + 1) if hashes[i] == least))
        elif hashes[end] < hashes[chosen[-1]]:
            chosen.append(end)
    return [(position, hashes[position]) for position in chosen]
