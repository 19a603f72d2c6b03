"""All families over all that was obtained about one item: observations go in, evidence comes out.

Pure, so that stored observations give the same verdict again at any time. `wanted` says which addresses are to be
asked, in two steps, since where RSL documents lie is known only from the first answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urljoin

from registry.core.fingerprints.model import Limits
from registry.core.signals import (
    ai_txt,
    content_signal,
    content_usage,
    embedded,
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
from registry.core.signals.model import Evidence, Media, Observation, Subject, unreadable

SITE_FILES: Final = ("/robots.txt", tdmrep.WELL_KNOWN, "/ai.txt")
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


@dataclass(frozen=True, slots=True)
class Obtained:
    """What was obtained about one item."""

    item: Observation | None = None
    """The answer at its address; `None` if nothing but the site is asked about."""
    site: Mapping[str, Observation] = field(default_factory=lambda: MappingProxyType({}))
    """The answers for `SITE_FILES`, by path; one that was not asked for is missing."""
    licences: Mapping[str, Observation] = field(default_factory=lambda: MappingProxyType({}))
    """The answers for RSL documents, by address."""
    sidecar: bytes | None = None
    """An XMP file that lay beside the item."""


def wanted(obtained: Obtained, subject: Subject) -> Iterator[str]:
    """The addresses of RSL documents that the item and its site announce and that nobody has asked for yet."""
    announced: list[str] = []
    if (file := obtained.site.get("/robots.txt")) is not None and file.found:
        announced += rsl_discovery.robots_documents(robots.Robots.parse(file.body), subject)
    if (item := obtained.item) is not None:
        announced += rsl_discovery.header_documents(Headers(item.headers), subject)
        if _is_page(item):
            announced += rsl_discovery.page_documents(html.parse(item.body), subject)
    yield from (address for address in dict.fromkeys(announced) if address not in obtained.licences)


def read(obtained: Obtained, subject: Subject, limits: Limits) -> list[Evidence]:
    """All evidence, each with the time at which its bytes were obtained."""
    found = list(_site(obtained.site, subject))
    for address, document in obtained.licences.items():
        made = (
            rsl.read(document.body, subject, address)
            if document.found
            else rsl.unobtainable(address, document.error or f"http-{document.status}")
        )
        found += (evidence.observed(document.observed_at) for evidence in made)
    for address in wanted(obtained, subject):
        found += rsl.unobtainable(address, "not-asked")
    if obtained.item is not None:
        made = _item(obtained.item, subject, limits)
        found += (evidence.observed(obtained.item.observed_at) for evidence in made)
    if obtained.sidecar is not None:
        found += xmp.read(obtained.sidecar, subject, "xmp sidecar")
    return found


def media_of(observation: Observation) -> Media:
    """The kind of content that an answer says it is."""
    kind = (Headers(observation.headers).joined("content-type") or "").partition(";")[0].strip().lower()
    return _MEDIA.get(kind) or _MEDIA.get(kind.partition("/")[0]) or Media.OTHER


def _site(site: Mapping[str, Observation], subject: Subject) -> Iterator[Evidence]:
    for path in SITE_FILES:
        answer = site.get(path)
        if answer is not None:
            yield from (
                evidence.observed(answer.observed_at) for evidence in _site_file(path, answer, subject)
            )


def _site_file(path: str, answer: Observation, subject: Subject) -> list[Evidence]:
    if path == "/robots.txt":
        if not answer.found:
            return robots.unavailable(answer)
        parsed = robots.Robots.parse(answer.body)
        found = robots.read(parsed, subject)
        found += content_usage.read_robots(parsed, subject)
        return found + content_signal.read_robots(parsed, subject)
    signal, version = (
        (tdmrep.SIGNAL, tdmrep.VERSION) if path == tdmrep.WELL_KNOWN else (ai_txt.SIGNAL, ai_txt.VERSION)
    )
    if answer.found:
        reader = tdmrep.read_file if path == tdmrep.WELL_KNOWN else ai_txt.read
        return reader(answer.body, subject)
    if answer.missing:
        return []
    return [unreadable(signal, version, urljoin(subject.url, path), f"fetch.{answer.error or answer.status}")]


def _item(item: Observation, subject: Subject, limits: Limits) -> list[Evidence]:
    headers = Headers(item.headers)
    found = payment.read(item.status, headers)
    found += x_robots.read_headers(headers, subject)
    found += tdmrep.read_headers(headers, subject)
    found += content_usage.read_headers(headers, subject)
    found += content_signal.read_headers(headers, subject)
    if not item.found:
        error = item.error or f"http-{item.status}"
        return [*found, unreadable("item", "http", item.url, f"fetch.{error}")]
    if _is_page(item):
        return found + embedded.read_page(item.body, subject)
    return found + embedded.read(item.body, subject, limits)


def _is_page(item: Observation) -> bool:
    kind = (Headers(item.headers).joined("content-type") or "").partition(";")[0].strip().lower()
    return kind in _HTML or (not kind and embedded.is_page(item.body))
