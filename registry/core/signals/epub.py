"""E-books: TDMRep in the package document (EPUB 2 `tdm:reservation` by name, EPUB 3 by property), and RSL in it."""

from __future__ import annotations

from typing import Final

from lxml import etree

from registry.core.errors import InvalidInput
from registry.core.fingerprints.documents.archives import Archive
from registry.core.fingerprints.model import Limits
from registry.core.signals import rsl, rsl_licence, tdmrep, xml
from registry.core.signals.model import Evidence, Subject, unreadable

_CONTAINER: Final = "META-INF/container.xml"
_NAMESPACE: Final = "http://www.w3.org/ns/tdmrep"


def is_epub(data: bytes) -> bool:
    """Whether some bytes begin like an e-book: its type is the first file, not packed."""
    return data[:4] == b"PK\3\4" and data[30:58] == b"mimetypeapplication/epub+zip"


def read(data: bytes, subject: Subject, limits: Limits) -> list[Evidence]:
    """What the package document says."""
    try:
        with Archive(data, limits) as archive:
            container = xml.parse(archive.read(_CONTAINER))
            paths = [str(e.get("full-path")) for e in container.iter("{*}rootfile") if e.get("full-path")]
            packages = [xml.parse(archive.read(path)) for path in paths]
    except (InvalidInput, ValueError):
        return [unreadable(tdmrep.SIGNAL, tdmrep.VERSION, "epub", "damaged")]
    return [evidence for package in packages for evidence in _package(package, subject)]


def _package(package: etree._Element, subject: Subject) -> list[Evidence]:
    prefixes = {"tdm"}
    words = str(package.get("prefix", "")).split()
    for name, address in zip(words[::2], words[1::2], strict=False):
        if address.rstrip("/#") == _NAMESPACE:
            prefixes.add(name.rstrip(":"))
    said: dict[str, list[str]] = {"reservation": [], "policy": []}
    for meta in package.iter("{*}meta"):
        prefix, _, name = str(meta.get("property") or meta.get("name") or "").partition(":")
        if prefix in prefixes and name in said:
            said[name].append(str(meta.get("content") or "".join(meta.itertext())).strip())
    policy = next(iter(said["policy"]), None)
    found = tdmrep.read_publication(said["reservation"], policy, "epub tdm:reservation", subject)
    for document in package.iter(rsl_licence.tag("rsl")):
        found += rsl.read(etree.tostring(document, with_tail=False), subject, "epub rsl:rsl", inside=True)
    return found
