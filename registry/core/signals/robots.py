"""robots.txt (RFC 9309): who may fetch what, and the lines of other signals that live in the same file.

A `Robots` is parsed once and asked often. Groups that name the same agent are merged; the most specific agent is the
exact token, else `*`; the longest matching pattern wins, a tie permits. Other signals (`Content-Usage`,
`Content-Signal`, `License`) read their lines from the groups that apply.

A `Disallow` refuses fetching, and mining of what was fetched by others; an `Allow` says that something may be
fetched, which is no consent to any use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from registry.core.decisions import Purpose
from registry.core.signals import agents
from registry.core.signals.model import (
    LONGEST_RAW,
    MALFORMED,
    Answer,
    Evidence,
    Observation,
    Subject,
    answers,
    unreadable,
)
from registry.core.signals.robots_paths import LONGEST_PATTERN, matcher, normal, target

SIGNAL = "robots"
VERSION = f"rfc9309+{agents.VERSION}"

LARGEST = 4 * 1024 * 1024
"""Bytes; RFC 9309 asks for at least 500 KiB. What lies beyond is not read, and the file counts as unreadable."""

_NAMES: Final = {
    b"useragent": b"user-agent",
    b"user agent": b"user-agent",
    b"dissallow": b"disallow",
    b"dissalow": b"disallow",
    b"disalow": b"disallow",
    b"diasllow": b"disallow",
    b"disallaw": b"disallow",
}
"""Frequent slips, which crawlers honour."""

_MEMBERS: Final = frozenset({b"allow", b"disallow", b"content-usage", b"content-signal", b"license"})
"""Fields that belong to a group, so that the next `User-agent` begins another one."""

_LINES: Final = re.compile(rb"\r\n|\r|\n")
_BOM: Final = b"\xef\xbb\xbf"
_NO_MINING: Final = answers(deny=[Purpose.TDM])


class Line(NamedTuple):
    """A line that says something: its number, its field's name in lower case, and its value without comment."""

    number: int
    name: bytes
    value: bytes

    @property
    def where(self) -> str:
        """As evidence names it."""
        return f"/robots.txt line {self.number}"

    @property
    def raw(self) -> bytes:
        """As evidence shows it."""
        return (self.name + b": " + self.value)[:LONGEST_RAW]


class Rule(NamedTuple):
    """One `Allow` or `Disallow`."""

    line: Line
    pattern: bytes
    """In its comparable form; the longest that matches wins."""
    matches: Callable[[bytes], object]

    @property
    def allows(self) -> bool:
        """Whether it is an `Allow`."""
        return self.line.name == b"allow"


@dataclass(slots=True)
class Group:
    """What the file says to one agent, all groups that name it together."""

    rules: list[Rule] = field(default_factory=list)
    """The longest pattern first, `Allow` before `Disallow` of the same length: the first that matches decides."""
    lines: list[Line] = field(default_factory=list)
    """Fields of other signals, in order."""

    def rule_for(self, path: bytes) -> Rule | None:
        """The rule that decides about a comparable target."""
        return next((rule for rule in self.rules if rule.matches(path)), None)


@dataclass(frozen=True, slots=True)
class Selected:
    """A group that counts for a subject, and whether it speaks to the asker."""

    token: str
    """By which it was chosen; of other agents all to whom the file says the same."""
    group: Group
    own: bool
    """If not, only its refusals count."""


class Robots:
    """A parsed robots.txt."""

    def __init__(
        self, groups: dict[str, Group], ungrouped: Group, *, malformed: bool, too_large: bool
    ) -> None:
        self.groups = groups
        """By token in lower case; `*` is the one for all others."""
        self.ungrouped = ungrouped
        """Lines before the first group, which speak to everybody."""
        self.malformed = malformed
        """Whether the file has content and not one line that we know: an error page, say."""
        self.too_large = too_large
        self._ai = _alike({token: groups[token] for token in sorted(groups.keys() & agents.AI_AGENTS)})

    @classmethod
    def parse(cls, body: bytes) -> Robots:
        """Read a file; takes any bytes."""
        text = body[:LARGEST].removeprefix(_BOM)
        groups: dict[str, Group] = {}
        ungrouped = Group()
        current: list[Group] = []
        naming = False
        known = False
        for line in _lines(text):
            if line.name == b"user-agent":
                known = True
                current = current if naming else []
                naming = True
                current += [groups.setdefault(token, Group()) for token in _tokens(line.value)]
            elif line.name in _MEMBERS:
                known, naming = True, False
                for group in _distinct(current) or [ungrouped]:
                    _add(group, line)
            elif line.name == b"sitemap":
                known = True
        for group in (*groups.values(), ungrouped):
            group.rules.sort(key=lambda rule: (-len(rule.pattern), not rule.allows))
        return cls(
            groups, ungrouped, malformed=bool(text.strip()) and not known, too_large=len(body) > LARGEST
        )

    def own(self, agent: str | None) -> Selected | None:
        """The group that speaks to an agent, by RFC 9309."""
        for token in (agent.lower() if agent else "*", "*"):
            if token in self.groups:
                return Selected(token, self.groups[token], own=True)
        return None

    def selected(self, subject: Subject) -> Iterator[Selected]:
        """The groups that count for a subject: the asker's, and if any AI agent counts, theirs; those alike once."""
        own = self.own(subject.agent)
        if own is not None:
            yield own
        if subject.any_ai_agent:
            everybody = self.groups.get("*")
            if everybody is not None and (own is None or own.group is not everybody):
                yield Selected("*", everybody, own=False)
            for tokens, group in self._ai:
                if own is None or own.token != tokens:
                    yield Selected(tokens, group, own=False)

    def allows(self, url: str, agent: str | None) -> bool:
        """Whether an agent may fetch an address; the file itself always."""
        path = target(url)
        if path == b"/robots.txt":
            return True
        own = self.own(agent)
        rule = None if own is None else own.group.rule_for(path)
        return rule is None or rule.allows


