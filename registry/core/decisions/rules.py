"""The one rule by which the server and every filter decide about an item. Reads top to bottom.

1. A registered work was matched and no licence covers it: *deny*.
2. Something could not be read or checked: *unknown*, and never kept. An error is not a permission.
3. All matched works are licensed to the asking licensee in person: *licensed* (such an arrangement goes before
   preferences that a server states, AIPREF vocabulary section on combining preferences).
4. Any signal says no: *deny*.
5. All matched works are licensed: *allow*, or *licensed* as soon as one of the licences is personal.
6. Only doubtful matches: *review*.
7. A signal says yes, under `eu-art4`: *allow*. (A server's yes is not the maker's consent.)
8. Nothing found: *unknown*, which `eu-art4` (Directive (EU) 2019/790, Art. 4) may keep and `consent-first` not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from registry.core.decisions.purposes import Purpose
from registry.core.decisions.terms import Grant, Terms


class Verdict(IntEnum):
    """The code in answers, verdict files and Arrow columns."""

    ALLOW = 0
    DENY = 1
    LICENSED = 2
    REVIEW = 3
    UNKNOWN = 4


class Policy(StrEnum):
    """Which verdicts a lab keeps."""

    CONSENT_FIRST = "consent-first"
    EU_ART4 = "eu-art4"


class Grade(IntEnum):
    """How sure a match is; greater is surer. A trace is logged and never decides."""

    TRACE = 0
    REVIEW = 1
    MATCH = 2
    CERTAIN = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What a licensee wants to do, where and when (POSIX seconds), and under which policy it keeps."""

    purpose: Purpose
    policy: Policy
    at: int
    territory: str = "world"


@dataclass(frozen=True, slots=True)
class MatchedWork:
    """A registered work that the item matched, with what may be done with it."""

    work: str
    grade: Grade
    terms: Terms
    """What anyone may do with it."""
    personal: Terms = Terms()
    """What the asking licensee may do with it beyond that; empty if missing, expired or not asked in a name."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A machine-readable yes or no found with the item, for example `x-robots-tag` and `False`."""

    name: str
    permits: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Why an item was not fully checked: `error.…` or `unchecked.…`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, its reason code, whether the policy keeps the item, and the facts it rests on."""

    verdict: Verdict
    reason: str
    kept: bool
    works: tuple[str, ...] = ()
    """Ids of the works that decided, sorted."""
    grants: tuple[Grant, ...] = ()
    """The grants relied on, for allow and licensed."""
    mark: str | None = None
    """`no-reservation-found` where `eu-art4` keeps an item about which nothing is known."""


def _coverage(match: MatchedWork, beside: Sequence[MatchedWork], request: Request) -> tuple[Grant, ...]:
    """The grants by which this match is permitted; personal ones first; empty means it denies.

    A contested title permits nothing. It steps back only for a work of which it is the younger double: that is,
    where another matched work, itself uncontested, had concluded its licence before the contest began. So nobody
    can make another's licence void by registering their work once more, and nobody can free it that way.
    """
    since = match.terms.contested_since
    if since is None:
        return match.personal.permitting(
            request.purpose, request.territory, request.at
        ) or match.terms.permitting(request.purpose, request.territory, request.at)
    for other in beside:
        if other.terms.contested_since is None:
            grants = _coverage(other, (), request)
            if grants and all(g.concluded_at < since for g in grants):
                return grants
    return ()


def decide(
    request: Request,
    matches: Sequence[MatchedWork] = (),
    signals: Sequence[Signal] = (),
    gap: Gap | None = None,
) -> Decision:
    """Decide about one item. Pure; the order of matches and signals does not matter."""
    decisive = [m for m in matches if m.grade >= Grade.MATCH]
    doubtful = [m for m in matches if m.grade is Grade.REVIEW]
    coverage = {m.work: _coverage(m, decisive, request) for m in decisive}
    uncovered = sorted(work for work, grants in coverage.items() if not grants)
    refused = [s.name for s in signals if not s.permits]

    if uncovered:
        contested = any(m.terms.contested_since is not None for m in decisive if m.work in uncovered)
        reason = "title.contested" if contested else "registered.no-licence"
        return Decision(Verdict.DENY, reason, kept=False, works=tuple(uncovered))
    if gap is not None:
        return Decision(Verdict.UNKNOWN, gap.reason, kept=False)

    works = tuple(sorted(coverage))
    grants = tuple(sorted({g for gs in coverage.values() for g in gs}, key=lambda g: g.licence))
    personal = {g for m in decisive for g in m.personal.grants}
    if works and all(g in personal for g in grants):
        return Decision(Verdict.LICENSED, "licence.licensee", kept=True, works=works, grants=grants)
    if refused:
        return Decision(Verdict.DENY, f"signal.{min(refused)}", kept=False, works=works)
    if works:
        if any(g in personal for g in grants):
            return Decision(Verdict.LICENSED, "licence.licensee", kept=True, works=works, grants=grants)
        return Decision(Verdict.ALLOW, "licence.anyone", kept=True, works=works, grants=grants)
    if doubtful:
        return Decision(
            Verdict.REVIEW, "match.review", kept=False, works=tuple(sorted({m.work for m in doubtful}))
        )
    if signals and request.policy is Policy.EU_ART4:
        return Decision(Verdict.ALLOW, f"signal.{min(s.name for s in signals)}", kept=True)
    kept = request.policy is Policy.EU_ART4
    return Decision(Verdict.UNKNOWN, "none-found", kept=kept, mark="no-reservation-found" if kept else None)
