"""Documents made by code, whole and broken: e-books, Word documents, PDF files and pages of the web."""

from __future__ import annotations

import io
import textwrap
import zipfile
from collections.abc import Mapping, Sequence

POEM = (
    "Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch; "
    "die Vögelein schweigen im Walde. Warte nur, balde ruhest du auch."
)
SECOND = "The woods are lovely, dark and deep, but I have promises to keep, and miles to go before I sleep."


_PICTURE = (
    b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>"
    b"\nstream\n\x80\nendstream"
)


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # without the time of day
    return file.getvalue()


def container(package: str = "OEBPS/book.opf") -> str:
    """META-INF/container.xml of an e-book."""
    return (
        '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
        f'<rootfiles><rootfile full-path="{package}" media-type="application/oebps-package+xml"/></rootfiles>'
        "</container>"
    )


def package(hrefs: Sequence[str], media_type: str = "application/xhtml+xml") -> str:
    """The package document of an e-book whose chapters are in these files."""
    items = "".join(
        f'<item id="i{n}" href="{href}" media-type="{media_type}"/>' for n, href in enumerate(hrefs)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(hrefs)))
    return (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )


def chapter(text: str) -> str:
    """An XHTML page as e-books have them."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" '
        '"http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd"><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
        f'<script src="x.js"/><style>p {{ margin: 0 }}</style></head><body><p>{text}</p></body></html>'
    )


def epub(texts: Sequence[str], **others: str | bytes) -> bytes:
    """An e-book of these chapters; `others` are further members."""
    names = [f"chapter{n}.xhtml" for n in range(len(texts))]
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container(),
            "OEBPS/book.opf": package(names),
            **{f"OEBPS/{name}": chapter(text) for name, text in zip(names, texts, strict=True)},
            **others,
        }
    )


def docx(body: str, **others: str | bytes) -> bytes:
    """A Word document with this body, in WordprocessingML."""
    return archive({"[Content_Types].xml": "<Types/>", "word/document.xml": word_xml(body), **others})


def word_xml(body: str) -> str:
    """A part of a Word document."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w='
        '"http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc='
        f'"http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body>{body}</w:body></w:document>'
    )


def paragraph(text: str) -> str:
    """A paragraph of one run."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf(pages: Sequence[str], *, encrypted: bool = False, picture: bool = False) -> bytes:
    """A PDF with a page for each text, 60 characters a line; or with a picture instead of text."""
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        _PICTURE,
    ]
    for number, text in enumerate(pages):
        drawn = b"q 500 0 0 700 50 50 cm /I Do Q" if picture else _lines(text)
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {6 + 2 * number} 0 R "
            "/Resources << /Font << /F 3 0 R >> /XObject << /I 4 0 R >> >> >>".encode(),
            b"<< /Length %d >>\nstream\n" % len(drawn) + drawn + b"\nendstream",
        ]
    return _file(objects, encrypted)


def _lines(text: str) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    lines = textwrap.wrap(escaped, 60)
    return ("BT /F 10 Tf 50 750 Td 12 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET").encode(
        "cp1252"
    )


def _file(objects: Sequence[bytes], encrypted: bool) -> bytes:
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    key = (
        b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> >> "
    )
    identity = b"/ID [<00> <00>] "
    out += b"trailer\n<< /Size %d /Root 1 0 R %b%b>>\n" % (
        len(objects) + 1,
        identity,
        key if encrypted else b"",
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)
