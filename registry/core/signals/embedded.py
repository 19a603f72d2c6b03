"""What an item says about itself: everything embedded in its bytes, whatever kind of file it is."""

from __future__ import annotations

from typing import Final

from registry.core.fingerprints.model import Limits
from registry.core.fingerprints.sniff import DocumentFormat, document_format
from registry.core.signals import c2pa, epub, feeds, html, pdf, rsl, tags, tdmrep, x_robots, xmp
from registry.core.signals.containers import DamagedFile, Packet, packets
from registry.core.signals.model import Evidence, Subject, unreadable

SIGNAL: Final = "embedded"
VERSION: Final = "files.1"


def read(data: bytes, subject: Subject, limits: Limits) -> list[Evidence]:
    """Evidence in a picture, film, recording, e-book, PDF, page, feed or XMP sidecar; nothing in other files."""
    found = packets(data)
    if found is None:
        if pdf.is_pdf(data):
            return pdf.read(data, subject)
        if epub.is_epub(data):
            return epub.read(data, subject, limits)
        if is_page(data):
            return read_page(html.parse(data), subject)
        if feeds.is_feed(data):
            return feeds.read(data, subject, "feed", inside=True)
        return xmp.read(data, subject, "xmp file") if b"<x:xmpmeta" in data[:4096] else []
    evidence: list[Evidence] = []
    try:
        for packet in found:
            evidence += _of(packet, subject, data)
    except DamagedFile:
        evidence.append(unreadable(SIGNAL, VERSION, "file", "damaged"))
    return evidence


def _of(packet: Packet, subject: Subject, file: bytes) -> list[Evidence]:
    if packet.kind == "xmp":
        return xmp.read(packet.data, subject, packet.where)
    if packet.kind == "c2pa":
        return c2pa.read(packet.data, packet.where, file)
    if packet.kind == "rsl":
        return rsl.read(packet.data, subject, packet.where, inside=True)
    name, _, value = packet.data.decode("utf-8", "replace").partition("\0")
    return tags.read(name, value, subject, packet.where)


def is_page(data: bytes) -> bool:
    """Whether some bytes begin like an HTML page."""
    return document_format(data) is DocumentFormat.HTML


def read_page(page: html.Page, subject: Subject) -> list[Evidence]:
    """Evidence in an HTML page about its own text, and about what it shows."""
    found = [e for name, content in page.metas for e in x_robots.read_meta(name, content, subject)]
    return found + tdmrep.read_page(page, subject) + rsl.read_page(page, subject)
