"""The one rule by which the server and every filter decide about an item. Reads top to bottom.

1. A registered work was matched and no licence covers it: *deny*.
2. Any signal says no, and not all matched works are licensed to the asking licensee in person: *deny*. (Such an
   arrangement goes before preferences that a server states, AIPREF vocabulary, on combining preferences.)
3. Something could not be read or checked: *unknown*, and never kept. An error is not a permission, and an address is
   none to anyone: it says where an item was found, not what it is.
4. All matched works are licensed: *allow*, or *licensed* as soon as one of the licences is personal.
5. Only doubtful matches: *review*.
6. A signal says yes, under `eu-art4`: *allow*. (A server's yes is not the maker's consent.)
7. Nothing found: *unknown*, which `eu-art4` (Directive (EU) 2019/790, Art. 4) may keep and `consent-first` not.

Under `eu-art4` a research organisation's text and data mining sets signals aside (Art. 3 of the Directive, § 60d
UrhG: against that nothing can be reserved); a registered work without a licence is denied to it all the same.

Where an item was found is set aside if the item itself was recognised and is licensed in person: whoever runs a site
reserves what is theirs, not a copy of somebody else's work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from registry.core.decisions.purposes import Purpose, inside
from registry.core.decisions.terms import Grant, Terms

NO_LICENCE: Final = "registered.no-licence"
"""Why a registered work of an uncontested title is denied: a licence would change that."""


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
    research: bool = False
    """Whether the licensee says that it mines for scientific research in the sense of Art. 3 of the Directive."""

    @property
    def sets_signals_aside(self) -> bool:
        """Whether nobody can reserve against this use by a signal."""
        mining = self.purpose in inside(Purpose.TDM)
        return self.research and mining and self.policy is Policy.EU_ART4


@dataclass(frozen=True, slots=True)
class MatchedWork:
    """A registered work that the item matched, with what may be done with it."""

    work: str
    grade: Grade
    terms: Terms
    """What anyone may do with it."""
    personal: Terms = Terms()
    """What the asking licensee may do with it beyond that; empty if missing, expired or not asked in a name."""
    by_address: bool = False
    """Whether the item was only found where this work's owner publishes, and not recognised by itself."""

    @property
    def contested_since(self) -> int | None:
        """When the title came into doubt, by either of the two sets of terms, which may be of different age."""
        known = [t.contested_since for t in self._contested]
        return min((since for since in known if since is not None), default=None)

    @property
    def contested_by(self) -> str | None:
        """The older title; `None` if it is not known, or the two sets of terms name different ones."""
        named = {t.contested_by for t in self._contested}
        return named.pop() if len(named) == 1 else None

    @property
    def upheld(self) -> bool:
        """Whether a person has found for the older title, by all that is known of the contest."""
        return all(t.upheld for t in self._contested)

    @property
    def _contested(self) -> list[Terms]:
        return [t for t in (self.terms, self.personal) if t.contested_since is not None]


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
    """`no-reservation-found` where `eu-art4` keeps an item about which nothing is known; `research` where it keeps
    one for scientific research against a signal."""


_Covered = tuple[MatchedWork, tuple[Grant, ...]]
"""A match and the grants that permit it; none if it denies."""


def _permission(match: MatchedWork, request: Request, before: int | None = None) -> tuple[Grant, ...]:
    """The grants that together permit the request for this work, personal ones first; empty if something is missing.

    What anyone may do counts only free of charge: a price is owed by those who agreed to it. A denial to anyone
    does not undo a personal grant; a personal denial undoes both. With `before`, only grants concluded earlier count.
    """
    used: set[Grant] = set()
    for part in inside(request.purpose):
        place = (part, request.territory, request.at)
        grant = match.personal.grant_for(*place, concluded_before=before)
        if grant is None and not match.personal.denies(part, request.at):
            grant = match.terms.grant_for(*place, free_only=True, concluded_before=before)
        if grant is None:
            return ()
        used.add(grant)
    return tuple(sorted(used, key=lambda g: g.order))


