"""EPUB: the chapters of an e-book in reading order (EPUB 3.3, chapters 4 and 5; EPUB 2 is read alike)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from registry.core.errors import TooLarge, Undecodable, UnsupportedMedia
from registry.core.fingerprints.documents.archives import Archive
from registry.core.fingerprints.documents.markup import Target, html_text, xml_text
from registry.core.fingerprints.documents.model import NO_TEXT, PROTECTED, Document
from registry.core.fingerprints.documents.web_pages import decode_page

MARK: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_TEXTS: Final = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_MAX_CHAPTERS: Final = 10_000
_WORD: Final = re.compile(r"\w")


def read(archive: Archive) -> Document:
    """The text of an e-book. `UnsupportedMedia` if it is copy-protected, or has pictures only."""
    package = _package_path(archive)
    names = list(_spine(archive, package))
    locked = _encrypted(archive)
    if not locked.isdisjoint(names):
        raise UnsupportedMedia(
            "This e-book is copy-protected. Register your manuscript, or an edition without protection.",
            reason=PROTECTED,
        )
    chapters = [text for name in names if _WORD.search(text := html_text(decode_page(archive.read(name))))]
    if not chapters:
        raise UnsupportedMedia(
            "This e-book contains pictures of pages only. Register the pictures one by one.", reason=NO_TEXT
        )
    facts = MappingProxyType({"chapters": len(chapters)})
    return Document("epub", "application/epub+zip", "\n".join(chapters), facts)


def _package_path(archive: Archive) -> str:
    paths = _elements(archive, MARK, {"rootfile"})
    for _, attributes in paths:
        if path := attributes.get("full-path"):
            return path
    raise Undecodable("The e-book is damaged: it does not say where its contents are listed.")


def _spine(archive: Archive, package: str) -> Iterator[str]:
    """Names of the chapters in order, each once: naming one file a thousand times makes no longer book."""
    items: dict[str, tuple[str, str]] = {}
    seen: set[str] = set()
    folder = posixpath.dirname(package)
    for tag, attributes in _elements(archive, package, {"item", "itemref"}):
        if tag == "item":
            items[attributes.get("id", "")] = attributes.get("href", ""), attributes.get("media-type", "")
            continue
        href, media_type = items.get(attributes.get("idref", ""), ("", ""))
        name = _resolve(folder, href)
        if media_type not in _TEXTS or name in seen:
            continue
        if len(seen) == _MAX_CHAPTERS:
            raise TooLarge(f"The e-book has more than {_MAX_CHAPTERS:,} chapters; save it as plain text.")
        seen.add(name)
        yield name


def _encrypted(archive: Archive) -> frozenset[str]:
    """Names of what is encrypted: fonts often are, which does not matter here."""
    if _ENCRYPTION not in archive:
        return frozenset()
    found = _elements(archive, _ENCRYPTION, {"CipherReference"})
    return frozenset(_resolve("", attributes.get("URI", "")) for _, attributes in found)


def _resolve(folder: str, href: str) -> str:
    """A name in the archive. One that leads out of it (`../../etc`) is simply not there."""
    return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(href).path)))


def _elements(archive: Archive, name: str, wanted: set[str]) -> list[tuple[str, Mapping[str, str]]]:
    """Names and attributes of the wanted elements, in the order of the file."""
    target = _Elements(wanted)
    xml_text(archive.chunks(name), target, f"“{name[:100]}” in the e-book")
    return target.found


class _Elements(Target):
    """Collects elements by their name, whatever their namespace."""

    def __init__(self, wanted: set[str]) -> None:
        super().__init__()
        self.found: list[tuple[str, Mapping[str, str]]] = []
        self._wanted = wanted

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        super().start(tag, attributes)
        name = tag.rpartition("}")[2]
        if name in self._wanted:
            self.found.append((name, dict(attributes)))