def read(robots: Robots, subject: Subject) -> list[Evidence]:
    """What a robots.txt says about fetching the subject, and so about mining it."""
    if robots.too_large:
        return [unreadable(SIGNAL, VERSION, "/robots.txt", "too-large")]
    if robots.malformed:
        return [Evidence(SIGNAL, VERSION, "/robots.txt", b"", notes=(MALFORMED,))]
    path = target(subject.url)
    found: list[Evidence] = []
    refusing: set[int] = set()
    for chosen in robots.selected(subject):
        rule = None if path == b"/robots.txt" else chosen.group.rule_for(path)
        agent = (("agent", chosen.token),)
        if rule is not None and not rule.allows:
            if rule.line.number in refusing:  # one line under the names of many agents
                continue
            refusing.add(rule.line.number)
            acquire = Answer.DENY if chosen.own else Answer.UNKNOWN
            found.append(
                Evidence(SIGNAL, VERSION, rule.line.where, rule.line.raw, _NO_MINING, acquire, details=agent)
            )
        elif chosen.own:
            where, raw = ("/robots.txt", b"") if rule is None else (rule.line.where, rule.line.raw)
            found.append(Evidence(SIGNAL, VERSION, where, raw, acquire=Answer.ALLOW, details=agent))
    return found


def unavailable(observation: Observation) -> list[Evidence]:
    """What it means that there is no robots.txt: nothing at 4xx; otherwise that nothing may be fetched.

    RFC 9309, section 2.3.1.
    """
    if observation.missing:
        return []
    error = observation.error or f"http-{observation.status}"
    return [Evidence(SIGNAL, VERSION, observation.url, b"", acquire=Answer.DENY, error=f"fetch.{error}")]


def _lines(text: bytes) -> Iterator[Line]:
    for number, whole in enumerate(_LINES.split(text), 1):
        name, colon, value = whole.partition(b"#")[0].partition(b":")
        if colon:
            lower = name.strip().lower()
            yield Line(number, _NAMES.get(lower, lower), value.strip())


def _tokens(value: bytes) -> list[str]:
    """The product tokens of one line, without version; several are an error that is plainly meant."""
    tokens = []
    for part in value.decode("utf-8", "replace").lower().split(","):
        token = part.split("/")[0].strip()
        if token:
            tokens.append("*" if token.startswith("*") else token)
    return tokens


def _alike(groups: dict[str, Group]) -> tuple[tuple[str, Group], ...]:
    """Groups that say the same to several agents, once, with all their tokens: most files name dozens."""
    found: dict[tuple[tuple[bytes, bytes], ...], list[str]] = {}
    for token, group in groups.items():
        lines = [*(rule.line for rule in group.rules), *group.lines]
        found.setdefault(tuple((line.name, line.value) for line in lines), []).append(token)
    return tuple((", ".join(tokens), groups[tokens[0]]) for tokens in found.values())


def _distinct(groups: list[Group]) -> list[Group]:
    if len(groups) < 2:
        return groups
    return [g for i, g in enumerate(groups) if not any(g is other for other in groups[:i])]


def _add(group: Group, line: Line) -> None:
    if line.name not in (b"allow", b"disallow"):
        group.lines.append(line)
    elif line.value and (line.name == b"disallow" or len(line.value) <= LONGEST_PATTERN):
        group.rules.append(Rule(line, *_pattern(line.value[:LONGEST_PATTERN])))


@lru_cache(maxsize=16_384)
def _pattern(value: bytes) -> tuple[bytes, Callable[[bytes], object]]:
    """The comparable form and its test: sites have many of their patterns in common."""
    pattern = normal(value)
    if not pattern.startswith((b"/", b"*")):
        pattern = b"/" + pattern
    return pattern, matcher(pattern)
