"""What a lab reported as used under licence, and may use no longer: withdrawn since, or no longer covered.

Decided as a check of the same work would be now, for what the run asked for. A lab that trains on asks for it before it
does; what it need not report, because anyone may use it free of charge, is found by running the filter again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.paging import DEFAULT_LIMIT, MAX_LIMIT
from registry.core.decisions import Grade, MatchedWork, Policy, Purpose, Request, Verdict, decide
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.core.records.runs import RunManifest
from registry.licences import service as licences
from registry.usage.models import ClaimBatch, ClaimRow, Run
from registry.usage.runs import get_run
from registry.works import service as works
from registry.works.service import Standing

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class DeniedNow:
    """A work that a run's claims name and that is denied to the lab now."""

    work: bytes
    reason: str
    """As a check would state it, such as `registered.no-licence`."""
    withdrawn_at: datetime | None
    licences: Sequence[str]
    """Under which the lab reported it."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Some of them, and the work to continue after."""

    items: Sequence[DeniedNow]
    next: bytes | None


def changes_of_run(
    session: Session,
    actor: Actor,
    run_id: str,
    now: datetime,
    after: bytes | None = None,
    limit: int = DEFAULT_LIMIT,
) -> ChangesPage:
    """The works of a run's claims that are denied now, in the order of registration; `NotFound` for others' runs."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"A page has 1 to {MAX_LIMIT} items, not {limit}.")
    run = get_run(session, actor, run_id)
    found: list[DeniedNow] = []
    for item in _denied(session, run, now, _start(session, run, after)):
        if len(found) == limit:
            return ChangesPage(found, found[-1].work)
        found.append(item)
    return ChangesPage(found, None)


def _start(session: Session, run: Run, after: bytes | None) -> int:
    """The private key to continue after. Only works of this run are known here: others tell nothing of themselves."""
    if after is None:
        return 0
    found = works.work_ids_by_public_id(session, [after]).get(after)
    if found is None or _used(session, run, found - 1, 1) != [found]:
        raise InvalidInput("The list cannot be continued after this id; begin it again without “after”.")
    return found


def _used(session: Session, run: Run, after: int, limit: int) -> list[int]:
    """The private keys of works that the run's claims name, in order."""
    query = (
        select(ClaimRow.work_id)
        .distinct()
        .join(ClaimBatch, ClaimBatch.id == ClaimRow.batch_id)
        .where(ClaimBatch.run_id == run.id, ClaimRow.work_id > after)
    )
    return list(session.scalars(query.order_by(ClaimRow.work_id).limit(limit)))


def _denied(session: Session, run: Run, now: datetime, after: int) -> Iterator[DeniedNow]:
    """All of them, read in portions."""
    manifest = RunManifest.parse(run.manifest)
    request = Request(
        purpose=Purpose.parse(run.purpose),
        policy=Policy(manifest.policy),
        at=int(now.timestamp()),
        territory=run.territory,
    )
    while portion := _used(session, run, after, _CHUNK):
        state = works.standing(session, portion)
        terms = licences.terms_of_works(session, state, run.lab_id, now)
        for key in portion:
            work = format_id("work", state[key].public_id)
            decision = decide(request, [MatchedWork(work, Grade.CERTAIN, *terms[key])])
            if decision.verdict is Verdict.DENY:
                yield _item(session, run, key, state[key], decision.reason)
        after = portion[-1]


def _item(session: Session, run: Run, key: int, work: Standing, reason: str) -> DeniedNow:
    named = (
        select(ClaimRow.licence)
        .distinct()
        .join(ClaimBatch, ClaimBatch.id == ClaimRow.batch_id)
        .where(ClaimBatch.run_id == run.id, ClaimRow.work_id == key)
    )
    return DeniedNow(
        work=work.public_id,
        reason=reason,
        withdrawn_at=work.withdrawn_at,
        licences=session.scalars(named.order_by(ClaimRow.licence)).all(),
    )
