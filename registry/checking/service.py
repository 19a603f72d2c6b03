"""Match codes against everything that is on record now, and decide.

The index is rebuilt when the registry's change sequence has moved since it was built, so an answer is never older
than the request. Works with disclosure `check-api-only` are found here and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.core.decisions import Decision, Gap, MatchedWork, Request, Terms, decide
from registry.core.errors import InvalidInput
from registry.core.fingerprints import Fingerprint, check_code
from registry.core.ids import format_id
from registry.core.matching import Match, Matcher
from registry.domains import service as domains
from registry.licences import service as licences
from registry.log import service as log
from registry.publishing import service as publishing
from registry.works import service as works

MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out for one item: the decision, and every registered work that it resembles."""

    decision: Decision
    matches: tuple[tuple[str, Match], ...]
    """Pairs of a work's public id and how it was matched, surest first."""


@dataclass(frozen=True, slots=True)
class _Index:
    change_seq: int
    matcher: Matcher
    public_ids: Mapping[int, str]
    terms: Mapping[int, Terms]


class LiveIndex:
    """The searchable state of one process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index: _Index | None = None

    def current(self, session: Session, now: datetime) -> _Index:
        """The index of this very transaction's state; terms are read anew, since they also change with time."""
        change_seq = log.current_change_seq(session)
        with self._lock:
            if self._index is None or self._index.change_seq < change_seq:
                self._index = _build(session, change_seq, now)
            return self._index


def _build(session: Session, change_seq: int, now: datetime) -> _Index:
    addresses = domains.address_codes(session, public=False)
    public_ids = {w.row: format_id("work", w.public_id) for w in works.works_for_publishing(session)}
    return _Index(
        change_seq=change_seq,
        matcher=Matcher(publishing.lists_of(chain(works.all_fingerprints(session), addresses))),
        public_ids=public_ids,
        terms=licences.public_terms(session, now),
    )


def check_codes(algorithm: str, codes: Sequence[bytes]) -> list[tuple[Fingerprint, ...]]:
    """Codes as they come in a request, one item each; `InvalidInput` names the first bad one."""
    if not codes:
        raise InvalidInput("There is nothing to check: hashes is empty.")
    if len(codes) > MAX_ITEMS:
        raise InvalidInput(f"{len(codes):,} hashes are too many for one request; send at most {MAX_ITEMS:,}.")
    kind = "full" if algorithm.startswith("image.") else "whole"
    for number, code in enumerate(codes):
        try:
            check_code(algorithm, kind, code)
        except InvalidInput as error:
            raise InvalidInput(f"hashes[{number}]: {error.message}", **error.details) from None
    return [(Fingerprint(algorithm, kind, code),) for code in codes]


def check(
    session: Session,
    index: LiveIndex,
    actor: Actor | None,
    request: Request,
    items: Sequence[tuple[Fingerprint, ...]],
    now: datetime,
) -> tuple[int, list[Checked]]:
    """Decide about each item; returns the change sequence that the answers rest on, and one answer an item."""
    current = index.current(session, now)
    licensee = actor.principal_id if actor is not None and actor.role is Role.LAB else None
    personal = licences.licensee_terms(session, licensee, now) if licensee is not None else {}
    found = current.matcher.match(items)
    return current.change_seq, [
        _decide(current, personal, request, item, matches) for item, matches in zip(items, found, strict=True)
    ]


def _decide(
    index: _Index,
    personal: Mapping[int, Terms],
    request: Request,
    item: tuple[Fingerprint, ...],
    matches: tuple[Match, ...],
) -> Checked:
    matched = [
        MatchedWork(
            work=index.public_ids[m.work_row],
            grade=m.grade,
            terms=index.terms.get(m.work_row, Terms()),
            personal=personal.get(m.work_row, Terms()),
            by_address=m.by_address,
        )
        for m in matches
    ]
    gap = None if item else Gap("unchecked.no-fingerprint")
    return Checked(
        decision=decide(request, matched, gap=gap),
        matches=tuple((w.work, m) for w, m in zip(matched, matches, strict=True)),
    )
