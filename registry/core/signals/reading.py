"""All families over all that was obtained about one item: observations go in, evidence comes out.

Pure, so that stored observations give the same verdict again at any time. `wanted` says which addresses are to be
asked, in two steps, since where RSL documents lie is known only from the first answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Final
from urllib.parse import urljoin

from registry.core.fingerprints.model import Limits
from registry.core.signals import (
    ai_txt,
    content_signal,
    content_usage,
    embedded,
    feeds,
    html,
    payment,
    robots,
    rsl,
    rsl_discovery,
    tdmrep,
    x_robots,
    xmp,
)
from registry.core.signals.headers import Headers
from registry.core.signals.html import Page
from registry.core.signals.model import Evidence, Media, Observation, Subject, unreadable

ROBOTS: Final = "/robots.txt"
SITE_FILES: Final = (ROBOTS, tdmrep.WELL_KNOWN, "/ai.txt")
"""What every site is asked for. `llms.txt` is not among them: it guides readers and reserves nothing."""

_HTML: Final = ("text/html", "application/xhtml+xml")
_MEDIA: Final = {
    "image": Media.IMAGE,
    "text": Media.TEXT,
    "audio": Media.AUDIO,
    "video": Media.VIDEO,
    "application/pdf": Media.TEXT,
    "application/epub+zip": Media.TEXT,
    "application/xhtml+xml": Media.TEXT,
}


@dataclass(frozen=True)
class Obtained:
    """What was obtained about one item."""

    item: Observation | None = None
    """The answer at its address; `None` if nothing but the site is asked about."""
    site: Mapping[str, Observation] = field(default_factory=lambda: MappingProxyType({}))
    """The answers for `SITE_FILES`, by path; one that was not asked for is missing."""
    licences: Mapping[str, Observation] = field(default_factory=lambda: MappingProxyType({}))
    """The answers for what the item and its site announce, RSL documents and feeds, by address."""
    sidecar: bytes | None = None
    """An XMP file that lay beside the item."""

    @cached_property
    def robots(self) -> robots.Robots | None:
        """The site's robots.txt, if there is one."""
        file = self.site.get(ROBOTS)
        return robots.Robots.parse(file.body) if file is not None and file.found else None

    @cached_property
    def page(self) -> Page | None:
        """The item as an HTML page, if it is one."""
        return html.parse(self.item.body) if self.item is not None and _is_page(self.item) else None


class _Door(Enum):
    """How a document was announced, which says what may follow from it."""

    LICENCE = "licence"
    OTHER_AGENT = "other agent"
    """To an AI agent who is not the asker: it may only deny."""
    FEED = "feed"
    """Of the site: it need not speak of licences, nor exist."""


def wanted(obtained: Obtained, subject: Subject) -> Iterator[str]:
    """The addresses of documents that the item and its site announce and that nobody has asked for yet."""
    yield from (address for address in _announced(obtained, subject) if address not in obtained.licences)


def _announced(obtained: Obtained, subject: Subject) -> dict[str, _Door]:
    """Addresses of RSL documents and feeds; what one door announces to all goes before what another does to few."""
    own: list[str] = []
    others: tuple[str, ...] = ()
    feed: list[str] = []
    if obtained.robots is not None:
        own += rsl_discovery.robots_documents(obtained.robots, subject)
        others = rsl_discovery.documents_for_others(obtained.robots, subject)
    if obtained.item is not None:
        own += rsl_discovery.header_documents(Headers(obtained.item.headers), subject)
    if obtained.page is not None:
        own += rsl_discovery.page_documents(obtained.page, subject)
        feed += feeds.announced(obtained.page, subject)
    found = dict.fromkeys(feed, _Door.FEED) | dict.fromkeys(others, _Door.OTHER_AGENT)
    return found | dict.fromkeys(own, _Door.LICENCE)


def read(obtained: Obtained, subject: Subject, limits: Limits) -> list[Evidence]:
    """All evidence, each with the time at which its bytes were obtained."""
    found = list(_site(obtained, subject))
    for address, door in _announced(obtained, subject).items():
        found += _document(address, obtained.licences.get(address), door, subject)
    if obtained.item is not None:
        made = _item(obtained.item, obtained.page, subject, limits)
        found += (evidence.observed(obtained.item.observed_at) for evidence in made)
    if obtained.sidecar is not None:
        found += xmp.read(obtained.sidecar, subject, "xmp sidecar")
    return found


def _document(address: str, answer: Observation | None, door: _Door, subject: Subject) -> list[Evidence]:
    """What an announced document says; an RSL document that cannot be had leaves the item unlicensed."""
    error = "not-asked" if answer is None else answer.error or f"http-{answer.status}"
    if answer is not None and answer.found:
        made = (
            feeds.read(answer.body, subject, address)
            if door is _Door.FEED
            else rsl.read(answer.body, subject, address)
        )
    elif door is _Door.FEED:
        missing = answer is not None and answer.missing
        made = [] if missing else [unreadable(rsl.SIGNAL, rsl.VERSION, address, f"fetch.{error}")]
    else:
        made = rsl.unobtainable(address, error)
    if door is _Door.OTHER_AGENT:
        made = [evidence.only_refusing("other-agent") for evidence in made]
    return [evidence.observed(answer.observed_at) for evidence in made] if answer is not None else made


def media_of(observation: Observation) -> Media:
    """The kind of content that an answer says it is."""
    kind = (Headers(observation.headers).joined("content-type") or "").partition(";")[0].strip().lower()
    return _MEDIA.get(kind) or _MEDIA.get(kind.partition("/")[0]) or Media.OTHER


def _site(obtained: Obtained, subject: Subject) -> Iterator[Evidence]:
    for path in SITE_FILES:
        if (answer := obtained.site.get(path)) is None:
            continue
        if path != ROBOTS:
            made = _site_file(path, answer, subject)
        elif obtained.robots is not None:
            made = robots.read(obtained.robots, subject)
            made += content_usage.read_robots(obtained.robots, subject)
            made += content_signal.read_robots(obtained.robots, subject)
        else:
            made = robots.unavailable(answer)
        yield from (evidence.observed(answer.observed_at) for evidence in made)


def _site_file(path: str, answer: Observation, subject: Subject) -> list[Evidence]:
    signal, version = (
        (tdmrep.SIGNAL, tdmrep.VERSION) if path == tdmrep.WELL_KNOWN else (ai_txt.SIGNAL, ai_txt.VERSION)
    )
    if answer.found:
        reader = tdmrep.read_file if path == tdmrep.WELL_KNOWN else ai_txt.read
        return reader(answer.body, subject)
    if answer.missing:
        return []
    return [unreadable(signal, version, urljoin(subject.url, path), f"fetch.{answer.error or answer.status}")]


def _item(item: Observation, page: Page | None, subject: Subject, limits: Limits) -> list[Evidence]:
    headers = Headers(item.headers)
    found = payment.read(item.status, headers)
    found += x_robots.read_headers(headers, subject)
    found += tdmrep.read_headers(headers, subject)
    found += content_usage.read_headers(headers, subject)
    found += content_signal.read_headers(headers, subject)
    if not item.found:
        error = item.error or f"http-{item.status}"
        return [*found, unreadable("item", "http", item.url, f"fetch.{error}")]
    if page is not None:
        return found + embedded.read_page(page, subject)
    return found + embedded.read(item.body, subject, limits)


def _is_page(item: Observation) -> bool:
    kind = (Headers(item.headers).joined("content-type") or "").partition(";")[0].strip().lower()
    return kind in _HTML or (not kind and embedded.is_page(item.body))
