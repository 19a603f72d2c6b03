"""`X-Robots-Tag` and `<meta name="robots">`: `noai`, `noimageai`, `noml`.

One value is a list of rules, parted by commas; `token:` before a rule addresses it, and those after it, to one agent,
until the next token. Some rules carry a value after a colon, and dates in it hold commas and colons themselves, which
is where peers lose the refusal that follows. A refusal that is addressed to another agent counts if the subject says
so (`any_ai_agent`).

`noai` (DeviantArt, 2022) refuses mining of anything, `noimageai` of pictures, `noml` (Mojeek, 2023) training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry.core.decisions import Purpose
from registry.core.signals.headers import Headers
from registry.core.signals.model import LONGEST_RAW, Evidence, Media, Subject, answers

SIGNAL = "x-robots-tag"
VERSION = "x-robots.1"

_REFUSALS: dict[str, tuple[Purpose, frozenset[Media] | None]] = {
    "noai": (Purpose.TDM, None),
    "noimageai": (Purpose.TDM, frozenset({Media.IMAGE})),
    "noml": (Purpose.TRAIN_AI, None),
}
"""What each rule refuses, and of which media (`None`: of all)."""

_VALUED = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
_TOKEN = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


def rules(value: str) -> Iterator[tuple[str | None, str]]:
    """The rules of one value in lower case, each with the agent to which it is addressed."""
    agent: str | None = None
    for part in value.lower().split(","):
        head, colon, tail = (piece.strip() for piece in part.partition(":"))
        if not colon:
            yield agent, head
        elif head in _VALUED:
            yield agent, f"{head}:{tail}"
        elif _TOKEN.match(head):
            agent = head
            yield agent, tail


def read_headers(headers: Headers, subject: Subject) -> list[Evidence]:
    """What the response headers refuse."""
    return [
        evidence
        for value in headers.all("x-robots-tag")
        for evidence in _refusals(value, "header x-robots-tag", subject)
    ]


def read_meta(name: str, content: str, subject: Subject) -> list[Evidence]:
    """What one `<meta>` of a page refuses; its name is `robots`, or the token of the agent that it addresses."""
    addressed = name.strip().lower()
    value = content if addressed == "robots" else f"{addressed}: {content}"
    return _refusals(value, f"html meta {addressed}", subject)


def _refusals(value: str, where: str, subject: Subject) -> list[Evidence]:
    found = []
    for agent, rule in rules(value):
        if rule not in _REFUSALS or not _addresses(agent, subject):
            continue
        purpose, media = _REFUSALS[rule]
        if media is None or subject.media in media:
            said = (("rule", rule),) if agent is None else (("rule", rule), ("agent", agent))
            raw = value.encode("utf-8", "backslashreplace")[:LONGEST_RAW]
            found.append(Evidence(SIGNAL, VERSION, where, raw, answers(deny=[purpose]), details=said))
    return found


def _addresses(agent: str | None, subject: Subject) -> bool:
    own = subject.agent.lower() if subject.agent else None
    return agent is None or agent == own or subject.any_ai_agent
