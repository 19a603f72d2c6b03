"""The claim rows that name one's own works, or works for whose makers one may collect: all of them, or a sample.

A society audits a registry with them. So what may be seen is decided for each row, by the work that it names; and a
sample is drawn by the asker's seed (`registry.core.records.samples`), never by the registry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT
from registry.base.periods import whole_second
from registry.core.errors import Forbidden, InvalidInput
from registry.core.records.samples import Place, draw
from registry.core.settlement.periods import Period
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May, Repertoire, WorkRef
from registry.usage.models import ClaimBatch, ClaimRow, Run
from registry.works.service import Work

MAX_SAMPLE = 100
MAKERS = frozenset({Role.CREATOR, Role.SOCIETY})
_READ = frozenset({Scope.STATEMENTS_READ})
_STREAM = 10_000
_CHUNK = 500
_LARGE = 20_000
_LONGEST = 100_000
_WINDOW = 100
"""So many rows are read for the first page; a bounded question lets the database begin at once."""


@dataclass(frozen=True, slots=True)
class OwnUse:
    """One row of a claim, as whoever is paid for the work sees it."""

    claim: bytes
    log_index: int
    row: int
    """Its number in the claim, from 0."""
    lab: bytes
    lab_name: str
    work: bytes
    title: str
    licence: str
    units: int
    unit: str
    how: int
    submitted_at: datetime
    receipt: str | None = None
    """A C2SP proof file for this row, where it was asked for."""


@dataclass(frozen=True, slots=True)
class UsePage:
    """Some rows; `next` is the place to continue after, `None` on the last page."""

    items: Sequence[OwnUse]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn, and from how many rows."""

    start: int
    stop: int
    """The claims with a log index in [start, stop)."""
    rows: int
    items: Sequence[OwnUse]


@dataclass(frozen=True, slots=True)
class Span:
    """Log indices [start, stop); without an end, up to the newest public checkpoint."""

    start: int = 0
    stop: int | None = None
    period: Period | None = None
    """If given, only what was reported in this quarter."""


def list_uses(
    session: Session,
    actor: Actor,
    span: Span,
    sources: Sources,
    after: Place | None = None,
    limit: int = DEFAULT_LIMIT,
) -> UsePage:
    """The rows in the order of the log, without their receipts."""
    start, stop = _public_span(session, actor, span)
    found = _places(session, actor, (start, stop), whole_second(sources.now()), after, span.period)
    places = list(islice(found, limit + 1))
    more = len(places) > limit
    return UsePage(_described(session, places[:limit]), places[limit - 1] if more else None)


def every_use(session: Session, actor: Actor, span: Span, sources: Sources) -> Iterator[OwnUse]:
    """All of them, in the order of the log, without their receipts."""
    start, stop = _public_span(session, actor, span)
    places = list(_places(session, actor, (start, stop), whole_second(sources.now()), None, span.period))
    for first in range(0, len(places), _CHUNK):
        yield from _described(session, places[first : first + _CHUNK])


def sample_uses(
    session: Session, actor: Actor, span: Span, sources: Sources, seed: str, count: int
) -> Sample:
    """`count` of the rows, drawn by `seed`, each with its receipt."""
    start, stop = _public_span(session, actor, span)
    places = list(_places(session, actor, (start, stop), whole_second(sources.now()), None, span.period))
    drawn = draw(seed, places, count)
    return Sample(start, stop, len(places), _described(session, drawn, receipts=True))


def may_see_row(session: Session, actor: Actor, batch: ClaimBatch, n: int, now: datetime) -> bool:
    """Whether the row names a work of the actor, or one for whose maker it may collect."""
    check_maker(actor)
    at = batch.log_index
    found = _places(session, actor, (at, at + 1), now, Place(at, n - 1))
    return next(found, None) == Place(at, n)


def check_maker(actor: Actor) -> None:
    """Only whoever registers works is paid for their use, and sees it."""
    if actor.role not in MAKERS:
        raise Forbidden(f"{actor.role.one} has no works; only creators and societies see the uses of theirs.")
    check_scopes(actor, _READ)


