"""HTML pages: which characters the bytes are, and the text that a reader sees."""

from __future__ import annotations

import codecs
import re
from typing import Final

from registry.core.errors import TooLarge, Undecodable, UnsupportedMedia
from registry.core.fingerprints.documents.markup import html_text
from registry.core.fingerprints.documents.model import Document
from registry.core.fingerprints.model import Limits

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARED: Final = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""")
_PRESCAN: Final = 1024
"""Where a page must have declared its encoding (HTML Standard, 13.2.3.2)."""
_KNOWN: Final = re.compile(
    r"utf-8|cp125\d|cp(?:866|874|932|949|950)|iso8859-\d+|koi8-[ru]|mac-(?:roman|cyrillic)|gb2312|gbk|gb18030"
    r"|big5(?:hkscs)?|euc_(?:jp|kr)|shift_jis|iso2022_jp"
)
"""Python's names of what browsers know (Encoding Standard, 4.2); it has many others, not all of them of text."""
_LATIN: Final = frozenset({"iso8859-1", "ascii"})
"""Pages that declare these are read as windows-1252."""


def read(data: bytes, limits: Limits) -> Document:
    """The text of a page."""
    if len(data) > limits.max_text_bytes:
        raise TooLarge(
            f"The page has {len(data):,} bytes; at most {limits.max_text_bytes:,} are accepted. Save its text alone.",
            size=len(data),
        )
    return Document("html", "text/html", html_text(decode_page(data)))


def decode_page(data: bytes) -> str:
    """UTF-8 if it is valid UTF-8, else what the page declares, as browsers do; never a guess.

    Valid UTF-8 goes before a declaration, since servers often send such pages under another label, and hardly
    anything else is valid by chance. Bytes that the declared encoding does not know are replaced, as in browsers:
    a single broken character must not hide a page.
    """
    if data.startswith(_UTF16):
        return _no_nul(data.decode("utf-16", "replace"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        declared = _declared(data)
        if declared is None:
            raise UnsupportedMedia(
                "This page is not in UTF-8 and declares no other encoding that we know; save it as UTF-8."
            ) from error
        return _no_nul(data.decode(declared, "replace"))
    if "\x1b" in text and (declared := _declared(data)) is not None:  # ISO-2022-JP, all of 7-bit characters
        text = data.decode(declared, "replace")
    return _no_nul(text)


def _declared(data: bytes) -> str | None:
    """The encoding that a page says it has, by Python's name; none if browsers do not know it."""
    found = _DECLARED.search(data[:_PRESCAN])
    return None if found is None else encoding_named(found[1].decode("ascii"))


def encoding_named(label: str) -> str | None:
    """Python's name of what a page or a server calls its encoding; none if browsers do not know it."""
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    name = "cp1252" if name in _LATIN else name
    return name if _KNOWN.fullmatch(name) else None


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise Undecodable("There are NUL characters in this page: it is damaged. Save it again as UTF-8.")
    return text
