"""What each lab reported in a time, in numbers: for whoever compares all labs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from registry.usage.models import ClaimBatch, Run


@dataclass(frozen=True, slots=True)
class LabUsage:
    """The reports of one lab."""

    runs: int = 0
    silent: int = 0
    """Runs that were reported without any claim until now."""
    claims: int = 0
    rows: int = 0


def usage_by_lab(session: Session, start: datetime, end: datetime) -> Mapping[int, LabUsage]:
    """By private key of the lab: its runs and claims that were reported in [start, end)."""
    claimed = exists().where(ClaimBatch.run_id == Run.id)
    runs = (
        select(Run.lab_id, func.count(), func.count().filter(~claimed))
        .where(Run.submitted_at >= start, Run.submitted_at < end)
        .group_by(Run.lab_id)
    )
    claims = (
        select(ClaimBatch.lab_id, func.count(), func.sum(ClaimBatch.row_count))
        .where(ClaimBatch.submitted_at >= start, ClaimBatch.submitted_at < end)
        .group_by(ClaimBatch.lab_id)
    )
    of_runs = {lab: (number, silent) for lab, number, silent in session.execute(runs)}
    of_claims = {lab: (number, int(rows)) for lab, number, rows in session.execute(claims)}
    return {
        lab: LabUsage(*of_runs.get(lab, (0, 0)), *of_claims.get(lab, (0, 0)))
        for lab in of_runs.keys() | of_claims.keys()
    }
