"""PDF: the document's XMP, and content credentials attached to it (C2PA, appendix A.4)."""

from __future__ import annotations

import io

import pikepdf

from registry.core.signals import c2pa, xmp
from registry.core.signals.model import Evidence, Subject, unreadable


def is_pdf(data: bytes) -> bool:
    """Whether some bytes are a PDF."""
    return data.startswith(b"%PDF-")


def read(data: bytes, subject: Subject) -> list[Evidence]:
    """What the document says as a whole."""
    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            packet = _stream(document.Root.get("/Metadata"))
            stores = [
                _stream(spec.obj.get("/EF", pikepdf.Dictionary()).get("/F"))
                for spec in document.attachments.values()
                if spec.obj.get("/AFRelationship") == pikepdf.Name("/C2PA_Manifest")
            ]
    except (
        pikepdf.PdfError,
        pikepdf.PasswordError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
        MemoryError,
    ):
        return [unreadable("pdf", "iso32000", "pdf", "damaged")]
    found = xmp.read(packet, subject, "pdf xmp") if packet else []
    return found + [evidence for store in stores if store for evidence in c2pa.read(store, "pdf c2pa")]


def _stream(value: object) -> bytes:
    return value.read_bytes() if isinstance(value, pikepdf.Stream) else b""