def _coverage(match: MatchedWork, beside: Sequence[MatchedWork], request: Request) -> tuple[Grant, ...]:
    """The grants by which this match is permitted; empty means it denies.

    A contested title permits nothing. It steps back only for the work of which it is the younger double: where that
    one was matched too, is itself uncontested, and had concluded its licence before the contest began, or at any
    time once a person has found for it. So nobody can make another's licence void by registering their work once
    more, and nobody can free it that way.
    """
    since = match.contested_since
    if since is None:
        return _permission(match, request)
    before = None if match.upheld else since
    older = (m for m in beside if m.work == match.contested_by and m.contested_since is None)
    others = (_permission(m, request, before=before) for m in older if not m.by_address)
    return min((g for g in others if g), key=lambda grants: [g.order for g in grants], default=())


def _counting(coverage: list[_Covered], personal: set[Grant]) -> list[_Covered]:
    """The matches that count: without the place where it was found if the item itself is licensed in person."""
    recognised = [(match, used) for match, used in coverage if not match.by_address]
    in_person = bool(recognised) and all(used and personal.issuperset(used) for _, used in recognised)
    return recognised if in_person else coverage


def decide(
    request: Request,
    matches: Sequence[MatchedWork] = (),
    signals: Sequence[Signal] = (),
    gap: Gap | None = None,
) -> Decision:
    """Decide about one item. Pure; the order of matches and signals does not matter."""
    decisive = [m for m in matches if m.grade >= Grade.MATCH]
    personal = {g for m in decisive for g in m.personal.grants}
    coverage = _counting([(m, _coverage(m, decisive, request)) for m in decisive], personal)
    uncovered = [m for m, grants in coverage if not grants]
    if uncovered:
        contested = any(m.contested_since is not None for m in uncovered)
        reason = "title.contested" if contested else NO_LICENCE
        return Decision(Verdict.DENY, reason, kept=False, works=_ids(uncovered))

    works = _ids(m for m, _ in coverage)
    grants = tuple(sorted({g for _, used in coverage for g in used}, key=lambda g: g.order))
    in_person = bool(grants) and personal.issuperset(grants)
    refused = [s.name for s in signals if not s.permits]
    if refused and not in_person and not request.sets_signals_aside:
        return Decision(Verdict.DENY, f"signal.{min(refused)}", kept=False, works=works)
    if grants and not in_person and all(m.by_address for m, _ in coverage):
        gap = gap or Gap("unchecked.address-only")
    if gap is not None:
        return Decision(Verdict.UNKNOWN, gap.reason, kept=False, works=works)
    if not personal.isdisjoint(grants):
        return Decision(Verdict.LICENSED, "licence.licensee", kept=True, works=works, grants=grants)
    if grants:
        return Decision(Verdict.ALLOW, "licence.anyone", kept=True, works=works, grants=grants)
    return _without_registration(request, matches, signals)


def denied_for_good(request: Request, matches: Iterable[MatchedWork]) -> bool:
    """Whether one of these matches denies whatever else the item may turn out to resemble.

    So does a recognised work of an uncontested title that no licence covers. A contested title may step back for its
    older double, and the place where an item was found for a licence to the item itself, if those are found too.
    """
    return any(
        m.grade >= Grade.MATCH
        and not m.by_address
        and m.contested_since is None
        and not _permission(m, request)
        for m in matches
    )


def _without_registration(
    request: Request, matches: Sequence[MatchedWork], signals: Sequence[Signal]
) -> Decision:
    """Where no work is matched for sure, nothing says no and everything was checked."""
    doubtful = [m for m in matches if m.grade is Grade.REVIEW]
    if doubtful:
        return Decision(Verdict.REVIEW, "match.review", kept=False, works=_ids(doubtful))
    kept = request.policy is Policy.EU_ART4
    refused = [s.name for s in signals if not s.permits]
    if refused:  # only research comes this far
        return Decision(Verdict.ALLOW, f"research.{min(refused)}", kept=True, mark="research")
    if signals and kept:
        return Decision(Verdict.ALLOW, f"signal.{min(s.name for s in signals)}", kept=True)
    return Decision(Verdict.UNKNOWN, "none-found", kept=kept, mark="no-reservation-found" if kept else None)


def _ids(matches: Iterable[MatchedWork]) -> tuple[str, ...]:
    """The works of these matches, each once, sorted."""
    return tuple(sorted({m.work for m in matches}))
