"""Many writers, threads and killed processes, with overlapping retries: no entry lost, doubled or moved."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

import registry
from registry.base.db import Database
from registry.core.errors import TrustRefused
from registry.core.tlog import merkle
from registry.log import service
from registry.log.keys import LogKey
from registry.log.models import LogEntry

NOW = datetime(2026, 8, 2, tzinfo=UTC)


def _body(number: int) -> bytes:
    return b"claim-%d" % number


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
        assert rows[index].body == _body(number)


def test_threads_with_overlapping_keys(database: Database, log_key: LogKey) -> None:
    def write(seed: int) -> dict[int, int]:
        order = random.Random(seed)
        acknowledged: dict[int, int] = {}
        for _ in range(25):
            numbers = [order.randrange(400) for _ in range(order.randint(1, 20))]
            items = [(service.idempotency_key(_body(n)), _body(n)) for n in numbers]
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


_WRITER = """
import random, sys
from datetime import UTC, datetime
from pathlib import Path
from registry.base.db import Database
from registry.log import service
from registry.log.keys import LogKey

url, keys, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
database, key, order = Database(url), LogKey.load(keys), random.Random(seed)
while True:
    numbers = [order.randrange(100_000) for _ in range(order.randint(1, 50))]
    bodies = [b"claim-%d" % n for n in numbers]
    with database.writing() as session:
        indices = service.append(session, [(service.idempotency_key(b), b) for b in bodies])
    print(" ".join(f"{n}:{i}" for n, i in zip(numbers, indices)), flush=True)
    with database.writing() as session:
        service.sign_checkpoint(session, key, datetime.now(UTC))
"""


def test_killed_processes_lose_nothing_that_was_acknowledged(
    database: Database, log_key: LogKey, keys_folder: Path
) -> None:
    """Three writers are killed in mid-work, twice; what they had been told stands, and the key can go on."""
    acknowledged: dict[int, int] = {}
    url = database.engine.url.render_as_string(hide_password=False)
    for round_number in range(2):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITER, url, str(keys_folder), str(seed)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(registry.__file__).parents[1],
            )
            for seed in range(round_number, round_number + 3)
        ]
        for count, writer in enumerate(writers):
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(10 + count)]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
            writer.stdout.close()
            assert writer.wait() == -signal.SIGKILL
            for line in lines:
                if line.endswith("\n"):  # the last one may have been cut off by the kill
                    for pair in line.split():
                        number, index = map(int, pair.split(":"))
                        assert acknowledged.setdefault(number, index) == index
        _check_log(database, acknowledged)
    assert len(acknowledged) >= 60
    with database.writing() as session:
        signed = service.sign_checkpoint(session, log_key, NOW)
        assert signed.checkpoint.size == service.head(session).size


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
