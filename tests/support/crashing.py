"""Processes that write to the log and publish it until they are killed, forked from one that has everything loaded."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

from registry.base.db import Database
from registry.base.files import FolderStore
from registry.log import service
from registry.log.keys import LogKey

_NUMBERS = 3_000
"""Different entries there are to write: few enough that the writers repeat each other's."""


class Place(NamedTuple):
    """Where a log is: database, keys, published files, and the file in which writers note what they were told."""

    url: str
    keys: Path
    files: Path
    acknowledged: Path


def body(number: int) -> bytes:
    """An entry."""
    return b"claim-%d" % number


def write(place: Place, seed: int) -> None:
    """Append groups, noting each answer at once; sign now and then."""
    database, key, order = Database(place.url), LogKey.load(place.keys), random.Random(seed)
    notes = os.open(place.acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    parent = os.getppid()
    while os.getppid() == parent:  # nobody is left behind if the test itself is killed
        numbers = [order.randrange(_NUMBERS) for _ in range(order.randint(1, 50))]
        with database.writing() as session:
            indices = service.append(
                session, [(service.idempotency_key(body(number)), body(number)) for number in numbers]
            )
        answer = " ".join(f"{n}:{i}" for n, i in zip(numbers, indices, strict=True))
        os.write(notes, f"{answer}\n".encode())
        if order.random() < 0.3:
            service.sign_head(database, key, datetime.now(UTC))


def publish(place: Place, seed: int) -> None:
    """Sign whatever is there, and write the files."""
    del seed
    database, key, store = Database(place.url), LogKey.load(place.keys), FolderStore(place.files)
    parent = os.getppid()
    while os.getppid() == parent:
        service.sign_head(database, key, datetime.now(UTC))
        service.project(database, store)


@cache
def _warm() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "__main__",
            "psycopg",
            "sqlalchemy.dialects.postgresql.psycopg",
            "registry.models",
            "registry.log.service",
        ]
    )
    return context


def kill_in_mid_work(place: Place, kills: int, at_once: int = 9) -> None:
    """Start writers and a publisher, kill them at a random moment, and again, until so many were killed."""
    order = random.Random(kills)
    for first in range(0, kills, at_once):
        jobs: list[Callable[[Place, int], None]] = [write, write, publish] * 3
        processes = [
            _warm().Process(target=job, args=(place, first + n))
            for n, job in enumerate(jobs[: min(at_once, kills - first)])
        ]
        before = _size(place.acknowledged)
        for process in processes:
            process.start()
        while _size(place.acknowledged) == before:  # until they are at it
            time.sleep(0.005)
        for process in processes:
            process.join(order.uniform(0, 0.04))
            assert process.exitcode is None, "it ended by itself"
            process.kill()
            process.join()
            process.close()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def acknowledged(place: Place) -> dict[int, int]:
    """What the writers were told: the index of each entry. The same entry never had two."""
    told: dict[int, int] = {}
    for line in place.acknowledged.read_text().splitlines():
        for pair in line.split():
            number, index = map(int, pair.split(":"))
            assert told.setdefault(number, index) == index
    return told
