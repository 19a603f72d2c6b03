"""Background work: rows in a table, enqueued in the transaction that needs them: neither exists without the other.

A worker leases a job (SKIP LOCKED on PostgreSQL, the writer lock on SQLite), runs its handler outside that transaction,
prolongs the lease meanwhile, and records the result. A worker that dies lets its lease run out and another takes over,
so a handler may run twice and has to bear it. A failure that may pass is tried again after 10 s, 40 s, 160 s …; after
the last attempt the job is *failed* and kept for the operator. Periodic work is an ordinary job whose unique key names
its time slot: however many workers there are, it is done once a slot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, delete, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from registry.base.clock import Sources
from registry.base.db import Base, Database, Identified
from registry.core.errors import Conflict, NetworkFailed, NotReady, VorbehaltError

LEASE = timedelta(minutes=5)
FIRST_RETRY = timedelta(seconds=10)
ATTEMPTS = 6
KEPT_FOR = timedelta(days=30)
"""How long the operator can see what became of a job."""

_PASSING = (Conflict, NetworkFailed, NotReady)
"""Those of our errors that may be over when the job is tried again; the others say that it cannot succeed."""
_AFTER_TROUBLE = 5.0
"""Seconds before a worker looks again after it could not."""

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


def renew(session: Session, job_id: int, attempt: int, now: datetime) -> bool:
    """Prolong the lease of a job that is still being worked at; false if it is somebody else's, or done."""
    ours = (Job.id == job_id, Job.state == State.RUNNING, Job.attempts == attempt)
    done = session.execute(update(Job).where(*ours).values(lease_until=now + LEASE))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def schedule(session: Session, periodics: tuple[Periodic, ...], sources: Sources) -> None:
    """Enqueue each periodic job of the present slot that nobody has enqueued yet."""
    for periodic in periodics:
        slot = int(sources.now().timestamp() // periodic.every.total_seconds())
        enqueue(session, periodic.kind, {}, sources, unique_key=f"{periodic.kind}:{slot}")


def forget(session: Session, now: datetime) -> int:
    """Remove jobs that ended long ago; how many."""
    done = session.execute(delete(Job).where(Job.finished_at < now - KEPT_FOR))
    return int(done.rowcount)  # type: ignore[attr-defined]


class Worker:
    """Runs jobs one after the other until told to stop."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        periodics: tuple[Periodic, ...] = (),
        sources: Sources | None = None,
        *,
        renew_seconds: float = LEASE.total_seconds() / 4,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._periodics = periodics
        self._sources = sources or Sources()
        self._renew_seconds = renew_seconds

    def run_one(self) -> bool:
        """Run the next due job, if there is one."""
        with self._database.writing() as session:
            schedule(session, self._periodics, self._sources)
            job = lease(session, frozenset(self._handlers), self._sources.now())
        if job is None:
            return False
        try:
            with self._leased(job.id, job.attempts):
                result = self._handlers[job.kind](self._database, job.payload, self._sources)
        except Exception as error:  # noqa: BLE001 - the outermost loop: one bad job must not stop the others
            self._failed(job, error)
            return True
        with self._database.writing() as session:
            finish(session, job.id, job.attempts, result, self._sources.now())
        _log.info("job %s (%s) is done", job.id, job.kind, extra={"facts": {"result": result}})
        return True

    def _failed(self, job: Job, error: Exception) -> None:
        """Say so in the log, with the place only where it is a fault of ours; try again where that may help."""
        known = isinstance(error, VorbehaltError)
        _log.error("job %s (%s) failed: %s", job.id, job.kind, error, exc_info=None if known else error)
        again = not known or isinstance(error, _PASSING)
        now = self._sources.now()
        with self._database.writing() as session:
            give_up(session, job.id, job.attempts, str(error) or repr(error), now, again=again)

    @contextmanager
    def _leased(self, job_id: int, attempt: int) -> Iterator[None]:
        """Prolong the lease from time to time until the block ends, so that long work is not taken for dead."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(self._renew_seconds):
                try:
                    with self._database.writing() as session:
                        renew(session, job_id, attempt, self._sources.now())
                except SQLAlchemyError:  # busy or away; there is time for several more attempts
                    _log.warning("the lease of job %s could not be prolonged", job_id, exc_info=True)

        keeper = threading.Thread(target=keep, name=f"lease of job {job_id}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()

    def run_until(self, stop: threading.Event, idle_seconds: float = 1.0) -> None:
        """Run jobs as they come due, also after the database was away; once stopped, end with the job in hand."""
        while not stop.is_set():
            try:
                busy = self.run_one()
            except Exception:  # noqa: BLE001 - a worker outlives any trouble, such as a database that is away
                _log.exception("jobs cannot be looked for; trying again in %s s", _AFTER_TROUBLE)
                stop.wait(_AFTER_TROUBLE)
                continue
            if not busy:
                stop.wait(idle_seconds)
