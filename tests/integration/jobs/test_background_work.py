"""Background work by real processes: it keeps the registry fresh, ends when asked, and collides with nobody."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import urllib3
from sqlalchemy import select

from registry.base import jobs
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import Job, State
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.core.settlement.periods import Period
from registry.log import service as log
from registry.parties.models import Party
from registry.publishing import service as publishing
from registry.remuneration.models import Settlement
from registry.wiring import Registry, init_trust, trust_keys
from registry.work import PUBLISH, TIDY
from tests.factories import make_actor
from tests.support.commands import Operator, Running, eventually, operating
from tests.support.published import Shelf
from tests.support.works import register


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    settings = Settings(tmp_path / "home", database_url=str(database.engine.url))
    init_trust(settings, tmp_path / "offline", Sources().now())
    return settings


@pytest.fixture
def operator(settings: Settings, tmp_path: Path) -> Iterator[Operator]:
    environment = {"VORBEHALT_HOME": str(settings.home), "VORBEHALT_DATABASE_URL": settings.database_url}
    with operating(tmp_path / "output", **environment) as operator:
        yield operator


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    """The same registry, opened here."""
    with Registry.open(settings) as registry:
        yield registry


@pytest.fixture
def shelf(settings: Settings, registry: Registry, tmp_path: Path) -> Shelf:
    """What it has published."""
    return Shelf(tmp_path, registry.files)


def published(database: Database) -> int:
    """The number of the edition that can be seen."""
    with database.reading() as session:
        return publishing.state(session).sequence


def ask(database: Database) -> int:
    """Enqueue some work."""
    with database.writing() as session:
        return jobs.enqueue(session, TIDY, {}, Sources()).id


def is_done(database: Database, job_id: int) -> bool:
    with database.reading() as session:
        return session.get_one(Job, job_id).state == State.DONE


def add(database: Database, name: str) -> None:
    with database.writing() as session:
        register(session, make_actor(session, Sources(), name=f"Maker of {name}"), Sources(), name)


# -- vorbehalt-server worker -------------------------------------------------------------------------------
def test_a_worker_publishes_and_ends_when_asked(database: Database, operator: Operator, shelf: Shelf) -> None:
    add(database, "Dunes")
    worker = operator.start("worker")
    eventually("a publish", lambda: published(database) == 1)
    assert len(shelf.open()) == 1
    job_id = ask(database)
    eventually("a job", lambda: is_done(database, job_id))
    assert worker.stop() == 0
    lines = [json.loads(line) for line in worker.logged().splitlines()]
    assert "ending after the job in hand" in lines[-1]["message"]
    assert {line["level"] for line in lines} == {"info"}
    with database.reading() as session:
        assert session.scalar(select(Job.id).where(Job.state == State.RUNNING)) is None


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_worker_without_keys_says_what_is_missing_and_goes_on(
    database: Database, settings: Settings, operator: Operator
) -> None:
    shutil.rmtree(trust_keys(settings))
    worker = operator.start("worker")
    eventually("a complaint", lambda: "trust init" in worker.logged())
    job_id = ask(database)
    eventually("a job", lambda: is_done(database, job_id))
    assert worker.stop() == 0
    assert "Traceback" not in worker.logged()


# -- vorbehalt-server serve --------------------------------------------------------------------------------
def _address(server: Running) -> str:
    eventually("a start", lambda: "Serving on " in server.said())
    return server.said().removeprefix("Serving on ").strip()


def _children(process: int) -> list[int]:
    """The processes that it has started (Linux)."""
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_one_command_serves_and_keeps_the_registry_fresh(
    database: Database, operator: Operator, shelf: Shelf
) -> None:
    """Also after its processes were killed."""
    add(database, "Dunes")
    server = operator.start("serve", "--port", "0", "--workers", "2")
    address = _address(server)
    eventually("a publish", lambda: published(database) == 1)
    answer = urllib3.request("GET", f"{address}/v1/snapshot/metadata/timestamp.json", timeout=20)
    assert (answer.status, json.loads(answer.data)["signed"]["version"]) == (200, shelf.timestamp())
    name, data = next((n, d) for n, d in shelf.targets().items() if n.endswith("phash256.v1.pack"))
    target = f"{address}/v1/snapshot/targets/lists/{sha256(data).hexdigest()}.{name.removeprefix('lists/')}"
    assert urllib3.request("GET", target, timeout=20).data == data
    part = urllib3.request("GET", target, headers={"Range": "bytes=10-99"}, timeout=20)
    assert (part.status, part.data) == (206, data[10:100])
    for child in _children(server.process.pid):
        os.kill(child, signal.SIGKILL)
    job_id = ask(database)
    eventually("a job", lambda: is_done(database, job_id))
    assert server.stop() == 0


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_beside_postgresql_a_worker_is_a_command_of_its_own(database: Database, operator: Operator) -> None:
    server = operator.start("serve", "--port", "0")
    address = _address(server)
    job_id = ask(database)
    assert urllib3.request("GET", f"{address}/v1/openapi.json", timeout=20).status == 200
    worker = operator.start("worker")
    eventually("a job", lambda: is_done(database, job_id))
    assert (worker.stop(), server.stop()) == (0, 0)
    assert "job " not in server.logged()


def _has_published(database: Database) -> bool:
    with database.reading() as session:
        return session.scalar(select(Job.state).where(Job.kind == PUBLISH)) == State.DONE


# -- several at once ---------------------------------------------------------------------------------------
def test_commands_and_a_worker_at_once(database: Database, operator: Operator, shelf: Shelf) -> None:
    """Two publishers and a worker take turns; two settlements of a period are one."""
    add(database, "Dunes")
    period = str(Period.of(Sources().now()))
    worker = operator.start("worker")
    publishers = [operator.start("publish", "--json") for _ in range(2)]
    settlers = [operator.start("settle", "--period", period, "--json") for _ in range(2)]
    for command in (*publishers, *settlers):
        assert (command.ended(), command.logged()) == (0, "")
    eventually("the worker's publish", lambda: _has_published(database))
    assert worker.stop() == 0
    numbers = {json.loads(publisher.said())["sequence"] for publisher in publishers}
    settlements = {json.loads(settler.said())["settlement"] for settler in settlers}
    assert len(numbers) == 2
    assert len(settlements) == 1
    snapshot = shelf.open()
    assert snapshot.sequence == published(database) >= 2
    assert len(snapshot) == 1
    with database.reading() as session:
        (settled,) = session.scalars(select(Settlement)).all()
        assert settlements == {format_id("settlement", settled.public_id)}
        assert len(session.scalars(select(Party).where(Party.role == Role.OPERATOR)).all()) == 1
        head = log.head(session)
        assert log.root_at(session, head.size) == head.root
        assert log.latest_checkpoint(session).checkpoint.size == head.size
