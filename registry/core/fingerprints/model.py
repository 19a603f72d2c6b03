"""What comes out of the fingerprint room: codes, notes on missing codes, and a few plain facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

FULL = "full"
"""The whole frame of a picture."""
TRIMMED = "trimmed"
"""A picture without the uniform border around it."""
WHOLE = "whole"
"""All of a text, or all bytes of a file."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much we are willing to decode. A picture is judged by its header, before any pixel is decoded.

    The defaults take the files of today's cameras (102 and 108 megapixels) and any novel.
    """

    max_file_bytes: int = 256 * 2**20
    max_pixels: int = 120_000_000
    max_text_bytes: int = 32 * 2**20
    max_unpacked_bytes: int = 128 * 2**20
    """Of the parts with text in an e-book or office document, markup included."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One code: which frozen algorithm made it, from which part of the content, and its bytes."""

    algorithm: str
    kind: str
    code: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """Why a code is missing or weaker than usual, in words for the maker; `code` is stable, for programs."""

    code: str
    message: str


class Later(Protocol):
    """Codes of a picture or text that is looked up, which are made only when they are asked for."""

    def anchors(self) -> tuple[Fingerprint, ...]:
        """Its anchors: one code or none."""

    def colours(self) -> tuple[Fingerprint, ...]:
        """The colours of its frames that are not symmetric; those of symmetric ones are there from the start."""

    def signature(self) -> tuple[Fingerprint, ...]:
        """Of a text, its signature."""


@dataclass(frozen=True, slots=True)
class FileFingerprints:
    """Everything that is computed once from an original, which is never needed again afterwards.

    `media` is "image" or "text", `size` the length of the original in bytes, `facts` holds integers and short
    strings only (width, height, quality, normalised_bytes, ...).
    """

    media: str
    media_type: str
    size: int
    fingerprints: tuple[Fingerprint, ...]
    notes: tuple[Note, ...] = ()
    facts: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))
    later: Later | None = None
    """Of a picture that is only looked up."""
