"""Settle a quarter: a million works of 200,000 parties in 1,000 pools and eight currencies.

Measured is the whole command: reading what was reported, prices and shares; the split; files and their roots; the
statement table, the ledger and the log, in one transaction that is on the disk at the end. Then the published files
are read back as an auditor reads them and computed again with their rows in another order: every byte must agree.
Beside the split stands the plain way, a loop over rows with Decimal that takes one percentage after the other and
rounds each amount by itself.

    python benchmarks/settlement.py [works [parties [pools]]] [--postgresql]
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select

from benchmarks._measuring import machine
from benchmarks._quarter import NOW, Quarter, Size
from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.schema import upgrade
from registry.core.settlement.files import INPUTS, OUTPUTS, output_files
from registry.core.settlement.reading import read_inputs
from registry.core.settlement.rules import Deductions, Pool, distribute, holders
from registry.core.tariffs import PerUnit
from registry.models import metadata
from registry.parties.models import Party
from registry.remuneration import service as remuneration
from registry.remuneration.models import LedgerPosting, SettlementFile, SettlementPool, StatementLine
from tests.support import postgres

FULL = Size(1_000_000, 200_000, 1_000)
SECONDS, BYTES = 60, 2 << 30
DEDUCTIONS = Deductions(management_ppm=90_000, social_ppm=10_000)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Settled:
    """What one settlement took."""

    wall: float
    used: float
    """Seconds of processor time."""
    peak: int
    """Bytes of memory."""
    lines: int


def fill(address: str, size: Size) -> None:
    """A registry with that quarter in it."""
    database = Database(address)
    upgrade(database, metadata)
    with database.writing() as session:
        Quarter(session, size).fill()
    database.dispose()


def settle(address: str) -> Settled:
    """As the operator does; in a process of its own, so that the peak is its own."""
    database, sources = Database(address), Sources(now=lambda: NOW)
    with database.reading() as session:
        operator = session.get_one(Party, 1)
        actor = Actor(operator.id, operator.public_id, Role.OPERATOR, frozenset(Scope))
    wall, used = time.perf_counter(), time.process_time()
    with database.writing() as session:
        lines = remuneration.settle(session, actor, "2026-Q3", sources, DEDUCTIONS).line_count
    wall, used = time.perf_counter() - wall, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    database.dispose()
    return Settled(wall, used, peak, lines)


def check_sums(address: str) -> list[str]:
    """For each currency what labs owe, which is what lines and deductions come to, to the minor unit."""
    database = Database(address)
    with database.reading() as session:
        pool, line = SettlementPool, StatementLine
        deducted = pool.management_minor + pool.social_minor
        owed, deductions, lines = (
            dict(
                map(tuple, session.execute(select(table.currency, func.sum(amount)).group_by(table.currency)))
            )
            for table, amount in ((pool, pool.total_minor), (pool, deducted), (line, line.amount_minor))
        )
        books = session.execute(
            select(LedgerPosting.currency, func.sum(LedgerPosting.amount_minor)).group_by(
                LedgerPosting.currency
            )
        ).all()
    database.dispose()
    assert owed
    assert all(owed[currency] == deductions[currency] + lines[currency] for currency in owed), owed
    assert not any(total for _, total in books), books
    return [f"{currency} {amount:,}" for currency, amount in sorted(owed.items())]


def audit(address: str) -> tuple[float, float, list[Pool]]:
    """Seconds to read the published inputs, and to compute the outputs from shuffled rows; every byte agrees."""
    database = Database(address)
    with database.reading() as session:
        query = select(SettlementFile.side, SettlementFile.name, SettlementFile.data)
        stored = {(side, name): data for side, name, data in session.execute(query)}
    database.dispose()
    begin = time.process_time()
    names = [name for side, name in stored if side == INPUTS]
    inputs = read_inputs(names, lambda name: zlib.decompress(stored[INPUTS, name]))
    read = time.process_time() - begin
    rng = random.Random(7)
    shuffled = []
    for pool in inputs.pools:
        uses = list(pool.uses)
        rng.shuffle(uses)
        shuffled.append(replace(pool, uses=uses))
    begin = time.process_time()
    count = 0
    for file in output_files(shuffled, (distribute(pool, inputs.deductions) for pool in shuffled)):
        assert file.data == zlib.decompress(stored[OUTPUTS, file.name]), file.name
        count += 1
    assert count == sum(side == OUTPUTS for side, _ in stored)
    return read, time.process_time() - begin, list(inputs.pools)


def plain(pools: list[Pool]) -> int:
    """The peer: amounts by percentages, one after the other, each rounded to a minor unit. How far the sums are off."""
    cent, million = Decimal(1), Decimal(1_000_000)
    off: Counter[str] = Counter()
    for pool in pools:
        price = {
            component.unit.value: Decimal(component.amount_minor) / component.per_units
            for component in pool.tariff.components
            if isinstance(component, PerUnit)
        }
        works = len({use.work for use in pool.uses})
        flat = Decimal(sum(pool.fixed.values())) / works
        owed = paid = Decimal(0)
        for use in pool.uses:
            cost = price.get(use.unit, Decimal(0)) * use.units + flat
            owed += cost
            management = (cost * DEDUCTIONS.management_ppm / million).quantize(cent, ROUND_HALF_UP)
            social = (cost * DEDUCTIONS.social_ppm / million).quantize(cent, ROUND_HALF_UP)
            paid += management + social
            for _, ppm in holders(use):
                paid += ((cost - management - social) * ppm / million).quantize(cent, ROUND_HALF_UP)
        off[pool.currency] += abs(int(paid - owed.quantize(cent, ROUND_HALF_UP)))
    return sum(off.values())


def alone(work: Callable[..., Answer], *arguments: object) -> Answer:
    """In a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def compare(address: str) -> None:
    """Print what is checked, and our split beside the plain one."""
    print(f"  sums exact, ledger balanced: {', '.join(check_sums(address))} minor units")
    read, computed, pools = audit(address)
    print(
        f"  published files read in {read:.1f} s, computed again from shuffled rows in {computed:.1f} s: same bytes"
    )
    gc.disable()  # as while settling
    begin = time.process_time()
    for pool in pools:
        distribute(pool, DEDUCTIONS)
    ours = time.process_time() - begin
    begin = time.process_time()
    off = plain(pools)
    peer = time.process_time() - begin
    print(f"  the split alone: ours {ours:.1f} s, exact; plain Decimal loop {peer:.1f} s,", end=" ")
    print(f"off by {off:,} minor units; ratio {peer / ours:.2f}")


def main() -> None:
    """SQLite, and PostgreSQL if asked for."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    size = Size(*numbers, *(FULL.works, FULL.parties, FULL.pools)[len(numbers) :])
    print(f"{size.works:,} works, {size.parties:,} parties, {size.pools:,} pools; {machine()}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vorbehalt-bench-")))
        addresses = {"SQLite": f"sqlite:///{folder / 'quarter.sqlite'}"}
        if "--postgresql" in sys.argv:
            server = stack.enter_context(postgres.cluster(durable=True))
            addresses["PostgreSQL"] = stack.enter_context(postgres.database(server))
        for name, address in addresses.items():
            alone(fill, address, size)
            found = alone(settle, address)
            load = os.getloadavg()[0]
            reached = "reached" if found.wall < SECONDS and found.peak < BYTES else "NOT reached"
            print(
                f"{name}: {found.lines:,} lines in {found.wall:.1f} s by the clock, {found.used:.1f} s used, "
                f"{found.peak / 2**30:.2f} GiB at most; target {SECONDS} s, {BYTES / 2**30:.0f} GiB: {reached} "
                f"(load of the machine {load:.1f})"
            )
            alone(compare, address)


if __name__ == "__main__":
    main()
