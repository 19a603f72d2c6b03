"""`Content-Signal` (Cloudflare, September 2025, CC0; `use` since July 2026): a line of robots.txt, or a header.

`search`, `ai-input` and `ai-train` with `yes` or `no`; what is left out is neither granted nor restricted. `use`
(`immediate`, `reference`, `full`) says what may be kept, and is kept here for people. A line before the first group
speaks to everybody. By the letter, the group that names an agent replaces that for `*`; unless the subject asks for
that, a refusal in either counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from registry.core.decisions import Purpose
from registry.core.signals.headers import Headers
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Answer, Evidence, Subject, answers
from registry.core.signals.robots import Line, Robots
from registry.core.signals.robots_paths import matcher, normal, target

SIGNAL = "content-signal"
VERSION = "content-signals.2026-07"

_KEYS: Final = {"search": Purpose.SEARCH, "ai-input": Purpose.AI_INPUT, "ai-train": Purpose.TRAIN_AI}
_USES: Final = frozenset({"immediate", "reference", "full"})
_REFUSALS: Final = frozenset({"no", "n", "false", "none", "0", "disallow"})
"""Other spellings of `no`, read as one unless the letter counts."""


def read_robots(robots: Robots, subject: Subject) -> list[Evidence]:
    """What the lines of robots.txt say about the subject."""
    path = target(subject.url)
    found: list[Evidence] = []
    for chosen in robots.selected(subject):
        for evidence in _evidence(chosen.group.lines, path, subject, own=chosen.own):
            if evidence not in found:
                found.append(evidence)
    spoken = {purpose for evidence in found for purpose, _ in evidence.answers}
    for evidence in _evidence(robots.ungrouped.lines, path, subject, own=True):
        overruled = not spoken.isdisjoint(purpose for purpose, _ in evidence.answers)
        refuses = any(answer is Answer.DENY for _, answer in evidence.answers)
        if not overruled or (refuses and not subject.strict):
            found.append(evidence)
    return found


def read_headers(headers: Headers, subject: Subject) -> list[Evidence]:
    """What the response says about its own content."""
    value = headers.joined("content-signal")
    if value is None:
        return []
    raw = value.encode("utf-8", "backslashreplace")
    return [_statement(raw, "header content-signal", raw[:LONGEST_RAW], subject, own=True)]


def _evidence(lines: Iterable[Line], path: bytes, subject: Subject, *, own: bool) -> list[Evidence]:
    made = []
    for line in lines:
        if line.name != b"content-signal":
            continue
        value = line.value
        if value.startswith(b"/"):  # a path, which the format does not have: plainly meant
            pattern, _, value = value.partition(b" ")
            if not matcher(normal(pattern))(path):
                continue
        statement = _statement(value, line.where, line.raw, subject, own=own)
        if own or statement.speaks:
            made.append(statement)
    return made


def _statement(value: bytes, where: str, raw: bytes, subject: Subject, *, own: bool) -> Evidence:
    denied: set[Purpose] = set()
    allowed: set[Purpose] = set()
    malformed = False
    details: tuple[tuple[str, str], ...] = ()
    for part in value.decode("utf-8", "replace").lower().split(","):
        key, equals, said = (piece.strip() for piece in part.partition("="))
        purpose = _KEYS.get(key)
        if key == "use" and said in _USES:
            details = (("use", said),)
        elif purpose is None or not equals:
            malformed |= bool(key)
        elif said == "no" or (said in _REFUSALS and not subject.strict):
            denied.add(purpose)
        elif said == "yes":
            allowed.add(purpose)
        if purpose is not None and said not in ("yes", "no"):
            malformed = True
    spoken = answers(deny=denied, allow=allowed if own else ())
    return Evidence(
        SIGNAL, VERSION, where, raw, spoken, notes=(MALFORMED,) if malformed else (), details=details
    )
