"""Where RSL documents are announced: robots.txt, the `Link` header, the page's `<link>` (RSL 1.0, on discovery).

All doors are looked behind. Within robots.txt the group that names an agent replaces the lines before any group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urljoin

from registry.core.signals.headers import Headers
from registry.core.signals.html import Page
from registry.core.signals.model import Subject
from registry.core.signals.robots import Line, Robots
from registry.core.signals.rsl import MEDIA_TYPE

_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s\",;]*))?)*)")
_PARAMETER: Final = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]*))")


def _joined(subject: Subject, address: str) -> str:
    """An absolute address; what is none stays as it is, and cannot be had from there."""
    try:
        return urljoin(subject.url, address)
    except ValueError:
        return address


def robots_documents(robots: Robots, subject: Subject) -> tuple[str, ...]:
    """Addresses that robots.txt announces: those of the agent's group, else those before any group."""
    own = robots.own(subject.agent)
    grouped = own.group.lines if own is not None else []
    named = [line for line in grouped if line.name == b"license"]
    lines = named or [line for line in robots.ungrouped.lines if line.name == b"license"]
    return tuple(dict.fromkeys(_of_line(line, subject) for line in lines))


def documents_for_others(robots: Robots, subject: Subject) -> tuple[str, ...]:
    """Addresses in groups of other AI agents, whose refusals count as ones to the asker."""
    lines = (line for chosen in robots.selected(subject) if not chosen.own for line in chosen.group.lines)
    return tuple(dict.fromkeys(_of_line(line, subject) for line in lines if line.name == b"license"))


def _of_line(line: Line, subject: Subject) -> str:
    """An address in robots.txt; one that is not absolute starts from there, whichever page is asked about."""
    there = replace(subject, url=_joined(subject, "/robots.txt"))
    return _joined(there, line.value.decode("utf-8", "replace"))


def header_documents(headers: Headers, subject: Subject) -> tuple[str, ...]:
    """Addresses in `Link` headers with the relation `license` and RSL's media type."""
    found = []
    for address, parameters in _links(headers.all("link")):
        if "license" in parameters.get("rel", "").split() and parameters.get("type", "").startswith(
            MEDIA_TYPE
        ):
            found.append(_joined(subject, address))
    return tuple(dict.fromkeys(found))


def page_documents(page: Page, subject: Subject) -> tuple[str, ...]:
    """Addresses in a page's `<link>`."""
    links = (link for link in page.links if "license" in link.relations and link.type == MEDIA_TYPE)
    return tuple(dict.fromkeys(_joined(subject, link.href) for link in links))


def _links(values: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Targets and parameters of `Link` headers (RFC 8288, section 3)."""
    for value in values:
        for address, parameters in _LINK.findall(value):
            yield address.strip(), {k.lower(): (a or b).lower() for k, a, b in _PARAMETER.findall(parameters)}
