"""ai.txt (Spawning, May 2023; no standard): the grammar of robots.txt at the host of the media, for AI.

Its patterns are mostly endings (`*.jpg`) or everything (`/`, `*`). As in robots.txt the longest pattern that matches
decides, a tie permits. A file without one rule that we know, such as an error page, says nothing.
"""

from __future__ import annotations

from registry.core.decisions import Purpose
from registry.core.signals.model import MALFORMED, Evidence, Subject, answers, unreadable
from registry.core.signals.robots import Robots
from registry.core.signals.robots_paths import target

SIGNAL = "ai.txt"
VERSION = "ai.txt.2023-05"


def read(body: bytes, subject: Subject) -> list[Evidence]:
    """What an ai.txt says about training on the subject."""
    parsed = Robots.parse(body)
    if parsed.too_large:
        return [unreadable(SIGNAL, VERSION, "/ai.txt", "too-large")]
    if parsed.malformed:
        return [Evidence(SIGNAL, VERSION, "/ai.txt", b"", notes=(MALFORMED,))]
    path = target(subject.url)
    found = []
    for chosen in parsed.selected(subject):
        rule = chosen.group.rule_for(path)
        if rule is None or (rule.allows and not chosen.own):
            continue
        said = answers(**{"allow" if rule.allows else "deny": [Purpose.TRAIN_AI]})
        where = f"/ai.txt line {rule.line.number}"
        found.append(
            Evidence(SIGNAL, VERSION, where, rule.line.raw, said, details=(("agent", chosen.token),))
        )
    return found
