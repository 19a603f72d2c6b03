"""`Content-Usage`, the vocabulary of the IETF's AIPREF group (drafts vocab-07 and attach-05; no RFC yet).

A structured-field dictionary (RFC 9651) of labels with `y` or `n`, as a response header or, with an optional path, as
a line of robots.txt. A label with any other value says nothing; a value that cannot be parsed says nothing at all;
unknown labels and all parameters are ignored. In robots.txt the longest path decides, and of equal paths `n` wins.

Read by the letter, much that is meant as a refusal is none (`train-ai=no`). Unless the subject asks for that, such a
refusal counts, with a note. So does `n` on a label of earlier drafts; `y` on one of those means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from http_sf import StructuredFieldError, Token, parse

from registry.core.decisions import Purpose
from registry.core.signals.headers import Headers
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Evidence, Subject, answers
from registry.core.signals.robots import Line, Robots
from registry.core.signals.robots_paths import matcher, normal, target

SIGNAL = "content-usage"
VERSION = "aipref-vocab-07"

_DENIES: Final = {"train-ai": Purpose.TRAIN_AI, "search": Purpose.SEARCH}
_ALLOWS: Final = {"train-ai": Purpose.TRAIN_GENAI, "search": Purpose.SEARCH}
"""Training is defined as that of models that generate; a refusal is read as one of training at large."""

_EARLIER: Final = {
    "tdm": Purpose.TDM,
    "all": Purpose.ALL,
    "bots": Purpose.ALL,
    "ai": Purpose.TRAIN_AI,
    "genai": Purpose.TRAIN_GENAI,
    "train-genai": Purpose.TRAIN_GENAI,
    "inference": Purpose.AI_INPUT,
    "ai-use": Purpose.AI_INPUT,
    "ai-output": Purpose.AI_INPUT,
}
"""Labels of vocab-01 to vocab-04."""

LEGACY_LABEL: Final = "legacy-label"
_MEANT: Final = re.compile(
    rb"(?:^|,)\s*([A-Za-z-]+)\s*=\s*[\"']?(?:n|no|none|false|deny|disallow)[\"']?\s*(?=[,;]|$)", re.IGNORECASE
)

_Said = tuple[frozenset[Purpose], frozenset[Purpose], tuple[str, ...]]
"""What is denied, what is allowed, and notes."""


@lru_cache(maxsize=4096)
def preference(value: bytes, *, strict: bool) -> _Said:
    """What one value says: purposes denied and allowed, and notes."""
    denied: set[Purpose] = set()
    allowed: set[Purpose] = set()
    notes: set[str] = set()
    try:
        parsed = parse(value, tltype="dictionary") if value.strip() else {}
        labels = parsed if isinstance(parsed, dict) else {}
    except StructuredFieldError:
        labels = {}
        notes.add(MALFORMED)
    for label, member in labels.items():
        said = member[0] if isinstance(member, tuple) else None
        answer = str(said) if isinstance(said, Token) else ""
        if label in _DENIES:
            if answer == "n":
                denied.add(_DENIES[label])
            elif answer == "y":
                allowed.add(_ALLOWS[label])
            else:
                notes.add(MALFORMED)
        elif label in _EARLIER and answer == "n" and not strict:
            denied.add(_EARLIER[label])
            notes.add(LEGACY_LABEL)
    if MALFORMED in notes and not strict:
        meant = (_DENIES | _EARLIER).get
        denied |= {p for found in _MEANT.findall(value) if (p := meant(found.decode().lower()))}
    return frozenset(denied), frozenset(allowed - denied), tuple(sorted(notes))


def read_headers(headers: Headers, subject: Subject) -> list[Evidence]:
    """What the response says about its own content."""
    value = headers.joined("content-usage")
    if value is None:
        return []
    raw = value.encode("utf-8", "backslashreplace")
    denied, allowed, notes = preference(raw, strict=subject.strict)
    said = answers(deny=denied, allow=allowed)
    return [Evidence(SIGNAL, VERSION, "header content-usage", raw[:LONGEST_RAW], said, notes=notes)]


def read_robots(robots: Robots, subject: Subject) -> list[Evidence]:
    """What the lines of robots.txt say: those of the asker's group, and the refusals to other AI agents."""
    path = target(subject.url)
    found = _evidence(robots.ungrouped.lines, path, subject, own=True)
    for chosen in robots.selected(subject):
        found += _evidence(chosen.group.lines, path, subject, own=chosen.own)
    return [e for i, e in enumerate(found) if e not in found[:i]]


def _evidence(lines: Iterable[Line], path: bytes, subject: Subject, *, own: bool) -> list[Evidence]:
    """The lines with the longest path that matches; what one of them denies, none of them allows."""
    longest = -1
    deciding: list[tuple[Line, _Said]] = []
    for line in lines:
        if line.name != b"content-usage":
            continue
        pattern, value = _path_and_value(line.value)
        if len(pattern) < longest or not matcher(pattern)(path):
            continue
        if len(pattern) > longest:
            longest, deciding = len(pattern), []
        deciding.append((line, preference(value, strict=subject.strict)))
    refused = {purpose for _, (denied, _, _) in deciding for purpose in denied}
    made = []
    for line, (denied, allowed, notes) in deciding:
        granted = [p for p in allowed if own and not _touches(p, refused)]
        if own or denied:
            said = answers(deny=denied, allow=granted)
            made.append(Evidence(SIGNAL, VERSION, line.where, line.raw, said, notes=notes))
    return made


def _touches(allowed: Purpose, refused: Iterable[Purpose]) -> bool:
    denied = {purpose for purpose, _ in answers(deny=refused)}
    return any(purpose in denied for purpose, _ in answers(allow=[allowed]))


def _path_and_value(value: bytes) -> tuple[bytes, bytes]:
    """The comparable pattern, empty for all paths, and the preference."""
    if not value.startswith(b"/"):
        return b"", value
    path, *rest = value.split(None, 1)
    return normal(path), rest[0] if rest else b""
