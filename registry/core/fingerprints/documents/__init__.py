"""Manuscripts to plain text: HTML, EPUB, PDF and Word documents, as authors have them on their machines.

The digests of a document are those of its file; its other codes are made from the text alone, so that a novel has
the same ones as e-book, as PDF and as plain text (but for running heads, page numbers and the like). Markdown needs
nothing of this: it is plain text, and its marks vanish in normalisation.

What is handed in is hostile until proven otherwise: nothing is unpacked onto a disk, sizes are checked before and
while something is inflated, no entity is expanded, and PDF is read by a process of its own.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from registry.core.fingerprints.digests import digests
from registry.core.fingerprints.documents import archives, pdf, web_pages
from registry.core.fingerprints.model import DEFAULT_LIMITS, FileFingerprints, Limits
from registry.core.fingerprints.sniff import DocumentFormat
from registry.core.fingerprints.text import fingerprint_text

_READERS = {
    DocumentFormat.HTML: web_pages.read,
    DocumentFormat.PDF: pdf.read,
    DocumentFormat.ZIP: archives.read,
}


def fingerprint_document(
    data: bytes, form: DocumentFormat, *, limits: Limits = DEFAULT_LIMITS
) -> FileFingerprints:
    """Digests of the file, all other codes of the text in it.

    Facts: the format, the number of words, and of pages or chapters where there are such. Raises
    `UnsupportedMedia`, `Undecodable`, `TooLarge` or `TooShort`, each with what to do about it.
    """
    document = _READERS[form](data, limits)
    found = fingerprint_text(document.text, limits=limits)
    of_text = {f.algorithm for f in digests(b"")}
    codes = (f for f in found.fingerprints if f.algorithm not in of_text)
    facts = {"format": document.format, "words": len(document.text.split()), **document.facts, **found.facts}
    return replace(
        found,
        media_type=document.media_type,
        size=len(data),
        fingerprints=(*digests(data), *codes),
        facts=MappingProxyType(facts),
    )
