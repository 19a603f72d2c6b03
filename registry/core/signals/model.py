"""Opt-out signals as evidence: who said what, where, in which bytes, and what it answers for each purpose.

A family (one module each: `robots`, `tdmrep`, `rsl`, …) turns bytes and headers into `Evidence`; it fetches nothing,
knows no clock and never raises for bad content. `combine` joins all evidence about one item. Nothing is thrown away:
what another signal overrules stays in the list, so that a verdict can be explained.

How bad content counts, in every family alike:
- nothing there: no evidence;
- a word or line that is no valid statement: `unknown`, with a note of what is wrong, unless it is plainly meant as a
  refusal (`train-ai=no` for `train-ai=n`): a refusal is read leniently, a permission strictly;
- bytes that cannot be read at all (damaged, too large, too deep), or that could not be fetched: `unknown` with an
  `error`. Such an item was not checked, and is never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from registry.core.decisions import Purpose, inside
from registry.core.errors import InvalidInput

LONGEST_RAW = 4096
"""How many bytes of a statement are kept as evidence."""

MALFORMED = "malformed"
"""The note on a statement that breaks its own format."""


class Answer(StrEnum):
    """What a signal says about one purpose."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


class Media(StrEnum):
    """What kind of content is asked about: some signals speak of pictures only."""

    IMAGE = "image"
    TEXT = "text"
    AUDIO = "audio"
    VIDEO = "video"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about, and in whose name."""

    url: str = ""
    """The item's absolute address; empty if only its bytes are known."""
    media: Media = Media.OTHER
    agent: str | None = None
    """The asker's own product token, such as `mybot`; `None` if the item was collected by somebody else."""
    any_ai_agent: bool = True
    """Whether a refusal to any known AI agent is one to the asker: a reservation need not name each lab."""
    strict: bool = False
    """Whether each format is read by its letter, so that a refusal with a fault in it is none. For comparisons."""
    territory: str = "world"
    """ISO 3166-1 alpha-2, or `world`: where it would be used."""


_PURPOSES = tuple(p for p in Purpose if p is not Purpose.ALL)


def answers(
    *, deny: Iterable[Purpose] = (), allow: Iterable[Purpose] = ()
) -> tuple[tuple[Purpose, Answer], ...]:
    """Answers for each purpose inside the named ones, in the order of `Purpose`; a denial goes before a permission."""
    denied = {part for purpose in deny for part in inside(purpose)}
    allowed = {part for purpose in allow for part in inside(purpose)} - denied
    return tuple(
        (p, Answer.DENY if p in denied else Answer.ALLOW) for p in _PURPOSES if p in denied or p in allowed
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement that was found."""

    signal: str
    """The family, as verdict reasons name it: `robots`, `content-usage`, `tdmrep`, …"""
    version: str
    """The edition of the rules by which it was read, such as `rfc9309` or `aipref-vocab-07`."""
    where: str
    """The place: `/robots.txt line 12`, `header tdm-reservation`, `html meta robots`, `xmp plus:DataMining`."""
    raw: bytes
    """The bytes that say it, at most `LONGEST_RAW`."""
    answers: tuple[tuple[Purpose, Answer], ...] = ()
    """What it says, by purpose (see `answers`); a purpose that is not listed is unknown."""
    acquire: Answer = Answer.UNKNOWN
    """Whether the item may be fetched at all; says nothing about use."""
    rank: int = 0
    """Within one family, a statement of higher rank replaces those of lower rank, if it says anything."""
    notes: tuple[str, ...] = ()
    """What is odd about it: `malformed`, `noncanonical`, `untrusted`, … ."""
    details: tuple[tuple[str, str], ...] = ()
    """Facts for people: `policy`, `constraint`, `price`, `duty`, `agent`, `declarant`."""
    error: str | None = None
    """Why it could not be read: `fetch.timeout`, `damaged`, …"""
    observed_at: int | None = None
    """When the bytes were obtained (POSIX seconds), set by whoever obtained them."""

    def about(self, purpose: Purpose) -> Answer:
        """What it says about one of the eight purposes."""
        return dict(self.answers).get(purpose, Answer.UNKNOWN)

    @property
    def speaks(self) -> bool:
        """Whether it says anything about use; a statement that does not replaces nothing."""
        return any(answer is not Answer.UNKNOWN for _, answer in self.answers)

    def only_refusing(self, note: str) -> Evidence:
        """The same without its permissions, and with a note of why they do not count."""
        refused = tuple((purpose, answer) for purpose, answer in self.answers if answer is Answer.DENY)
        return replace(self, answers=refused, notes=tuple(dict.fromkeys([*self.notes, note])))

    def observed(self, at: int) -> Evidence:
        """The same, with the time at which it was obtained."""
        return replace(self, observed_at=at)

    def as_json(self) -> dict[str, Any]:
        """For reports and `--json`; bytes as text, with escapes where they are none."""
        return {
            "signal": self.signal,
            "version": self.version,
            "where": self.where,
            "raw": self.raw.decode("utf-8", "backslashreplace"),
            "answers": {purpose.value: answer.value for purpose, answer in self.answers},
            "acquire": self.acquire.value,
            "rank": self.rank,
            "notes": list(self.notes),
            "details": dict(self.details),
            "error": self.error,
            "observed_at": self.observed_at,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Inverse of `as_json`, but for bytes that were no text; `InvalidInput` for anything else."""
        try:
            return cls(
                signal=str(data["signal"]),
                version=str(data["version"]),
                where=str(data["where"]),
                raw=str(data["raw"]).encode("utf-8", "surrogatepass"),
                answers=tuple((Purpose(name), Answer(answer)) for name, answer in data["answers"].items()),
                acquire=Answer(data["acquire"]),
                rank=int(data["rank"]),
                notes=tuple(str(note) for note in data["notes"]),
                details=tuple((str(name), str(value)) for name, value in data["details"].items()),
                error=None if data["error"] is None else str(data["error"]),
                observed_at=None if data["observed_at"] is None else int(data["observed_at"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise InvalidInput(
                f"This is no evidence as we write it ({type(fault).__name__}: {fault})."
            ) from None


def unreadable(signal: str, version: str, where: str, error: str, raw: bytes = b"") -> Evidence:
    """Evidence that something is there, or may be, that could not be read."""
    return Evidence(signal, version, where, raw[:LONGEST_RAW], error=error)


@dataclass(frozen=True, slots=True)
class Observation:
    """What an address answered, or the error that came instead: all that the families need, and all that is stored."""

    url: str
    status: int | None
    """The HTTP status after redirects; `None` if there was no answer."""
    headers: tuple[tuple[str, str], ...] = ()
    """In the order in which they came, names as they were written; a name may repeat."""
    body: bytes = b""
    error: str | None = None
    """`timeout`, `refused`, `private-address`, `too-large`, `redirects`, `tls`, …"""
    observed_at: int = 0
    """POSIX seconds."""

    @property
    def found(self) -> bool:
        """Whether there is a body to read."""
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def missing(self) -> bool:
        """Whether the server says that there is no such file; 429 asks for patience and does not say so."""
        return (
            self.error is None and self.status is not None and 400 <= self.status < 500 and self.status != 429
        )
