"""Text out of HTML and XML, by lxml and without a tree.

libxml2 calls us for each tag and each run of text, so memory is bounded by the text and a million nested tags cost no
more than a million flat ones. Its repair of bad nesting takes time in proportion to the depth, hence the limit.
No entity beyond the characters of HTML is expanded and nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from lxml import etree

from registry.core.errors import Undecodable

MAX_DEPTH: Final = 1000
"""Nested elements. Browsers stop at 512."""
_CHUNK: Final = 1 << 16

_UNSEEN: Final = frozenset({"script", "style", "template", "rt", "rp"})
"""Not part of the running text; `rt` holds the readings beside Chinese and Japanese characters."""
_INLINE: Final = re.compile(
    "a|abbr|b|bd[io]|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|rb|ruby|s|samp|small|span|strike|strong|su[bp]"
    "|time|tt|u|var|wbr"
)
"""These stand within a word; all others part words."""


class Target:
    """What lxml calls while it parses (its “target parser interface”). This one only watches the depth."""

    def __init__(self) -> None:
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins; `tag` is `{namespace}name` in XML."""
        del tag, attributes
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Undecodable(
                f"Its elements are nested more than {MAX_DEPTH:,} deep, which no text needs; save it as plain text."
            )

    def end(self, tag: str) -> None:
        """It ends, by its tag or because it must."""
        del tag
        self._depth -= 1

    def data(self, text: str) -> None:
        """A run of text, or a piece of one."""

    def close(self) -> str:
        """The end of the file: what was collected."""
        return ""


class HtmlText(Target):
    """Collects what a reader of a page would see."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []
        self._unseen = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Part words where a block begins; look away from scripts."""
        super().start(tag, attributes)
        if tag in _UNSEEN:
            self._unseen += 1
        elif not _INLINE.fullmatch(tag):
            self._pieces.append("\n")

    def end(self, tag: str) -> None:
        """Part words where a block ends."""
        super().end(tag)
        if tag in _UNSEEN:
            self._unseen -= 1
        elif not _INLINE.fullmatch(tag):
            self._pieces.append("\n")

    def data(self, text: str) -> None:
        """Keep it, unless it is in a script or the like."""
        if not self._unseen:
            self._pieces.append(text)

    def close(self) -> str:
        """All that was seen."""
        return "".join(self._pieces)


def html_text(text: str) -> str:
    """What a reader of this page would see. Works for XHTML too: bad nesting is repaired as browsers do."""
    parser = etree.HTMLParser(target=HtmlText(), encoding="utf-8", huge_tree=True)
    return _parse(parser, _cut(text.encode()))


def xml_text(chunks: Iterable[bytes], target: Target, what: str) -> str:
    """What `target` collects from an XML file; `Undecodable` with `what` in it if that is none.

    lxml expands no entity for us, whoever defines it: neither a million times nor from a file.
    """
    parser = etree.XMLParser(target=target, resolve_entities=False, load_dtd=False, no_network=True)
    try:
        return _parse(parser, chunks)
    except etree.XMLSyntaxError as error:
        raise Undecodable(f"{what} is damaged: {error.msg}.") from error


def _parse(parser: etree.HTMLParser | etree.XMLParser, chunks: Iterable[bytes]) -> str:
    for chunk in chunks:
        parser.feed(chunk)
    return str(parser.close())


def _cut(data: bytes) -> Iterable[bytes]:
    return (data[i : i + _CHUNK] for i in range(0, len(data), _CHUNK))
