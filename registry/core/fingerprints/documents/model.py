"""What a reader of documents gives: plain text, and a few facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

NO_TEXT: Final = "document.no-text"
"""Pictures of pages: a scan, a comic, a photo book."""
PROTECTED: Final = "document.protected"
"""A password or a copy protection stands before the text."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a document, with line feeds between its paragraphs."""

    format: str
    """`html`, `epub`, `pdf` or `docx`."""
    media_type: str
    text: str
    facts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """`chapters` or `pages`, where there are such."""
