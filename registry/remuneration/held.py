"""What is held of the money of works, why, and what the next settlement releases: for their owners and the operator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.settlement.deadlines import Deadlines
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import UNCLAIMED
from registry.remuneration.releasing import State, examine
from registry.remuneration.statements import payee_of
from registry.works import service as works


@dataclass(frozen=True, slots=True)
class HeldMoney:
    """What is held of one work's use in one quarter, for one reason."""

    work: bytes
    title: str
    period: str
    """In which the use was reported, or for which a figure was declared."""
    currency: str
    state: State
    amount_minor: int
    lapses_on: date | None
    """From when on it cannot be distributed; `None` for what is in dispute, which does not lapse."""


def list_held(
    session: Session, actor: Actor, sources: Sources, on_behalf_of: bytes | None = None
) -> list[HeldMoney]:
    """By quarter, title and work: of all works for the operator, else of those of the actor, or of a principal.

    `Forbidden` without a mandate to collect all of the principal's.
    """
    owner, _ = payee_of(session, actor, on_behalf_of, sources)
    everything = Scope.OPERATE in actor.scopes and on_behalf_of is None
    own = None if everything else [work.id for work in works.works_of_owners(session, [owner])]
    sums: Counter[tuple[int, str, str, State, date | None]] = Counter()
    for each in examine(session, whole_second(sources.now()), own):
        period = each.origin.period
        lapses_on = Deadlines(Period.parse(period).year).lapses_on if each.line.payee == UNCLAIMED else None
        key = (each.line.work_id, period, each.origin.currency, each.state, lapses_on)
        sums[key] += each.line.amount_minor
    named = works.works_by_id(session, {work_id for work_id, *_ in sums})
    found = [
        HeldMoney(named[work_id].public_id, named[work_id].title, period, currency, state, amount, lapses_on)
        for (work_id, period, currency, state, lapses_on), amount in sums.items()
    ]
    return sorted(found, key=lambda each: (each.period, each.title, each.work, each.state, each.currency))
