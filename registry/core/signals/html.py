"""What the head of an HTML page says to machines: its `<meta>`, `<link>` and inline licence documents.

The parser is libxml2's, which repairs what is broken as browsers do, keeps what stands in `<noscript>` and drops
comments. Nothing is fetched and no script runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a page that are read; statements stand at its beginning."""


@dataclass(frozen=True, slots=True)
class Link:
    """A `<link>`: its relations and type in lower case, and its target as written."""

    relations: frozenset[str]
    type: str
    href: str


@dataclass(frozen=True, slots=True)
class Page:
    """The statements of a page, in order."""

    metas: tuple[tuple[str, str], ...] = ()
    """Names in lower case, and contents."""
    links: tuple[Link, ...] = ()
    scripts: tuple[tuple[str, bytes], ...] = ()
    """Media types of inline scripts in lower case, and their text as UTF-8; ordinary scripts are left out."""


def parse(body: bytes) -> Page:
    """Read a page; takes any bytes, and finds nothing in what is no page."""
    parser = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(body[:LARGEST], parser)
    except (etree.XMLSyntaxError, ValueError, AssertionError):
        root = None
    if root is None:
        return Page()
    metas: list[tuple[str, str]] = []
    links: list[Link] = []
    scripts: list[tuple[str, bytes]] = []
    for element in root.iter("meta", "link", "script"):
        said = {str(name).lower(): str(value) for name, value in element.attrib.items()}
        kind = said.get("type", "").partition(";")[0].strip().lower()
        if element.tag == "meta" and "name" in said:
            metas.append((said["name"].strip().lower(), said.get("content", "")))
        elif element.tag == "link" and "href" in said:
            links.append(Link(frozenset(said.get("rel", "").lower().split()), kind, said["href"].strip()))
        elif element.tag == "script" and "/" in kind and "javascript" not in kind:
            scripts.append((kind, (element.text or "").encode("utf-8", "surrogatepass")))
    return Page(tuple(metas), tuple(links), tuple(scripts))