@dataclass(slots=True)
class OwnClaim:
    """A claim as whoever is paid for some of its rows sees it, with these rows."""

    id: int
    public_id: bytes
    log_index: int
    run_id: str
    """Hex SHA-256 of the run's manifest."""
    lab_id: int
    submitted_at: datetime
    rows: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """By number in the claim: private key of the agreement, and whether it costs anything."""
    units: Counter[str] = field(default_factory=Counter)


def own_claims(
    session: Session,
    actor: Actor,
    now: datetime,
    start: datetime,
    end: datetime,
    log_indices: Collection[int] = (),
) -> list[OwnClaim]:
    """The claims that were submitted in [start, end), or have these log indices, in the order of the log."""
    check_maker(actor)
    is_seen = _Seen(actor, parties.repertoires(session, actor, May.COLLECT, now))
    owner = _owner_column(session, actor)
    wanted = [and_(ClaimBatch.submitted_at >= start, ClaimBatch.submitted_at < end)]
    more = sorted(log_indices)
    wanted += [ClaimBatch.log_index.in_(more[n : n + _CHUNK]) for n in range(0, len(more), _CHUNK)]
    found: dict[int, OwnClaim] = {}
    for chosen in wanted:
        query = (
            select(
                ClaimBatch.log_index, ClaimRow.batch_id, ClaimRow.n, ClaimRow.agreement_id,
                ClaimRow.tariff.is_not(None), ClaimRow.unit, ClaimRow.units,
                Work.owner_id, Work.kind, Work.public_id,
            )
            .join(ClaimRow, ClaimRow.batch_id == ClaimBatch.id)
            .join(Work, Work.id == ClaimRow.work_id)
            .where(
                chosen,
                or_(owner == actor.party_id, owner.in_(parties.principals(actor))),
            )
            .execution_options(yield_per=_STREAM)
        )  # fmt: skip
        claims = _claims(session, chosen)
        with session.execute(query) as rows:
            _gather(rows, is_seen, claims, found)
    for claim in found.values():
        claim.rows = dict(sorted(claim.rows.items()))
    return [found[key] for key in sorted(found)]


def _claims(session: Session, chosen: ColumnElement[bool]) -> dict[int, OwnClaim]:
    """The claims themselves, by private key, still without their rows."""
    columns = (ClaimBatch.id, ClaimBatch.public_id, ClaimBatch.log_index, Run.run_id, ClaimBatch.lab_id)
    query = select(*columns, ClaimBatch.submitted_at).join(Run, Run.id == ClaimBatch.run_id).where(chosen)
    return {line[0]: OwnClaim(*line) for line in session.execute(query)}


@dataclass(frozen=True, slots=True)
class _Seen:
    """Which works the actor is paid for, or may collect for."""

    actor: Actor
    represented: Mapping[int, Sequence[Repertoire]]

    def __call__(self, owner: int, kind: str, work: bytes) -> bool:
        if owner == self.actor.party_id:
            return True
        held = self.represented.get(owner, ())
        return any(r.all for r in held) or any(r.contains(WorkRef(kind, work)) for r in held)


def _gather(
    rows: Iterable[Any], is_seen: _Seen, claims: Mapping[int, OwnClaim], found: dict[int, OwnClaim]
) -> None:
    """Those of the rows that the actor may see, to their claims, by log index."""
    for log_index, batch, n, agreement, costs, unit, units, owner, kind, work in rows:
        if is_seen(owner, kind, work):
            claim = found.setdefault(log_index, claims[batch])
            if n not in claim.rows:
                claim.rows[n] = (agreement, costs)
                claim.units[unit] += units


def _public_span(session: Session, actor: Actor, span: Span) -> tuple[int, int]:
    check_maker(actor)
    size = log.latest_checkpoint(session).checkpoint.size
    stop = size if span.stop is None else span.stop
    if not 0 <= span.start <= stop <= size:
        raise InvalidInput(
            f"The public log has {size} entries: “from” and “to” are at most that, and from is not above to."
        )
    return span.start, stop


