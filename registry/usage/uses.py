"""Was this work used? The claims that name it, for its owner: each with the proof that it is in the public log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.core.errors import NotReady
from registry.log import service as log
from registry.parties import service as parties
from registry.usage.models import ClaimBatch, ClaimRow, Run
from registry.works.service import Work


@dataclass(frozen=True, slots=True)
class UseOfWork:
    """One row of a claim, without the other works that the claim names."""

    claim: bytes
    lab: bytes
    lab_name: str | None
    model: str
    """Name and version."""
    run: str
    purpose: str
    licence: str
    units: int
    unit: str
    submitted_at: datetime
    log_index: int
    receipt: str | None
    """A C2SP proof file for this row; `None` until a signed checkpoint covers it."""


def uses_of_work(session: Session, work_id: int, limit: int) -> Sequence[UseOfWork]:
    """The newest claims that name this work (private key). Whether the asker may know them, the caller decides."""
    query = (
        select(ClaimRow, ClaimBatch, Run)
        .join(ClaimBatch, ClaimBatch.id == ClaimRow.batch_id)
        .join(Run, Run.id == ClaimBatch.run_id)
        .where(ClaimRow.work_id == work_id)
        .order_by(ClaimBatch.id.desc(), ClaimRow.n)
        .limit(limit)
    )
    found = [(row, batch, run) for row, batch, run in session.execute(query)]
    models = parties.models_by_id(session, {batch.model_id for _, batch, _ in found})
    labs = parties.parties_by_id(session, {batch.lab_id for _, batch, _ in found})
    return [
        UseOfWork(
            claim=batch.public_id,
            lab=labs[batch.lab_id].public_id,
            lab_name=labs[batch.lab_id].name,
            model=f"{models[batch.model_id].name} {models[batch.model_id].version}",
            run=run.run_id,
            purpose=run.purpose,
            licence=row.licence,
            units=row.units,
            unit=row.unit,
            submitted_at=batch.submitted_at,
            log_index=batch.log_index,
            receipt=_receipt(session, batch, row.n),
        )
        for row, batch, run in found
    ]


@dataclass(frozen=True, slots=True)
class UsedWorks:
    """What labs reported of one owner's works, in two figures."""

    works: int
    labs: int


def used_works(session: Session, owner_id: int) -> UsedWorks:
    """How many of an owner's (private key) works labs reported, and how many labs did. Signed or not yet."""
    query = (
        select(func.count(ClaimRow.work_id.distinct()), func.count(ClaimBatch.lab_id.distinct()))
        .join(ClaimBatch, ClaimBatch.id == ClaimRow.batch_id)
        .join(Work, Work.id == ClaimRow.work_id)
        .where(Work.owner_id == owner_id)
    )
    return UsedWorks(*session.execute(query).one())


def _receipt(session: Session, batch: ClaimBatch, n: int) -> str | None:
    try:
        return log.row_receipt(session, batch.log_index, batch.rows, n)
    except NotReady:
        return None
