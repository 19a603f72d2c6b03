"""Many writers, threads and killed processes, with overlapping retries: no entry lost, doubled or moved."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from registry.base.db import Database
from registry.base.files import FolderStore
from registry.core.errors import TrustRefused
from registry.core.tlog import merkle
from registry.log import service
from registry.log.keys import LogKey
from registry.log.models import LogEntry
from tests.support import crashing, outside

NOW = datetime(2026, 8, 2, tzinfo=UTC)


def _check_log(database: Database, acknowledged: dict[int, int]) -> None:
    """Indices 0 to size - 1, each body once, head and hashes in accord, everything acknowledged in its place."""
    with database.reading() as session:
        head = service.head(session)
        rows = session.execute(
            select(LogEntry.idx, LogEntry.body, LogEntry.leaf).order_by(LogEntry.idx)
        ).all()
        assert service.root_at(session, head.size) == head.root
    assert [row.idx for row in rows] == list(range(head.size))
    assert len({row.body for row in rows}) == head.size
    assert (
        merkle.root([row.leaf for row in rows])
        == merkle.root_of_leaves(row.body for row in rows)
        == head.root
    )
    for number, index in acknowledged.items():
        assert rows[index].body == crashing.body(number)


def test_threads_with_overlapping_keys(database: Database, log_key: LogKey) -> None:
    def write(seed: int) -> dict[int, int]:
        order = random.Random(seed)
        acknowledged: dict[int, int] = {}
        for _ in range(25):
            numbers = [order.randrange(400) for _ in range(order.randint(1, 20))]
            items = [(service.idempotency_key(crashing.body(n)), crashing.body(n)) for n in numbers]
            with database.writing() as session:
                indices = service.append(session, items)
            with database.writing() as session:
                service.sign_checkpoint(session, log_key, NOW)
            for number, index in zip(numbers, indices, strict=True):
                assert acknowledged.setdefault(number, index) == index
        return acknowledged

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(write, range(4)))
    merged: dict[int, int] = {}
    for acknowledged in results:
        for number, index in acknowledged.items():
            assert merged.setdefault(number, index) == index
    _check_log(database, merged)
    with database.reading() as session:
        assert log_key.last_signed().size == service.head(session).size == len(merged)


def test_change_numbers_of_threads_have_no_gap_and_no_double(database: Database) -> None:
    def change(_: int) -> list[int]:
        numbers = []
        for _ in range(20):
            with database.writing() as session:
                numbers.append(service.next_change_seq(session))
        return numbers

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(change, range(4)))
    assert all(numbers == sorted(numbers) for numbers in results)
    assert sorted(n for numbers in results for n in numbers) == list(range(1, 81))


def _after_kills(database: Database, log_key: LogKey, keys: Path, folder: Path, kills: int) -> None:
    """Nothing that was acknowledged is lost, moved or doubled; and who is not us finds the published files whole."""
    url = database.engine.url.render_as_string(hide_password=False)
    place = crashing.Place(url, keys, folder / "files", folder / "acknowledged")
    store = FolderStore(place.files)
    crashing.kill_in_mid_work(place, kills)
    told = crashing.acknowledged(place)
    assert len(told) > kills
    _check_log(database, told)
    assert service.sign_head(database, log_key, NOW)
    size = service.project(database, store).size
    (folder / "key").write_text(str(log_key.verifier))
    found = outside.run(outside.go_verifier(), place.files / "log", folder / "key", "20")
    assert found.stdout == f"OK {size}\n"


def test_fifty_killed_processes_lose_nothing_that_was_acknowledged(
    database: Database, log_key: LogKey, keys_folder: Path, tmp_path: Path
) -> None:
    _after_kills(database, log_key, keys_folder, tmp_path, 50)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nor_do_a_thousand(database: Database, log_key: LogKey, keys_folder: Path, tmp_path: Path) -> None:
    _after_kills(database, log_key, keys_folder, tmp_path, 1_000)


def test_two_databases_with_one_key_never_sign_two_histories(
    database: Database, log_key: LogKey, tmp_path: Path
) -> None:
    """Both sequencers run at once; of the checkpoints that got out, each continues the one before."""
    other = Database(f"sqlite:///{tmp_path / 'other.sqlite'}")
    LogEntry.metadata.create_all(other.engine)

    def run(which: Database, name: str) -> list[service.SignedCheckpoint]:
        released = []
        for number in range(15):
            body = f"{name}-{number}".encode()
            with which.writing() as session:
                service.append(session, [(service.idempotency_key(body), body)])
            try:
                with which.writing() as session:
                    released.append(service.sign_checkpoint(session, log_key, NOW))
            except TrustRefused:
                return released
        return released

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, (database, other), ("a", "b")))
    other.dispose()
    winners = [released for released in results if released]
    assert len(winners) == 1
    assert len(winners[0]) == 15
