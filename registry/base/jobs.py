"""Background work: rows in a table, enqueued in the transaction that needs them: neither exists without the other.

A worker leases a job (SKIP LOCKED on PostgreSQL, the writer lock on SQLite), runs its handler outside that transaction,
and records the result. A worker that dies lets its lease run out and another takes over, so a handler may run twice and
has to bear it. A failure is tried again after 10 s, 40 s, 160 s …; after the last attempt the job is *failed*, kept,
and shown to the operator. Periodic work is an ordinary job whose unique key names its time slot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from registry.base.clock import Sources
from registry.base.db import Base, Database, Identified
from registry.core.errors import VorbehaltError

LEASE = timedelta(minutes=10)
FIRST_RETRY = timedelta(seconds=10)
ATTEMPTS = 6

_log = logging.getLogger("registry.jobs")


class State(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(Identified, Base):
    """One piece of background work."""

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_due", "state", "run_at"),)

    kind: Mapped[str] = mapped_column(String(50))
    unique_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    party_id: Mapped[int | None]
    """Who may look at it; `None`: only the operator."""
    payload: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    run_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


Handler = Callable[[Database, Mapping[str, Any], Sources], dict[str, Any]]
"""Does the work in transactions of its own; what it returns is the job's result."""


@dataclass(frozen=True, slots=True)
class Periodic:
    """Work that is due once in every slot of this length, counted from the epoch."""

    kind: str
    every: timedelta


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    sources: Sources,
    *,
    party_id: int | None = None,
    unique_key: str | None = None,
    run_at: datetime | None = None,
) -> Job:
    """Add a job to the caller's transaction; with a key that is taken, the job that has it."""
    if unique_key is not None:
        taken = session.scalar(select(Job).where(Job.unique_key == unique_key))
        if taken is not None:
            return taken
    now = sources.now()
    job = Job(
        public_id=sources.new_id(),
        kind=kind,
        payload=dict(payload),
        party_id=party_id,
        unique_key=unique_key,
        state=State.QUEUED,
        attempts=0,
        created_at=now,
        run_at=run_at or now,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:  # somebody else took the key in the meantime
        return session.scalars(select(Job).where(Job.unique_key == unique_key)).one()
    return job


def lease(session: Session, kinds: frozenset[str], now: datetime) -> Job | None:
    """Take the job that has been due longest: a queued one, or one whose worker's lease ran out."""
    due = or_(
        (Job.state == State.QUEUED) & (Job.run_at <= now),
        (Job.state == State.RUNNING) & (Job.lease_until < now),
    )
    job = session.scalar(
        select(Job)
        .where(due, Job.kind.in_(kinds))
        .order_by(Job.run_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if job is None:
        return None
    if job.attempts >= ATTEMPTS:  # each time its worker died without a word
        job.state, job.error, job.finished_at = State.FAILED, f"its worker died {job.attempts} times", now
        session.flush()
        return lease(session, kinds, now)
    job.state = State.RUNNING
    job.attempts += 1
    job.lease_until = now + LEASE
    return job


def finish(session: Session, job_id: int, attempt: int, result: dict[str, Any], now: datetime) -> bool:
    """Record success; false, and nothing changed, if the lease ran out and another worker has the job now."""
    job = session.get_one(Job, job_id, with_for_update=True)
    if job.state != State.RUNNING or job.attempts != attempt:
        return False
    job.state, job.result, job.error, job.finished_at, job.lease_until = State.DONE, result, None, now, None
    return True


def give_up(session: Session, job_id: int, attempt: int, error: str, now: datetime, *, again: bool) -> None:
    """Record a failure: try again later, unless it cannot help or was the last attempt."""
    job = session.get_one(Job, job_id, with_for_update=True)
    if job.state != State.RUNNING or job.attempts != attempt:
        return
    job.error, job.lease_until = error[:2000], None
    if again and job.attempts < ATTEMPTS:
        job.state, job.run_at = State.QUEUED, now + FIRST_RETRY * 4 ** (job.attempts - 1)
    else:
        job.state, job.finished_at = State.FAILED, now


def schedule(session: Session, periodics: tuple[Periodic, ...], sources: Sources) -> None:
    """Enqueue each periodic job of the present slot that nobody has enqueued yet."""
    for periodic in periodics:
        slot = int(sources.now().timestamp() // periodic.every.total_seconds())
        enqueue(session, periodic.kind, {}, sources, unique_key=f"{periodic.kind}:{slot}")


class Worker:
    """Runs jobs one after the other until told to stop."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        periodics: tuple[Periodic, ...] = (),
        sources: Sources | None = None,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._periodics = periodics
        self._sources = sources or Sources()

    def run_one(self) -> bool:
        """Run the next due job, if there is one."""
        with self._database.writing() as session:
            schedule(session, self._periodics, self._sources)
            job = lease(session, frozenset(self._handlers), self._sources.now())
            if job is None:
                return False
            job_id, attempt, kind, payload = job.id, job.attempts, job.kind, job.payload
        try:
            result = self._handlers[kind](self._database, payload, self._sources)
        except Exception as error:  # noqa: BLE001 - the outermost loop: one bad job must not stop the others
            _log.exception("job %s (%s) failed", job_id, kind)
            refused = isinstance(error, VorbehaltError)
            with self._database.writing() as session:
                give_up(
                    session,
                    job_id,
                    attempt,
                    str(error) or repr(error),
                    self._sources.now(),
                    again=not refused,
                )
            return True
        with self._database.writing() as session:
            finish(session, job_id, attempt, result, self._sources.now())
        return True

    def run_until(self, stop: threading.Event, idle_seconds: float = 1.0) -> None:
        """Run jobs as they come due; returns soon after `stop` is set."""
        while not stop.is_set():
            if not self.run_one():
                stop.wait(idle_seconds)
