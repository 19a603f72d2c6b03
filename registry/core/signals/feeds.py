"""Feeds (RSS, Atom): RSL's module, a `<rsl:content>` in the entry of each item that it is about (RSL 1.0, section 4.7).

A page announces its feed, and may be the item of which the feed speaks. A feed speaks for its own site only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

from lxml import etree

from registry.core.signals import rsl, xml
from registry.core.signals.html import Page
from registry.core.signals.model import Evidence, Subject, unreadable
from registry.core.signals.rsl_licence import NAMESPACE, tag

TYPES: Final = frozenset({"application/rss+xml", "application/atom+xml"})
LARGEST: Final = 16 * 1024 * 1024
MOST: Final = 2
"""Feeds of one page that are asked for: comments and the like have feeds of their own."""

_BEGINS: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*<(?:rss|feed|rdf:RDF)[\s>]", re.DOTALL
)


def is_feed(data: bytes) -> bool:
    """Whether some bytes begin like a feed."""
    return _BEGINS.match(data[:4096]) is not None


def announced(page: Page, subject: Subject) -> Iterator[str]:
    """The addresses of feeds that a page announces, on its own site."""
    found: dict[str, None] = {}
    for link in page.links:
        if "alternate" in link.relations and link.type in TYPES:
            try:
                address = urljoin(subject.url, link.href)
                if _site(address) == _site(subject.url):
                    found[address] = None
            except ValueError:
                continue
    yield from list(found)[:MOST]


def read(body: bytes, subject: Subject, where: str, *, inside: bool = False) -> list[Evidence]:
    """What a feed says about the subject; `inside` if the subject is the feed, of which every entry is a part."""
    if NAMESPACE.encode() not in body:
        return []
    if len(body) > LARGEST:
        return [unreadable(rsl.SIGNAL, rsl.VERSION, where, "too-large", body)]
    try:
        root = xml.parse(body)
    except ValueError:
        return [unreadable(rsl.SIGNAL, rsl.VERSION, where, "damaged", body)]
    found: list[Evidence] = []
    for content in root.iter(tag("content")):
        if not str(content.get("url", "")).strip():
            content.set("url", _address_of_entry(content.getparent()))
        found += rsl.read_content(content, subject, f"{where} rsl:content", inside=inside)
    return found


def _address_of_entry(entry: etree._Element | None) -> str:
    """The `<link>` of an item of RSS or of an entry of Atom; empty if it has none."""
    link = None if entry is None else entry.find("{*}link")
    return "" if link is None else str(link.get("href") or link.text or "").strip()


def _site(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()
