"""How many works a second `POST /v1/works/bulk` registers, on SQLite and on PostgreSQL, beside one request a work.

Each work is a picture with the codes of one frame: six fingerprints, two shares, one version: ten rows in four tables.
Both databases are durable (fsync on); the best of three rounds counts. The peer is our own single registration, which
is how registries that take one item a request (HMA's content API) are filled.

    python benchmarks/bulk_registration.py [works]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks._measuring import machine
from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.schema import upgrade
from registry.models import metadata
from registry.parties import service as parties
from registry.works import bulk
from registry.works import service as works
from registry.works.bulk_rows import JSON_LINES
from tests.support import postgres
from tests.support.bulk import json_lines, picture
from tests.support.works import image

TARGET = 2_000
SINGLE = 200
ROUNDS = 3


def rates(address: str, number: int) -> tuple[float, float]:
    """Works a second: by a list, and one transaction at a time."""
    database, sources = Database(address), Sources()
    upgrade(database, metadata)
    with database.writing() as session:
        actor = parties.actor_of(
            parties.register_party(session, parties.RegisterParty(Role.SOCIETY, "A society"), sources)
        )
    listed = max(_by_list(database, sources, actor, number, turn) for turn in range(ROUNDS))
    single = _one_by_one(database, sources, actor)
    database.dispose()
    return listed, single


def _by_list(database: Database, sources: Sources, actor: Actor, number: int, turn: int) -> float:
    data = json_lines(*(picture(f"{turn} {n}") for n in range(number)))
    begin = time.perf_counter()
    with database.writing() as session:
        job = works.upload_works(session, actor, works.UploadWorks(data, JSON_LINES), sources)
        payload = dict(job.payload)
    done = bulk.register_bulk(database, payload, sources)
    assert done == {"rows": number, "registered": number, "refused": 0}, done
    return number / (time.perf_counter() - begin)


def _one_by_one(database: Database, sources: Sources, actor: Actor) -> float:
    begin = time.perf_counter()
    for n in range(SINGLE):
        with database.writing() as session:
            command = works.RegisterWork(f"Picture {n}", image(f"single {n}"))
            works.register_work(session, actor, command, sources)
    return SINGLE / (time.perf_counter() - begin)


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An empty database of each kind that is to be had here."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = {"SQLite": f"sqlite:///{Path(folder) / 'bench.sqlite'}"}
        if postgres.binaries() is not None:
            server = stack.enter_context(postgres.cluster(durable=True))
            found["PostgreSQL"] = stack.enter_context(postgres.database(server))
        yield found


def main() -> None:
    """Print a line for each database."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"Registering {number:,} works by a list; {machine()}")
    print(f"{'':12}{'list/s':>10}{'single/s':>10}{'ratio':>8}  target {TARGET:,}/s")
    with databases() as found:
        for name, address in found.items():
            listed, single = rates(address, number)
            reached = "reached" if listed >= TARGET else "NOT reached"
            print(f"{name:12}{listed:>10,.0f}{single:>10,.0f}{listed / single:>8.1f}  {reached}")


if __name__ == "__main__":
    main()
