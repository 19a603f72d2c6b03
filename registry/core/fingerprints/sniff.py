"""What kind of content some bytes are, by the bytes alone: names and declared types are often wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from registry.core.errors import Undecodable, UnsupportedMedia


class ImageFormat(NamedTuple):
    """A picture format that we read: Pillow's name for it, and its media type."""

    pillow: str
    media_type: str


class DocumentFormat(Enum):
    """What a text may come wrapped in."""

    HTML = "html"
    PDF = "pdf"
    ZIP = "zip"
    """An e-book or an office document, if it is one."""


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _is_bmp(head: bytes) -> bool:
    """“BM” alone may begin a sentence, so the size of the information header must be a known one as well."""
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}


def _is_avif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and (head[8:12] in (b"avif", b"avis") or b"avif" in head[16:48])


_IMAGES: Final[tuple[tuple[Callable[[bytes], bool], ImageFormat], ...]] = (
    (_starts(b"\xff\xd8\xff"), ImageFormat("JPEG", "image/jpeg")),
    (_starts(b"\x89PNG\r\n\x1a\n"), ImageFormat("PNG", "image/png")),
    (_starts(b"GIF87a", b"GIF89a"), ImageFormat("GIF", "image/gif")),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", ImageFormat("WEBP", "image/webp")),
    (_starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), ImageFormat("TIFF", "image/tiff")),
    (_starts(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), ImageFormat("JPEG2000", "image/jp2")),
    (_is_avif, ImageFormat("AVIF", "image/avif")),
    (_is_bmp, ImageFormat("BMP", "image/bmp")),
)

_OTHERS: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"%!PS", "a PostScript document; register its pages as pictures or its text as plain text"),
    (0, b"{\\rtf", "an RTF document; save it as DOCX or plain text"),
    (
        0,
        b"\xd0\xcf\x11\xe0",
        "a Word document of before 2007, or one with a password; save it as DOCX, without a password",
    ),
    (0, b"8BPS\0", "a Photoshop document; export it as PNG or JPEG"),
    (0, b"\xff\x0a", "a JPEG XL picture; export it as PNG or JPEG"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture; export it as PNG or JPEG"),
    (4, b"ftyphei", "a HEIC picture; export it as JPEG"),
    (4, b"ftypmif1", "a HEIF picture; export it as JPEG"),
    (4, b"ftyp", "a video or audio file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"OggS\0", "an Ogg file"),
    (0, b"fLaC\0", "a FLAC file"),
    (0, b"ID3\3", "an MP3 file"),
    (0, b"ID3\4", "an MP3 file"),
)
_SVG = re.compile(r"\A\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.DOTALL)
_HTML = re.compile(
    r"(?:\s|<\?xml[^>]*>|<!--.*?-->)*+"
    r"<(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
"""The beginnings that make browsers read a file as HTML (MIME Sniffing Standard, 7.1), after a comment too."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""Control characters that no plain text needs; tab, line feed, vertical tab, form feed and return are fine."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def image_format(data: bytes) -> ImageFormat | None:
    """The picture format that the first bytes announce, or none."""
    head = data[:64]
    return next((form for matches, form in _IMAGES if matches(head)), None)


def document_format(data: bytes) -> DocumentFormat | None:
    """The kind of document that the first bytes announce, or none. Markdown is none: it is plain text."""
    if data.startswith(b"%PDF-"):
        return DocumentFormat.PDF
    if data.startswith(b"PK\x03\x04"):
        return DocumentFormat.ZIP
    encoding = "utf-16" if data.startswith(_UTF16) else "latin-1"
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    return DocumentFormat.HTML if _HTML.match(head) else None


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that a WebP file announces (RFC 9649); (0, 0) where its first chunk is of no known kind."""
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L":
        both = int.from_bytes(body[1:5], "little")
        return 1 + (both & 0x3FFF), 1 + (both >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 0, 0


def decode_text(data: bytes) -> str:
    """Plain text from UTF-8 (with or without byte order mark) or UTF-16 with byte order mark.

    Bytes that are no text at all are `UnsupportedMedia`; a byte order mark followed by something else, or a
    NUL in what is otherwise text, is `Undecodable`. There is no guessing of legacy encodings: a wrong guess
    would give another fingerprint without anyone noticing.
    """
    _refuse_known_others(data)
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        message = "These bytes are neither a picture format that we read nor text in UTF-8."
        if data.startswith((*_UTF16, b"\xef\xbb\xbf")):
            raise Undecodable(
                f"This text is damaged at byte {error.start}; save it again as UTF-8."
            ) from error
        raise UnsupportedMedia(
            f"{message} If this is a text in another encoding, save it as UTF-8."
        ) from error
    if "\0" in text:
        raise Undecodable(
            "There are NUL characters in it: no text, a damaged one, or one to be saved as UTF-8."
        )
    if found := _CONTROL.search(text):
        raise UnsupportedMedia(
            f"This looks like binary data: control character U+{ord(found[0]):04X} at position {found.start()}."
        )
    if _SVG.match(text[:4096]):
        raise UnsupportedMedia("This is an SVG drawing; export it as PNG.")
    return text


def _refuse_known_others(data: bytes) -> None:
    for offset, magic, what in _OTHERS:
        if data.startswith(magic, offset):
            raise UnsupportedMedia(f"This is {what}. Pictures and texts can be fingerprinted.")
