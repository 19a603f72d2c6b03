"""Reading claims: for the lab that made them, the operator and auditors, and for settlements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import NotFound, NotReady
from registry.core.ids import format_id
from registry.log import service as log
from registry.log.service import LogKey
from registry.parties import service as parties
from registry.usage.checks import check_lab
from registry.usage.models import ClaimBatch, ClaimRow, Run
from registry.usage.own import MAKERS, check_maker, may_see_row

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class ClaimDetails:
    """A batch with the names of what it refers to."""

    batch: ClaimBatch
    lab: bytes
    model: bytes
    run: str
    """Hex SHA-256 of the run's manifest."""


def list_claims(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[ClaimBatch]:
    """The acting lab's batches, or all of them for the operator and auditors."""
    return paginate(session, _visible(actor), ClaimBatch, after, limit)


def newest_claims(
    session: Session, lab: Actor, limit: int, before: bytes | None = None
) -> tuple[Sequence[ClaimBatch], int]:
    """A lab's batches, the newest first, from the one before `before` on, without their rows; and how many it has."""
    check_lab(lab)
    mine = ClaimBatch.lab_id == lab.party_id
    query = select(ClaimBatch).where(mine)
    if before is not None:
        last = select(ClaimBatch.id).where(mine, ClaimBatch.public_id == before).scalar_subquery()
        query = query.where(ClaimBatch.id < last)
    found = session.scalars(
        query.order_by(ClaimBatch.id.desc()).limit(limit).options(defer(ClaimBatch.rows))
    ).all()
    return found, session.scalar(select(func.count()).select_from(ClaimBatch).where(mine)) or 0


def claim_details(session: Session, batches: Sequence[ClaimBatch]) -> list[ClaimDetails]:
    """These batches as they are shown to whoever may see them."""
    labs = parties.parties_by_id(session, {batch.lab_id for batch in batches})
    models = parties.models_by_id(session, {batch.model_id for batch in batches})
    return [
        ClaimDetails(
            batch,
            labs[batch.lab_id].public_id,
            models[batch.model_id].public_id,
            run_of(session, batch).run_id,
        )
        for batch in batches
    ]


def get_claim(session: Session, actor: Actor, public_id: bytes) -> ClaimBatch:
    """One batch; `NotFound` for other labs', `Forbidden` for whoever is neither a lab, the operator nor an auditor."""
    batch = session.scalar(_visible(actor).where(ClaimBatch.public_id == public_id))
    if batch is None:
        raise NotFound(f"You have no {format_id('claim', public_id)}.")
    return batch


def _visible(actor: Actor) -> Select[ClaimBatch]:
    if actor.sees_all_usage:
        return select(ClaimBatch)
    check_lab(actor)
    return select(ClaimBatch).where(ClaimBatch.lab_id == actor.party_id)


# -- receipts ----------------------------------------------------------------------------------------------
def receipt_of(
    session: Session, actor: Actor, public_id: bytes, now: datetime, row: int | None = None
) -> str:
    """The receipt of a batch (a C2SP proof file), or of one of its rows, counted from 0.

    A row's receipt is also for whoever is paid for the work in it. `NotReady` while no signed checkpoint covers it,
    `NotFound` for a row that it has not.
    """
    if row is None:
        return log.receipt(session, get_claim(session, actor, public_id).log_index)
    if actor.role in MAKERS:
        batch = session.scalar(select(ClaimBatch).where(ClaimBatch.public_id == public_id))
        check_maker(actor)
        if batch is None or not may_see_row(session, actor, batch, row, now):
            raise NotFound(f"No work of yours is in row {row} of {format_id('claim', public_id)}.")
    else:
        batch = get_claim(session, actor, public_id)
    if not 0 <= row < batch.row_count:
        raise NotFound(f"The claim has {batch.row_count} rows, counted from 0; none is number {row}.")
    return log.row_receipt(session, batch.log_index, batch.rows, row)


def receipt_now(
    database: Database,
    actor: Actor,
    public_id: bytes,
    key: Callable[[], LogKey],
    sources: Sources,
    row: int | None = None,
) -> str:
    """The receipt of a batch that is committed; only if no checkpoint covers it yet, one is signed and witnessed."""
    now = whole_second(sources.now())
    try:
        with database.reading() as session:
            return receipt_of(session, actor, public_id, now, row)
    except NotReady:
        log.sign_head(database, key(), now)
        with database.reading() as session:
            return receipt_of(session, actor, public_id, now, row)


# -- for settlements and statements ------------------------------------------------------------------------
def claims_between(
    session: Session, from_index: int, to_index: int, *, before: datetime, taken: Select[int]
) -> list[ClaimBatch]:
    """The batches with a log index in [from, to), submitted before that time, in the order of the log.

    Those whose private key the query `taken` gives are left out.
    """
    query = select(ClaimBatch).where(
        ClaimBatch.log_index >= from_index,
        ClaimBatch.log_index < to_index,
        ClaimBatch.submitted_at < before,
        ClaimBatch.id.not_in(taken),
    )
    return list(session.scalars(query.order_by(ClaimBatch.log_index)))


def first_claims(
    session: Session, agreement_ids: Collection[int], to_index: int, before: datetime
) -> Mapping[int, datetime]:
    """When use was first reported under these agreements (private keys); those without any are missing."""
    query = (
        select(ClaimRow.agreement_id, func.min(ClaimBatch.submitted_at))
        .join(ClaimBatch, ClaimBatch.id == ClaimRow.batch_id)
        .where(
            ClaimRow.agreement_id.in_(sorted(agreement_ids)),
            ClaimBatch.log_index < to_index,
            ClaimBatch.submitted_at < before,
        )
        .group_by(ClaimRow.agreement_id)
        .order_by(ClaimRow.agreement_id)
    )
    return {agreement: first for agreement, first in session.execute(query)}  # noqa: C416 - rows are no pairs to mypy


def claims_under(
    session: Session, agreement_ids: Collection[int], to_index: int, before: datetime
) -> list[ClaimBatch]:
    """All batches with a row under one of these agreements, settled or not, in the order of the log."""
    named = select(ClaimRow.batch_id).where(ClaimRow.agreement_id.in_(sorted(agreement_ids)))
    query = select(ClaimBatch).where(
        ClaimBatch.id.in_(named), ClaimBatch.log_index < to_index, ClaimBatch.submitted_at < before
    )
    return list(session.scalars(query.order_by(ClaimBatch.log_index))) if agreement_ids else []


def rows_of(session: Session, batch: ClaimBatch) -> Sequence[ClaimRow]:
    """A batch's rows, in their order."""
    return session.scalars(select(ClaimRow).where(ClaimRow.batch_id == batch.id).order_by(ClaimRow.n)).all()


def row_facts(session: Session, batch: ClaimBatch) -> Sequence[tuple[int, int, bytes | None, str]]:
    """Work, agreement (private keys), tariff digest and unit of each of a batch's rows, in their order."""
    columns = select(ClaimRow.work_id, ClaimRow.agreement_id, ClaimRow.tariff, ClaimRow.unit)
    query = columns.where(ClaimRow.batch_id == batch.id).order_by(ClaimRow.n)
    return [(work, agreement, tariff, unit) for work, agreement, tariff, unit in session.execute(query)]


def run_of(session: Session, batch: ClaimBatch) -> Run:
    """The run that a batch rests on."""
    return session.get_one(Run, batch.run_id)


class ClaimPlace(NamedTuple):
    """Where in the log a claim stands, and when and where its works were used."""

    log_index: int
    submitted_at: datetime
    territory: str
    """Of the run."""


def claim_places(session: Session, ids: Iterable[int]) -> Mapping[int, ClaimPlace]:
    """Of batches by private key, without their rows."""
    wanted = sorted(set(ids))
    columns = select(ClaimBatch.id, ClaimBatch.log_index, ClaimBatch.submitted_at, Run.territory)
    query = columns.join(Run, Run.id == ClaimBatch.run_id)
    return {
        key: ClaimPlace(log_index, submitted_at, territory)
        for start in range(0, len(wanted), _CHUNK)
        for key, log_index, submitted_at, territory in session.execute(
            query.where(ClaimBatch.id.in_(wanted[start : start + _CHUNK]))
        )
    }


def claims_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, ClaimBatch]:
    """Batches by private key."""
    wanted = sorted(set(ids))
    return {
        batch.id: batch
        for start in range(0, len(wanted), _CHUNK)
        for batch in session.scalars(
            select(ClaimBatch).where(ClaimBatch.id.in_(wanted[start : start + _CHUNK]))
        )
    }
