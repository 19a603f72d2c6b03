"""Filter runs that labs submit: what was filtered, by which rules, against which edition; with claims or without."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, MAX_LIMIT
from registry.base.periods import whole_second
from registry.core.errors import InvalidInput, NotFound
from registry.core.records.runs import RunManifest
from registry.log import service as log
from registry.parties import service as parties
from registry.usage import checks
from registry.usage.models import ClaimBatch, ClaimRow, Run

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run with the names of what it refers to."""

    run: Run
    lab: bytes
    claims: Sequence[bytes]
    """The claim batches that rest on it."""

    @property
    def manifest(self) -> dict[str, Any]:
        """The run's `run.json`."""
        return dict(orjson.loads(self.run.manifest))


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, and the run_id to continue after."""

    items: Sequence[Run]
    next: str | None


def submit_run(session: Session, actor: Actor, manifest: Mapping[str, Any], sources: Sources) -> Run:
    """Put a run on record before anything is claimed for it, or if nothing ever is. The same run again is the same.

    `VerificationFailed` if the manifest was changed after the run.
    """
    checks.check_lab(actor)
    now = whole_second(sources.now())
    read = checks.read_manifest(manifest, actor, now)
    log.hold(session)  # of two equal requests at once, one waits and finds the other's run
    return record_run(session, actor, read, now)


def record_run(session: Session, actor: Actor, manifest: RunManifest, now: datetime) -> Run:
    """The run as it was first reported; `runtime`, which is not hashed, may differ between two reports."""
    own = (Run.lab_id == actor.party_id, Run.run_id == manifest.run_id)
    run = session.scalar(select(Run).where(*own))
    if run is None:
        run = Run(
            lab_id=actor.party_id,
            run_id=manifest.run_id,
            purpose=manifest.purpose,
            territory=manifest.territory,
            manifest=manifest.to_bytes(),
            submitted_at=now,
        )
        session.add(run)
        session.flush()
    return run


def list_runs(
    session: Session, actor: Actor, after: str | None = None, limit: int = DEFAULT_LIMIT
) -> RunPage:
    """The acting lab's runs in the order of submission, or all of them for the operator."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"A page has 1 to {MAX_LIMIT} items, not {limit}.")
    query = _visible(actor)
    if after is not None:
        last = session.scalar(query.where(Run.run_id == after).order_by(Run.id.desc()).limit(1))
        if last is None:
            raise InvalidInput("The list cannot be continued after this run; begin it again without “after”.")
        query = query.where(Run.id > last.id)
    rows = session.scalars(query.order_by(Run.id).limit(limit + 1)).all()
    return RunPage(rows[:limit], rows[limit - 1].run_id if len(rows) > limit else None)


def newest_runs(session: Session, actor: Actor, limit: int, before: str | None = None) -> Sequence[Run]:
    """The runs that were submitted last, the newest first; from the one before `before` on."""
    query = _visible(actor)
    if before is not None:
        last = query.where(Run.run_id == before).with_only_columns(func.max(Run.id)).scalar_subquery()
        query = query.where(Run.id < last)
    return session.scalars(query.order_by(Run.id.desc()).limit(limit)).all()


def count_runs(session: Session, actor: Actor) -> int:
    """How many runs the actor sees."""
    return session.scalar(_visible(actor).with_only_columns(func.count(Run.id))) or 0


def works_reported(session: Session, run: Run, most: int) -> dict[int, int]:
    """The units of each work, by private key, that all claims of a run report together; of `most` works at most."""
    query = (
        select(ClaimRow.work_id, func.sum(ClaimRow.units))
        .join(ClaimBatch, ClaimBatch.id == ClaimRow.batch_id)
        .where(ClaimBatch.run_id == run.id)
        .group_by(ClaimRow.work_id)
        .order_by(ClaimRow.work_id)
    )
    return {work: int(units) for work, units in session.execute(query.limit(most))}


def get_run(session: Session, actor: Actor, run_id: str) -> Run:
    """One run; `NotFound` for other labs'."""
    run = session.scalar(_visible(actor).where(Run.run_id == run_id).order_by(Run.id).limit(1))
    if run is None:
        raise NotFound(f"You have no run {run_id}.")
    return run


def runs_seen(session: Session, runs: Sequence[Run]) -> list[RunDetails]:
    """These runs as they are shown to whoever may see them."""
    labs = parties.parties_by_id(session, {run.lab_id for run in runs})
    return [RunDetails(run, labs[run.lab_id].public_id, _claims(session, run)) for run in runs]


def _claims(session: Session, run: Run) -> Sequence[bytes]:
    query = select(ClaimBatch.public_id).where(ClaimBatch.run_id == run.id)
    return session.scalars(query.order_by(ClaimBatch.id)).all()


def _visible(actor: Actor) -> Select[Run]:
    if Scope.OPERATE in actor.scopes:
        return select(Run)
    checks.check_lab(actor)
    return select(Run).where(Run.lab_id == actor.party_id)


def run_numbers(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Hex SHA-256 of runs' manifests, by private key."""
    wanted = sorted(ids)
    return {
        key: run_id
        for start in range(0, len(wanted), _CHUNK)
        for key, run_id in session.execute(
            select(Run.id, Run.run_id).where(Run.id.in_(wanted[start : start + _CHUNK]))
        )
    }
