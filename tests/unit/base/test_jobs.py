"""Jobs: nothing enqueued is lost, nothing is done by two workers at once, failures are tried again and then kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import (
    ATTEMPTS,
    FIRST_RETRY,
    KEPT_FOR,
    LEASE,
    Handler,
    Job,
    Periodic,
    State,
    Worker,
    enqueue,
    finish,
    forget,
    lease,
)
from registry.core.errors import Conflict, Corrupt, InvalidInput, NetworkFailed, NotReady
from tests.factories import Clock


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
        clock.at += timedelta(days=1)
    failed = job(database, job_id)
    assert (failed.state, failed.error) == (State.FAILED, "disk full")
    assert not worker.run_one()


@pytest.mark.parametrize("error", [InvalidInput("no such work"), Corrupt("damaged")])
def test_what_cannot_succeed_is_not_tried_again(
    database: Database, sources: Sources, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = put(database, sources)
    Worker(database, {"add": failing(error)}, sources=sources).run_one()
    assert job(database, job_id).state == State.FAILED
    assert [(r.levelno, r.exc_info) for r in caplog.records] == [(logging.ERROR, None)], (
        "said without a traceback"
    )


@pytest.mark.parametrize("error", [NetworkFailed("away"), NotReady("no bucket yet"), Conflict("another one")])
def test_what_may_pass_is_tried_again(
    database: Database, sources: Sources, clock: Clock, error: Exception
) -> None:
    job_id = put(database, sources, a=1, b=2)
    Worker(database, {"add": failing(error)}, sources=sources).run_one()
    waiting = job(database, job_id)
    assert (waiting.state, waiting.run_at, waiting.error) == (
        State.QUEUED,
        clock.at + FIRST_RETRY,
        str(error),
    )
    clock.at += FIRST_RETRY
    assert Worker(database, {"add": add}, sources=sources).run_one()
    assert job(database, job_id).result == {"sum": 3}


def test_the_job_of_a_dead_worker_is_taken_over_and_its_late_result_ignored(
    database: Database, sources: Sources, clock: Clock
) -> None:
    job_id = put(database, sources, a=1, b=1)
    with database.writing() as session:
        dead = lease(session, frozenset({"add"}), clock.at)
        assert dead is not None
        attempt = dead.attempts
    worker = Worker(database, {"add": add}, sources=sources)
    assert not worker.run_one(), "its lease still runs"
    clock.at += LEASE + timedelta(seconds=1)
    assert worker.run_one()
    with database.writing() as session:
        assert not finish(session, job_id, attempt, {"sum": 99}, clock.at)
    assert job(database, job_id).result == {"sum": 2}


def test_long_work_keeps_its_lease(database: Database, sources: Sources, clock: Clock) -> None:
    """Its worker prolongs it, so nobody else begins the same."""
    begun, prolonged = threading.Event(), threading.Event()

    def long(_database: Database, _payload: Mapping[str, Any], _sources: Sources) -> dict[str, Any]:
        begun.set()
        assert prolonged.wait(20)
        return {}

    job_id = put(database, sources)
    worker = threading.Thread(
        target=Worker(database, {"add": long}, sources=sources, renew_seconds=0.01).run_one
    )
    worker.start()
    assert begun.wait(20)
    clock.at += LEASE / 2
    while job(database, job_id).lease_until != clock.at + LEASE:
        assert worker.is_alive()
    clock.at += LEASE * 3 / 4
    assert not Worker(database, {"add": add}, sources=sources).run_one()
    prolonged.set()
    worker.join()
    assert job(database, job_id).state == State.DONE


def test_a_worker_outlives_a_database_that_is_away(
    database: Database, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = put(database, sources, a=1, b=1)
    worker, stop, real = Worker(database, {"add": add}, sources=sources), threading.Event(), database.writing
    calls = 0

    def away() -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OperationalError("BEGIN", None, Exception("server closed the connection"))
        return real()

    monkeypatch.setattr("registry.base.jobs._AFTER_TROUBLE", 0)
    monkeypatch.setattr(database, "writing", away)
    thread = threading.Thread(target=worker.run_until, args=(stop, 0.01))
    thread.start()
    while job(database, job_id).state != State.DONE:
        assert thread.is_alive()
    stop.set()
    thread.join()


def test_what_ended_long_ago_is_forgotten(database: Database, sources: Sources, clock: Clock) -> None:
    done, waiting = put(database, sources, a=1, b=1), put(database, sources, kind="other")
    Worker(database, {"add": add}, sources=sources).run_one()
    clock.at += KEPT_FOR
    with database.writing() as session:
        assert forget(session, clock.at) == 0
        assert forget(session, clock.at + timedelta(seconds=1)) == 1
        assert session.get(Job, done) is None
        assert session.get(Job, waiting) is not None


def test_a_job_that_kills_its_workers_is_given_up(database: Database, sources: Sources, clock: Clock) -> None:
    job_id = put(database, sources)
    for _ in range(ATTEMPTS):
        with database.writing() as session:
            assert lease(session, frozenset({"add"}), clock.at) is not None
        clock.at += LEASE + timedelta(seconds=1)
    with database.writing() as session:
        assert lease(session, frozenset({"add"}), clock.at) is None
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
        clock.at += timedelta(hours=1)
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
