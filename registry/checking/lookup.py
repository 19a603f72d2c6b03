"""Was my work used? One code against everything on record: registered or not for anyone, and its uses for the owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.ratelimits import Budget
from registry.checking import hidden
from registry.checking.live import LiveIndex, known_works
from registry.checking.service import check_codes
from registry.core.decisions import Grade
from registry.core.ids import format_id, parse_id
from registry.core.matching import Match
from registry.usage import service as usage
from registry.usage.service import UseOfWork
from registry.works import service as works

MAX_USES = 100


@dataclass(frozen=True, slots=True)
class OwnWork:
    """A work of the asker that the code matches, with the newest claims that name it."""

    work: str
    match: Match
    uses: Sequence[UseOfWork]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a code."""

    registered: bool
    matches: int
    """How many works it matches, whosever they are."""
    yours: Sequence[OwnWork]


def lookup(
    session: Session,
    index: LiveIndex,
    actor: Actor,
    algorithm: str,
    code: bytes,
    now: datetime,
    budget: Budget,
) -> Found:
    """Look one code up; whose the other works are, and who used them, is not told. `budget` as in `check`."""
    current, change_seq = index.current(session)
    (found_all,) = current.match(check_codes(algorithm, [code]))
    matches = [m for m in found_all if m.grade is not Grade.TRACE]
    known = known_works(session, current, change_seq, [m.work_row for m in matches], None, now)
    budget.pay(hidden.hits(known, actor, [matches]))
    named = {parse_id("work", known[m.work_row].public_id): m for m in matches if m.work_row in known}
    found = works.works_by_public_id(session, named)
    return Found(
        registered=bool(named),
        matches=len(named),
        yours=[
            OwnWork(format_id("work", key), match, usage.uses_of_work(session, found[key].id, MAX_USES))
            for key, match in named.items()
            if actor.role is Role.OPERATOR or found[key].owner_id == actor.party_id
        ],
    )