def _places(
    session: Session,
    actor: Actor,
    span: tuple[int, int],
    now: datetime,
    after: Place | None = None,
    period: Period | None = None,
) -> Iterator[Place]:
    """The places of the rows that the actor may see, in the order of the log."""
    is_seen = _Seen(actor, parties.repertoires(session, actor, May.COLLECT, now))
    owner = _owner_column(session, actor)
    query = (
        select(ClaimBatch.log_index, ClaimRow.n, Work.owner_id, Work.kind, Work.public_id)
        .join(ClaimRow, ClaimRow.batch_id == ClaimBatch.id)
        .join(Work, Work.id == ClaimRow.work_id)
        .where(
            ClaimBatch.log_index < span[1], or_(owner == actor.party_id, owner.in_(parties.principals(actor)))
        )
        .order_by(ClaimBatch.log_index, ClaimRow.n)
    )
    if period is not None:
        query = query.where(ClaimBatch.submitted_at >= period.start, ClaimBatch.submitted_at < period.end)
    last, size = after or Place(span[0], -1), _WINDOW
    while True:
        later = and_(ClaimBatch.log_index == last.log_index, ClaimRow.n > last.row)
        window = query.where(
            ClaimBatch.log_index >= max(span[0], last.log_index),
            or_(ClaimBatch.log_index > last.log_index, later),
        )
        found = session.execute(window.limit(size)).all()
        for log_index, n, owner_id, kind, work in found:
            last = Place(log_index, n)
            if is_seen(owner_id, kind, work):
                yield last
        if len(found) < size:
            return
        size = min(4 * size, _LONGEST)


def _owner_column(session: Session, actor: Actor) -> ColumnElement[int]:
    """Whose a work is, so that the database finds the rows from the side on which there are fewer.

    Of few works it begins with these. Of a large repertoire it would go through all of it, and sort, for the first
    page; an expression, which no index is over, lets it walk along the log instead, and stop.
    """
    mine = or_(Work.owner_id == actor.party_id, Work.owner_id.in_(parties.principals(actor)))
    some = select(Work.id).where(mine).limit(_LARGE).subquery()
    large = session.scalar(select(func.count()).select_from(some)) == _LARGE
    return func.coalesce(Work.owner_id, 0) if large else Work.owner_id.expression


def _described(session: Session, places: Sequence[Place], *, receipts: bool = False) -> list[OwnUse]:
    """What stands at these places, in their order."""
    if not places:
        return []
    query = (
        select(
            ClaimBatch.public_id, ClaimBatch.log_index, ClaimBatch.lab_id, ClaimBatch.submitted_at,
            ClaimRow.n, ClaimRow.licence, ClaimRow.units, ClaimRow.unit, ClaimRow.how, Work.public_id, Work.title,
        )
        .join(ClaimRow, ClaimRow.batch_id == ClaimBatch.id)
        .join(Work, Work.id == ClaimRow.work_id)
        .where(tuple_(ClaimBatch.log_index, ClaimRow.n).in_([tuple(place) for place in places]))
    )  # fmt: skip
    found = session.execute(query).all()
    labs = parties.parties_by_id(session, {line[2] for line in found})
    proofs = _receipts(session, places) if receipts else {}
    uses = {}
    for claim, log_index, lab, at, n, licence, units, unit, how, work, title in found:
        place = Place(log_index, n)
        uses[place] = OwnUse(
            claim=claim,
            log_index=log_index,
            row=n,
            lab=labs[lab].public_id,
            lab_name=labs[lab].name,
            work=work,
            title=title,
            licence=licence,
            units=units,
            unit=unit,
            how=how,
            submitted_at=at,
            receipt=proofs.get(place),
        )
    return [uses[place] for place in places]


def _receipts(session: Session, places: Sequence[Place]) -> dict[Place, str]:
    proofs: dict[Place, str] = {}
    for index, group in groupby(sorted(places), key=lambda place: place.log_index):
        rows = session.scalars(select(ClaimBatch.rows).where(ClaimBatch.log_index == index)).one()
        same = list(group)
        made = log.row_receipts(session, index, rows, [place.row for place in same])
        proofs.update(zip(same, made, strict=True))
    return proofs
