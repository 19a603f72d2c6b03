"""Jobs: nothing enqueued is lost, nothing is done by two workers at once, failures are tried again and then kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from registry.base.clock import Sources
from registry.base.db import Base, Database
from registry.base.jobs import ATTEMPTS, LEASE, Handler, Job, Periodic, State, Worker, enqueue, finish, lease
from registry.core.errors import InvalidInput


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sources(clock: Clock) -> Sources:
    return Sources(now=clock)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    Base.metadata.create_all(database.engine, tables=[Job.__table__])  # type: ignore[list-item]
    yield database
    database.dispose()


def put(database: Database, sources: Sources, kind: str = "add", **payload: Any) -> int:
    with database.writing() as session:
        return enqueue(session, kind, payload, sources).id


def job(database: Database, job_id: int) -> Job:
    with database.reading() as session:
        return session.get_one(Job, job_id)


def add(_database: Database, payload: Mapping[str, Any], _sources: Sources) -> dict[str, Any]:
    return {"sum": payload["a"] + payload["b"]}


def failing(error: Exception) -> Handler:
    def handler(_database: Database, _payload: Mapping[str, Any], _sources: Sources) -> dict[str, Any]:
        raise error

    return handler


def test_a_job_is_run_and_its_result_kept(database: Database, sources: Sources) -> None:
    job_id = put(database, sources, a=2, b=3)
    worker = Worker(database, {"add": add}, sources=sources)
    assert worker.run_one()
    assert not worker.run_one()
    done = job(database, job_id)
    assert (done.state, done.result, done.error) == (State.DONE, {"sum": 5}, None)


def test_a_job_of_a_transaction_that_fails_does_not_exist(database: Database, sources: Sources) -> None:
    def fail_after_enqueueing() -> None:
        with database.writing() as session:
            enqueue(session, "add", {"a": 1, "b": 1}, sources)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_enqueueing()
    assert not Worker(database, {"add": add}, sources=sources).run_one()


def test_a_worker_leaves_jobs_of_unknown_kinds_alone(database: Database, sources: Sources) -> None:
    job_id = put(database, sources, kind="publish")
    assert not Worker(database, {"add": add}, sources=sources).run_one()
    assert job(database, job_id).state == State.QUEUED


def test_a_fault_is_tried_again_later_and_finally_kept_as_failed(
    database: Database, sources: Sources, clock: Clock
) -> None:
    job_id = put(database, sources)
    worker = Worker(database, {"add": failing(OSError("disk full"))}, sources=sources)
    for attempt in range(1, ATTEMPTS + 1):
        assert worker.run_one()
        assert not worker.run_one(), "not before its time"
        assert job(database, job_id).attempts == attempt
        clock.now += timedelta(days=1)
    failed = job(database, job_id)
    assert (failed.state, failed.error) == (State.FAILED, "disk full")
    assert not worker.run_one()


def test_what_cannot_succeed_is_not_tried_again(database: Database, sources: Sources) -> None:
    job_id = put(database, sources)
    Worker(database, {"add": failing(InvalidInput("no such work"))}, sources=sources).run_one()
    assert job(database, job_id).state == State.FAILED


def test_the_job_of_a_dead_worker_is_taken_over_and_its_late_result_ignored(
    database: Database, sources: Sources, clock: Clock
) -> None:
    job_id = put(database, sources, a=1, b=1)
    with database.writing() as session:
        dead = lease(session, frozenset({"add"}), clock.now)
        assert dead is not None
        attempt = dead.attempts
    worker = Worker(database, {"add": add}, sources=sources)
    assert not worker.run_one(), "its lease still runs"
    clock.now += LEASE + timedelta(seconds=1)
    assert worker.run_one()
    with database.writing() as session:
        assert not finish(session, job_id, attempt, {"sum": 99}, clock.now)
    assert job(database, job_id).result == {"sum": 2}


def test_a_job_that_kills_its_workers_is_given_up(database: Database, sources: Sources, clock: Clock) -> None:
    job_id = put(database, sources)
    for _ in range(ATTEMPTS):
        with database.writing() as session:
            assert lease(session, frozenset({"add"}), clock.now) is not None
        clock.now += LEASE + timedelta(seconds=1)
    with database.writing() as session:
        assert lease(session, frozenset({"add"}), clock.now) is None
    assert job(database, job_id).state == State.FAILED


def test_the_same_key_is_one_job(database: Database, sources: Sources) -> None:
    with database.writing() as session:
        first = enqueue(session, "add", {"a": 1, "b": 1}, sources, unique_key="once")
        assert enqueue(session, "add", {"a": 9, "b": 9}, sources, unique_key="once") is first


def test_periodic_work_is_due_once_a_slot(database: Database, sources: Sources, clock: Clock) -> None:
    runs: list[datetime] = []

    def publish(_database: Database, _payload: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
        runs.append(sources.now())
        return {}

    hourly = (Periodic("publish", timedelta(hours=1)),)
    workers = [Worker(database, {"publish": publish}, hourly, sources) for _ in range(2)]
    for _ in range(3):
        for worker in workers * 2:
            worker.run_one()
        clock.now += timedelta(hours=1)
    assert len(runs) == 3


def test_two_workers_never_run_the_same_job(database: Database, sources: Sources) -> None:
    ids = [put(database, sources, a=n, b=0) for n in range(30)]
    seen: list[int] = []
    lock = threading.Lock()

    def note(_database: Database, payload: Mapping[str, Any], _sources: Sources) -> dict[str, Any]:
        with lock:
            seen.append(payload["a"])
        return {}

    def run() -> None:
        worker = Worker(database, {"add": note}, sources=sources)
        while worker.run_one():
            pass

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(30))
    with database.reading() as session:
        assert {j.state for j in session.scalars(select(Job).where(Job.id.in_(ids)))} == {State.DONE}
