"""The usage log: how fast entries become durable, what checking a whole log costs, and how large a receipt is.

    python benchmarks/usage_log.py [entries of the log that Go checks, default 1000000]

An entry has 311 bytes. Rates of databases are by the clock, the best of three rounds, because waiting for the disk is
the matter; beside them stand the same machine's floor (fdatasync, and inserts without any log) and pymerkle. Whatever
computes only is measured in processor time. Needs Debian's golang-go and golang-golang-x-mod-dev for the Go part.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pymerkle

from benchmarks._measuring import best_of, machine
from registry.base.db import Database
from registry.base.schema import upgrade
from registry.core.records.claims import ClaimRow, How, format_rows, rows_root
from registry.core.records.leaves import UseLeaf
from registry.core.records.receipts import build_row_receipt, verify_receipt
from registry.core.tlog import merkle, tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note, SigningKey
from registry.core.tlog.policies import Policy, satisfied
from registry.core.tlog.proofs import Proof
from registry.log import service
from registry.models import metadata
from tests.support import outside, postgres

GROUP = 1_000
GROUPS = 10
ROUNDS = 3
ROWS = 1_000_000
KEY = SigningKey.generate("registry.example/usage-log")


def body(number: int) -> bytes:
    """An entry of 311 bytes, different for each number."""
    return b'{"n":%d,"' % number + b"x" * (301 - len(str(number))) + b'"}'


def groups(turn: int) -> list[list[tuple[bytes, bytes]]]:
    """Items to append that no round before had."""
    first = turn * GROUP * GROUPS
    numbers = [range(first + g * GROUP, first + (g + 1) * GROUP) for g in range(GROUPS)]
    return [[(service.idempotency_key(body(n)), body(n)) for n in group] for group in numbers]


def best_rate(work: Callable[[Sequence[Sequence[tuple[bytes, bytes]]]], None]) -> float:
    """Entries a second by the clock, the best of some rounds, after one that does not count."""
    rates = []
    for turn in range(ROUNDS + 1):
        items = groups(turn)
        begin = time.perf_counter()
        work(items)
        rates.append(GROUP * GROUPS / (time.perf_counter() - begin))
    return max(rates[1:])


# -- durable entries ---------------------------------------------------------------------------------------
def append_rate(address: str) -> float:
    """Our log: each group one transaction."""
    database = Database(address)
    upgrade(database, metadata)

    def work(items: Sequence[Sequence[tuple[bytes, bytes]]]) -> None:
        for group in items:
            with database.writing() as session:
                service.append(session, group)

    rate = best_rate(work)
    database.dispose()
    return rate


def bare_sqlite_rate(folder: Path) -> float:
    """The floor: the same bytes into one table, durable, without hashing or order."""
    with closing(sqlite3.connect(folder / "bare.sqlite", isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE bare (idem BLOB, body BLOB)")

        def work(items: Sequence[Sequence[tuple[bytes, bytes]]]) -> None:
            for group in items:
                bare.execute("BEGIN IMMEDIATE")
                bare.executemany("INSERT INTO bare VALUES (?, ?)", group)
                bare.execute("COMMIT")

        return best_rate(work)


def bare_postgresql_rate(address: str) -> float:
    """The same floor, inserted as a driver inserts many rows."""
    with psycopg.connect(address.replace("+psycopg", "")) as bare:
        bare.execute("CREATE TABLE bare (idem bytea, body bytea)")
        bare.commit()

        def work(items: Sequence[Sequence[tuple[bytes, bytes]]]) -> None:
            for group in items:
                with bare.cursor() as cursor:
                    cursor.executemany("INSERT INTO bare VALUES (%s, %s)", group)
                bare.commit()

        return best_rate(work)


def pymerkle_rate(folder: Path) -> float:
    """The peer: a durable Merkle tree on SQLite, without idempotency keys, tiles or signatures."""
    with closing(pymerkle.SqliteTree(str(folder / "pymerkle.sqlite"), algorithm="sha256")) as tree:

        def work(items: Sequence[Sequence[tuple[bytes, bytes]]]) -> None:
            for group in items:
                tree.append_entries([entry for _, entry in group])

        return best_rate(work)


def flush_rate(folder: Path) -> float:
    """Writes of 512 bytes that are on the disk, a second."""
    with (folder / "flush").open("wb", buffering=0) as file:
        begin = time.perf_counter()
        for _ in range(200):
            file.write(bytes(512))
            os.fdatasync(file.fileno())
        return 200 / (time.perf_counter() - begin)


# -- checking and proving ----------------------------------------------------------------------------------
def write_log(folder: Path, number: int) -> list[list[bytes]]:
    """The files of a log of so many entries; its hashes, level by level."""
    levels = [[merkle.leaf_hash(body(n)) for n in range(number)]]
    while len(levels[-1]) >= tiles.WIDTH:
        last = levels[-1]
        levels.append([merkle.root(last[i : i + 256]) for i in range(0, len(last) - 255, 256)])
    for tile in tiles.tiles_of(number):
        path = folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        span = range(tile.start, tile.stop)
        path.write_bytes(
            tiles.bundle([body(n) for n in span])
            if tile.level is None
            else b"".join(levels[tile.level][tile.start : tile.stop])
        )
    root = merkle.root(levels[0])
    (folder / "checkpoint").write_text(str(Checkpoint(KEY.name, number, root).signed(KEY)))
    (folder / "key").write_text(str(KEY.verifier()))
    return levels


def go_seconds(folder: Path, number: int) -> tuple[float, float]:
    """The Go program on every entry and a thousand proofs of either kind: by the clock, and used on all cores."""
    program = outside.go_verifier()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    found = outside.run(program, folder, folder / "key", "1000")
    wall = time.perf_counter() - begin
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert found.stdout == f"OK {number}\n", found.stdout
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def claim_rows(number: int) -> bytes:
    """A claim batch of so many works."""
    licence = f"agreement_{7:026d}@1"
    return format_rows(ClaimRow(f"work_{n:026d}", licence, How.NEAR, 1 + n % 9) for n in range(number))


def item_receipt(levels: list[list[bytes]]) -> str:
    """One row of a claim of 100,000 rows, under a log of all those entries and its own."""
    rows = claim_rows(100_000)
    leaf = UseLeaf(
        dataset="sha256:" + "11" * 32,
        lab=f"party_{1:026d}",
        model=f"model_{2:026d}",
        rows=100_000,
        root=rows_root(rows).hex(),
        at=9,
        who="33" * 32,
    )
    hashes = [*levels[0], merkle.leaf_hash(leaf.body())]
    place = len(levels[0])
    note = Checkpoint(KEY.name, place + 1, merkle.root(hashes)).signed(KEY)
    return build_row_receipt(leaf.body(), place, merkle.inclusion_proof(place, hashes), note, rows, 77_777)


def show(what: str, rate: float, floor: float, peer: float | None) -> None:
    """A line of the table of rates."""
    beside = "" if peer is None else f"   pymerkle {peer:8,.0f}/s, ratio {rate / peer:.2f}"
    print(f"{what:<12} {rate:8,.0f}/s   bare inserts {floor:8,.0f}/s, share {rate / floor:.2f}{beside}")


def databases(folder: Path) -> Iterator[tuple[str, float, float, float | None]]:
    """Each database with our rate, its floor, and the peer's rate where there is one."""
    ours = append_rate(f"sqlite:///{folder / 'log.sqlite'}")
    yield "SQLite", ours, bare_sqlite_rate(folder), pymerkle_rate(folder)
    with ExitStack() as stack:
        address = stack.enter_context(postgres.database(stack.enter_context(postgres.cluster(durable=True))))
        yield "PostgreSQL", append_rate(address), bare_postgresql_rate(address), None


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="vorbehalt-bench-"))
    try:
        print(
            f"durable entries in groups of {GROUP:,} (target 5,000/s); fdatasync {flush_rate(folder):,.0f}/s"
        )
        for line in databases(folder):
            show(*line)
        rows = claim_rows(ROWS)
        seconds, _ = best_of(2, lambda: rows_root(rows))
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        lines = rows.split(b"\n")[:100_000]
        peer = best_of(1, lambda: tree.append_entries(lines))[0] * ROWS / len(lines)
        print(f"{ROWS:,} rows of a claim hashed to their root: {seconds:.2f} s (target 2 s);", end=" ")
        print(f"pymerkle in memory, from {len(lines):,} rows, {peer:.2f} s, ratio {peer / seconds:.2f}")
        levels = write_log(folder / "log", number)
        wall, used = min(go_seconds(folder / "log", number) for _ in range(ROUNDS))
        print(
            f"Go checks {number:,} entries and 2,000 proofs: {wall:.1f} s by the clock (target 10 s), {used:.1f} s used"
        )
        receipt = item_receipt(levels)
        policy = Policy.of_log(KEY.verifier())
        note = Proof.parse(receipt).checkpoint
        whole, _ = best_of(3, lambda: [verify_receipt(receipt, policy) for _ in range(200)])
        signature, _ = best_of(3, lambda: [satisfied(Note.parse(str(note)), policy) for _ in range(200)])
        print(
            f"item receipt: {len(receipt.encode()):,} bytes (target 3,000); verified in {whole * 5:.2f} ms,",
            end=" ",
        )
        print(f"besides the signature {(whole - signature) * 5:.2f} ms (target 1 ms)")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
