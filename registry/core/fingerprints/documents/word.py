"""DOCX: the running text of a Word document with its notes (ECMA-376 part 1, 17.3 and 17.11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry.core.fingerprints.documents.archives import Archive
from registry.core.fingerprints.documents.markup import Target, xml_text
from registry.core.fingerprints.documents.model import Document

MARK: Final = "word/document.xml"
_NOTES: Final = ("word/footnotes.xml", "word/endnotes.xml")
_TEXT: Final = "t"
_PARTING: Final = frozenset({"p", "tab", "br", "cr", "tc"})
_UNSEEN: Final = frozenset({"moveFrom", "Fallback"})
"""Where a passage stood before it was moved; a second form of a text box, for older programs."""


def read(archive: Archive) -> Document:
    """The text as it stands after all tracked changes: what was deleted is no longer part of the work."""
    names = (MARK, *(name for name in _NOTES if name in archive))
    texts = [xml_text(archive.chunks(name), _Text(), f"“{name}” in the document") for name in names]
    return Document(
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "\n".join(texts),
    )


class _Text(Target):
    """Collects the text of runs. Deleted text (`delText`) and the code of fields (`instrText`) are none."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []
        self._unseen = 0
        self._in_run = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        super().start(tag, attributes)
        name = tag.rpartition("}")[2]
        self._in_run = name == _TEXT
        self._unseen += name in _UNSEEN

    def end(self, tag: str) -> None:
        super().end(tag)
        self._in_run = False
        name = tag.rpartition("}")[2]
        self._unseen -= name in _UNSEEN
        if name in _PARTING:
            self._pieces.append("\n")

    def data(self, text: str) -> None:
        if self._in_run and not self._unseen:
            self._pieces.append(text)

    def close(self) -> str:
        return "".join(self._pieces)
