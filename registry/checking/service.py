"""Match codes against everything that is on record now, and decide.

The index (`live`) follows the registry's change sequence, so an answer is never older than the request. Works with
disclosure `check-api-only` are found here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.ratelimits import Budget
from registry.checking.hidden import budget as hidden_budget
from registry.checking.hidden import hits
from registry.checking.live import KnownWork, LiveIndex, known_works
from registry.core.decisions import NO_LICENCE, Decision, Gap, MatchedWork, Request, decide
from registry.core.errors import InvalidInput
from registry.core.fingerprints import ALGORITHMS, Fingerprint, check_code, fingerprint_url
from registry.core.matching import MIN_WORDS, Match

__all__ = ["MAX_ITEMS", "Checked", "LiveIndex", "check", "check_codes", "check_urls", "hidden_budget"]

MAX_ITEMS = 10_000
MOST_WORDS = 1_000_000
"""More than any quotation has: the greatest number that a request may state as the least of words that count."""
COARSE = 16
"""The steps, rounded up, in which distances from works with disclosure `check-api-only` are told."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out for one item: the decision, and every registered work that it resembles."""

    decision: Decision
    matches: tuple[tuple[str, Match], ...]
    """Pairs of a work's public id and how it was matched, surest first."""
    unlicensed: Mapping[str, int] = field(default_factory=dict)
    """The works that a licence is missing for, if the item is denied for that alone: private keys by public id."""


def check_codes(algorithm: str, codes: Sequence[bytes]) -> list[tuple[Fingerprint, ...]]:
    """Codes as they come in a request, one item each; `InvalidInput` names the first bad one."""
    check_number(len(codes), "hashes")
    kind = ALGORITHMS[algorithm].kinds[0] if algorithm in ALGORITHMS else ""
    for number, code in enumerate(codes):
        try:
            check_code(algorithm, kind, code)
        except InvalidInput as error:
            raise InvalidInput(f"hashes[{number}]: {error.message}", **error.details) from None
    return [(Fingerprint(algorithm, kind, code),) for code in codes]


def check_urls(urls: Sequence[str]) -> list[tuple[Fingerprint, ...]]:
    """Addresses as they come in a request, one item each; `InvalidInput` names the first bad one."""
    check_number(len(urls), "urls")
    items = []
    for number, url in enumerate(urls):
        try:
            items.append(fingerprint_url(url))
        except InvalidInput as error:
            raise InvalidInput(f"urls[{number}]: {error.message}") from None
    return items


def check_number(given: int, name: str) -> None:
    """`InvalidInput` if there is nothing to check, or too much for one request."""
    if not given:
        raise InvalidInput(f"There is nothing to check: {name} is empty.")
    if given > MAX_ITEMS:
        raise InvalidInput(f"{given:,} {name} are too many for one request; send at most {MAX_ITEMS:,}.")


def check(
    session: Session,
    index: LiveIndex,
    actor: Actor | None,
    request: Request,
    items: Sequence[tuple[Fingerprint, ...]],
    now: datetime,
    gaps: Mapping[int, Gap] = MappingProxyType({}),
    *,
    budget: Budget | None = None,
    min_words: int = MIN_WORDS,
) -> tuple[int, list[Checked]]:
    """Decide about each item; returns the change sequence that the answers rest on, and one answer an item.

    `gaps`: what could not be looked at, by number of the item. `budget`: for what the answers tell of hidden works;
    `RateLimited` if it does not suffice. `min_words`: how long a quotation has to be to count.
    """
    current, change_seq = index.current(session)
    found = current.match(items, min_words)
    rows = {m.work_row for matches in found for m in matches}
    known = known_works(session, current, change_seq, rows, licensee_of(actor), now)
    if budget is not None:
        budget.pay(hits(known, actor, found))
    return change_seq, [
        decided(known, request, matches, gaps.get(n, None if items[n] else Gap("unchecked.no-fingerprint")))
        for n, matches in enumerate(found)
    ]


def licensee_of(actor: Actor | None) -> int | None:
    """Private key of the lab whose agreements count; nobody else has any."""
    return actor.principal_id if actor is not None and actor.role is Role.LAB else None


def decided(
    known: Mapping[int, KnownWork], request: Request, found: Sequence[Match], gap: Gap | None = None
) -> Checked:
    """What is decided about an item that matches these works, or that could not be looked at."""
    matches = [m for m in found if m.work_row in known]
    matched = [
        MatchedWork(
            work=known[m.work_row].public_id,
            grade=m.grade,
            terms=known[m.work_row].public,
            personal=known[m.work_row].personal,
            by_address=m.by_address,
        )
        for m in matches
    ]
    decision = decide(request, matched, gap=gap)
    return Checked(
        decision=decision,
        matches=tuple((known[m.work_row].public_id, _told(m, known[m.work_row])) for m in matches),
        unlicensed=_unlicensed(decision, [known[m.work_row] for m in matches]),
    )


def _unlicensed(decision: Decision, matched: Iterable[KnownWork]) -> Mapping[str, int]:
    if decision.reason != NO_LICENCE:
        return {}
    return {work.public_id: work.id for work in matched if work.public_id in decision.works}


def _told(match: Match, work: KnownWork) -> Match:
    """What is said of a match. How near it is to a work that only the server may see is said in coarse steps.

    Whoever has a similar picture could else turn one bit after the other and see each time whether it came nearer: 256
    questions for the code, which is a blurred thumbnail.
    """
    if not work.hidden:
        return match
    return replace(match, distance=-(-match.distance // COARSE) * COARSE)
