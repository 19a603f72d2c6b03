"""Held and unclaimed money of earlier settlements: what still keeps it, and what of it is released now.

A settlement releases everything that was resolved since: a contest was decided, shares fit again, or a holder became
known. What was released stands in `released_line`, whose key makes a second time impossible; what is still nobody's is
a held line again. Unclaimed money of which the law's three years are over is not released: it counts as not
distributable, and whoever turns up later has a claim, but no longer to this money.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from registry.core.settlement.deadlines import Deadlines
from registry.core.settlement.periods import Period
from registry.core.settlement.releases import Shares, gained
from registry.core.settlement.rules import DISPUTED, UNCLAIMED
from registry.remuneration.entitled import Entitled, entitled_to
from registry.remuneration.models import ReleasedLine, Settlement, SettlementPool, StatementLine
from registry.remuneration.rules import unclaimed_account
from registry.usage import service as usage
from registry.usage.service import ClaimPlace
from registry.works import service as works
from registry.works.service import TitlePath

_CHUNK = 500
_UNCLAIMED = unclaimed_account("")


class State(StrEnum):
    """What keeps money from its holder."""

    CONTESTED = "contested"
    """Nobody has decided whose the title is."""
    OVERCLAIMED = "overclaimed"
    """The shares sum to more than the whole."""
    UNKNOWN = "unknown"
    """For this part no holder is known."""
    LAPSED = "lapsed"
    """Nobody was known for it until the three years were over."""
    READY = "ready"
    """Nothing: the next settlement releases it."""
    LOST = "lost"
    """Nothing, but the title was lost: the next settlement gives it to the holders of the earlier work."""


class Origin(NamedTuple):
    """The pool that a held line is of."""

    pool_id: int
    settlement_index: int
    """Log index of its settlement."""
    number: int
    """Of the pool in that settlement, from 1."""
    licence: str
    period: str
    part: str
    currency: str
    settled_period: str
    """Quarter of its settlement."""
    closing_size: int

    @property
    def year(self) -> int:
        """In which the money was collected."""
        return Period.parse(self.period).year


class HeldLine(NamedTuple):
    """A line that is held."""

    line_id: int
    pool_id: int
    claim_id: int
    row: int
    work_id: int
    account: str
    units: int
    unit: str
    ppm: int
    exact_minor: str
    amount_minor: int

    @property
    def payee(self) -> int:
        """`UNCLAIMED` or `DISPUTED`."""
        return UNCLAIMED if self.account.startswith(_UNCLAIMED) else DISPUTED

    @property
    def exact(self) -> tuple[int, int]:
        """In lowest terms."""
        return Fraction(self.exact_minor).as_integer_ratio()

    @property
    def use(self) -> tuple[int, int, int]:
        """Which row of which pool: of that nothing else is held."""
        return self.pool_id, self.claim_id, self.row


@dataclass(frozen=True, slots=True)
class Examined:
    """A held line, and what keeps it; with the shares of those whose it is if nothing does (private keys)."""

    line: HeldLine
    origin: Origin
    place: ClaimPlace
    state: State
    shares: Shares = ()
    path: TitlePath = ()

    @property
    def key(self) -> tuple[int, int, int, int]:
        """As published: settlement, pool, log index, row."""
        return self.origin.settlement_index, self.origin.number, self.place.log_index, self.line.row


def due_for_release(session: Session, quarter: Period, now: datetime) -> list[Examined]:
    """What earlier settlements, of this quarter or earlier ones, held and is resolved now; in the published order."""
    found = examine(session, now)
    ready = [
        each
        for each in found
        if each.state in {State.READY, State.LOST} and each.origin.settled_period <= str(quarter)
    ]
    return sorted(ready, key=lambda each: each.key)


def examine(session: Session, now: datetime, work_ids: Collection[int] | None = None) -> Iterator[Examined]:
    """All held lines, or those of some works (private keys)."""
    lines = _held_lines(session, work_ids)
    if not lines:
        return
    origins = _origins(session, {line.pool_id for line in lines})
    places = usage.claim_places(session, {line.claim_id for line in lines})
    known = _known_shares(session, [line for line in lines if line.payee == UNCLAIMED])
    together: dict[tuple[str, datetime], list[HeldLine]] = defaultdict(list)
    for line in lines:
        place = places[line.claim_id]
        together[place.territory, place.submitted_at].append(line)
    for (territory, at), group in together.items():
        holders = entitled_to(session, {line.work_id for line in group}, territory, at, now)
        for line in group:
            origin, whose = origins[line.pool_id], holders[line.work_id]
            state, shares = _judge(line, origin, whose, known.get(line.use, {}), now)
            yield Examined(line, origin, places[line.claim_id], state, shares, whose.path)


def _judge(
    line: HeldLine, origin: Origin, whose: Entitled, known: Mapping[int, int], now: datetime
) -> tuple[State, Shares]:
    if line.payee == UNCLAIMED and now.date() >= Deadlines(origin.year).lapses_on:
        return State.LAPSED, ()
    if not whose.payable:
        return State.CONTESTED if whose.contested else State.OVERCLAIMED, ()
    shares = whose.shares
    if line.payee == UNCLAIMED:
        shares = gained(known, shares, line.ppm)
        if not shares:
            return State.UNKNOWN, ()
    return State.LOST if whose.path else State.READY, shares


# -- what is on record ---------------------------------------------------------------------------------------
def _held_lines(session: Session, work_ids: Collection[int] | None) -> list[HeldLine]:
    """Without a payee, and not released."""
    line = StatementLine
    query = (
        select(
            line.id,
            line.pool_id,
            line.claim_batch_id,
            line.row,
            line.work_id,
            line.account,
            line.units,
            line.unit,
            line.ppm,
            line.exact_minor,
            line.amount_minor,
        )
        .where(line.party_id.is_(None), line.id.not_in(select(ReleasedLine.line_id)))
        .order_by(line.id)
    )
    if work_ids is None:
        return [HeldLine(*row) for row in session.execute(query)]
    return [
        HeldLine(*row)
        for chunk in _chunks(work_ids)
        for row in session.execute(query.where(line.work_id.in_(chunk)))
    ]


def _origins(session: Session, pool_ids: Collection[int]) -> dict[int, Origin]:
    """Pools with their number in their settlement: they were recorded in the order in which they are published."""
    pool, settled, wanted = SettlementPool, Settlement, aliased(SettlementPool)
    query = (
        select(
            pool.id,
            settled.log_index,
            func.row_number().over(partition_by=pool.settlement_id, order_by=pool.id),
            pool.licence,
            pool.period,
            pool.part,
            pool.currency,
            settled.period,
            settled.closing_size,
        )
        .join(settled, settled.id == pool.settlement_id)
        .order_by(pool.id)
    )
    return {
        row[0]: Origin(*row)
        for chunk in _chunks(pool_ids)
        for row in session.execute(
            query.where(pool.settlement_id.in_(select(wanted.settlement_id).where(wanted.id.in_(chunk))))
        )
        if row[0] in pool_ids
    }


def _known_shares(
    session: Session, lines: Sequence[HeldLine]
) -> Mapping[tuple[int, int, int], Mapping[int, int]]:
    """What parties were given of the rows of these lines, in ppm, by party."""
    wanted = {each.use for each in lines}
    known: dict[tuple[int, int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    line = StatementLine
    columns = select(line.pool_id, line.claim_batch_id, line.row, line.party_id, line.ppm)
    for chunk in _chunks({each.pool_id for each in lines}):
        query = columns.where(line.pool_id.in_(chunk))
        for pool_id, claim_id, row, party, ppm in session.execute(query):
            if party is not None and (pool_id, claim_id, row) in wanted:
                known[pool_id, claim_id, row][party] += ppm
    return known


def newest_decision(decisions: Mapping[int, int], each: Examined) -> int | None:
    """The newest decision about a line's title since it was settled: log index, or `None`."""
    newest = max(decisions.get(work, 0) for work in (each.line.work_id, *each.path))
    return newest if newest > each.origin.settlement_index else None


def decisions_about(session: Session, found: Iterable[Examined]) -> Mapping[int, int]:
    """Log index of the newest decision about each work on the way to whose it is."""
    return works.newest_decisions(
        session, {work for each in found for work in (each.line.work_id, *each.path)}
    )


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    wanted = sorted(set(keys))
    return (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK))
