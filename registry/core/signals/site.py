"""What the files of a whole site say about each of its addresses: read once, asked as often as it has items.

Every rule in these files is about paths, by patterns. So two addresses that fall under the same patterns are told the
same, and what the families make of them (`reading.read`) is asked once for all of these. This module has to know where
patterns stand, and nothing of what they mean; one too many does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import orjson
from lxml import etree

from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.signals import tdmrep, xml
from registry.core.signals.model import Observation, Subject
from registry.core.signals.path_patterns import PathPatterns, Under
from registry.core.signals.reading import ROBOTS, Obtained, read
from registry.core.signals.robots import Robots
from registry.core.signals.robots_paths import normal
from registry.core.signals.rsl_licence import tag
from registry.core.signals.summary import Said, of_a_site, summarise

_LONGEST_SCHEME: Final = len("https://")
_MOST_KNOWN: Final = 4_096
"""Answers that are held for one site; they are made anew when there would be more."""


class Site:
    """The files of one site, and the licences that they announce; once they are forgotten, only their patterns."""

    __slots__ = ("_again", "_fresh", "_known", "_patterns", "_subject")

    def __init__(self, obtained: Obtained, subject: Subject, again: Callable[[], Obtained]) -> None:
        """`again` gives what was obtained once more; `subject` says in whose name is asked, and names no address."""
        self._again = again
        self._subject = subject
        self._fresh: Obtained | None = obtained
        self._patterns = PathPatterns(_patterns(obtained, subject))
        self._known: dict[Under, tuple[Said, ...]] = {}

    def forget(self) -> None:
        """Hold what was obtained no longer; for another answer it is obtained once more."""
        self._fresh = None

    @property
    def cost(self) -> int:
        """Roughly, in bytes of memory."""
        return self._patterns.cost

    def said(self, url: str) -> tuple[Said, ...]:
        """What it says about an address of its own, in its normal form; under names of its own (`summary.SITE`)."""
        under = self._patterns.under(_target(url))
        if (known := self._known.get(under)) is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            evidence = read(self._fresh or self._again(), replace(self._subject, url=url), DEFAULT_LIMITS)
            known = self._known[under] = of_a_site(summarise(evidence))
        return known


def _target(url: str) -> bytes:
    """`robots_paths.target` of an address in normal form, without taking it apart."""
    path = url[url.index("/", _LONGEST_SCHEME) :]
    if path.endswith("?") and path.count("?") == 1:
        path = path[:-1]
    return normal(path.encode("utf-8", "surrogatepass"), literal=b"*$")


def _patterns(obtained: Obtained, subject: Subject) -> Iterator[bytes]:
    """Every pattern by which anything in these files depends on a path."""
    yield b"/robots.txt$"
    for path, answer in obtained.site.items():
        if answer.found:
            if path == tdmrep.WELL_KNOWN:
                yield from _tdmrep(answer)
            else:
                parsed = obtained.robots if path == ROBOTS else None
                yield from _robots(parsed or Robots.parse(answer.body), subject)
    for document in obtained.licences.values():
        if document.found:
            yield from _rsl(document)


def _robots(parsed: Robots, subject: Subject) -> Iterator[bytes]:
    """Of rules, and of the lines of other signals, which differ in where a path ends; ai.txt has the same grammar."""
    groups = [parsed.ungrouped, *(chosen.group for chosen in parsed.selected(subject))]
    for group in groups:
        yield from (rule.pattern for rule in group.rules)
        for value in (line.value for line in group.lines if line.value.startswith(b"/")):
            yield normal(value.split(None, 1)[0])
            yield normal(value.partition(b" ")[0])


def _tdmrep(answer: Observation) -> Iterator[bytes]:
    try:
        rules = orjson.loads(answer.body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return
    for rule in rules if isinstance(rules, list) else [rules]:
        if isinstance(rule, dict) and isinstance(rule.get("location"), str):
            yield normal(rule["location"].encode("utf-8", "surrogatepass"))


def _rsl(document: Observation) -> Iterator[bytes]:
    try:
        root: etree._Element = xml.parse(document.body)
    except ValueError:
        return
    for content in root.iter(tag("content")):
        try:
            parts = urlsplit(str(content.get("url", "")).strip())
        except ValueError:
            continue
        text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        yield normal(text.encode("utf-8", "surrogatepass"))
