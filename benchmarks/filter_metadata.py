"""Claim: a table that only says where pictures lie and what their digests are is filtered as fast as it can be read.

    python benchmarks/filter_metadata.py [--rows 1000000] [--near-rows 100000] [--works 20000] [--codes 1000000]

Whole runs in one process over parquet: reading, searching, both tables of papers, the output and all digests. First the
SHA-256 of every original, as DataComp and img2dataset give it; then addresses; then 256-bit codes, which are compared
by distance in all positions. The peer is a plain script of pyarrow and numpy that keeps the rows whose SHA-256 is in no
list and writes them, with no papers and no proof. The near search alone is measured against so many random codes, of
256 bits and of 64.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks._measuring import machine
from benchmarks.filter_formats import make_snapshot
from crawler.engines.local import Job, run_filter
from crawler.runs.plan import Settings
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.fingerprints import PHASH64, PHASH256, SHA256
from registry.core.matching import KIND_CODES, ListColumns, Matcher

_GOAL_EXACT, _GOAL_NEAR = 500_000, 13_900
"""Rows a second and core."""


def digests(random: np.random.Generator, count: int) -> pa.Array:
    """So many SHA-256 in hexadecimal."""
    digits = random.bytes(32 * count).hex().encode()
    offsets = pa.py_buffer(np.arange(count + 1, dtype=np.int32) * 64)
    return pa.Array.from_buffers(pa.string(), count, [None, offsets, pa.py_buffer(digits)])


def run(source: Path, snapshot: Path, out: Path) -> int:
    """A whole run in this process; how many rows are kept."""
    shutil.rmtree(out, ignore_errors=True)
    opened = open_snapshot(snapshot, now=datetime.now(UTC))
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created)
    sources = open_sources([source], metadata_only=True)
    settings = Settings(request, metadata_only=True)
    return run_filter(Job(sources, [source], out, opened, settings), resume=False).counts.kept


def peer(source: Path, listed: pa.Array, out: Path) -> int:
    """The script that one would write without us."""
    kept = 0
    with pq.ParquetFile(source) as file, pq.ParquetWriter(out, file.schema_arrow) as writer:
        for batch in file.iter_batches(batch_size=65_536):
            left = batch.filter(pc.invert(pc.is_in(batch.column("sha256"), value_set=listed)))
            writer.write_batch(left)
            kept += left.num_rows
    return kept


def timed(work: Callable[[], object]) -> float:
    """Seconds of this process's processor time."""
    before = time.process_time()
    work()
    return time.process_time() - before


def report(title: str, rows: int, seconds: float, goal: int | None = None) -> None:
    """One line."""
    against = f"   goal {goal:,}: {rows / seconds / goal:.2f} of it" if goal else ""
    print(f"  {title:<46}{rows / seconds:>12,.0f} rows/s a core{against}")


def main() -> None:
    """Print our rates, the peer's, and the ratio."""
    options = argparse.ArgumentParser(description="Filtering tables of metadata, one core")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--near-rows", type=int, default=100_000)
    options.add_argument("--works", type=int, default=20_000)
    options.add_argument("--codes", type=int, default=1_000_000)
    asked = options.parse_args()
    random = np.random.default_rng(7)
    print(f"machine    {machine()}")
    print(f"versions   pyarrow {pa.__version__}, numpy {np.__version__}")
    with tempfile.TemporaryDirectory(prefix="vorbehalt-bench-") as name:
        folder = Path(name)
        snapshot = make_snapshot(folder / "vb", asked.works)
        exact = folder / "exact.parquet"
        numbers = np.arange(asked.rows)
        pq.write_table(pa.table({"uid": numbers, "sha256": digests(random, asked.rows)}), exact)
        urls = pc.binary_join_element_wise("https://example.org/", pa.array(numbers).cast(pa.string()), "")
        pq.write_table(pa.table({"url": urls.slice(0, asked.rows // 5)}), folder / "urls.parquet")
        codes = pa.array([random.bytes(32) for _ in range(asked.near_rows)], pa.binary(32))
        pq.write_table(pa.table({"phash256": codes}), folder / "near.parquet")
        print(f"\n{asked.works:,} works on record; processor time of whole runs")
        run(folder / "near.parquet", snapshot, folder / "run")  # compile and build the indexes
        seconds = timed(lambda: run(exact, snapshot, folder / "run"))
        report("SHA-256 of originals", asked.rows, seconds, _GOAL_EXACT)
        opened = open_snapshot(snapshot, now=datetime.now(UTC))
        listed = pa.array([bytes(code).hex() for code in opened.lists[SHA256].codes])
        theirs = timed(lambda: peer(exact, listed, folder / "peer.parquet"))
        report("  peer: pyarrow, no papers, no digests", asked.rows, theirs)
        print(f"  our run takes {seconds / theirs:.2f} of the peer's time")
        seconds = timed(lambda: run(folder / "urls.parquet", snapshot, folder / "run"))
        report("addresses and their domains", asked.rows // 5, seconds)
        seconds = timed(lambda: run(folder / "near.parquet", snapshot, folder / "run"))
        report("256-bit codes, by distance", asked.near_rows, seconds, _GOAL_NEAR)
        for algorithm, width in ((PHASH256, 32), (PHASH64, 8)):
            _near_search(random, folder / "index", algorithm, width, asked.codes, asked.near_rows)


def _near_search(
    random: np.random.Generator, folder: Path, algorithm: str, width: int, count: int, queries: int
) -> None:
    """The search alone, against a larger registry; of 256 bits in all positions of a picture."""
    registered = np.frombuffer(random.bytes(width * count), np.uint8).reshape(-1, width)
    kinds = np.full(count, KIND_CODES["full"], np.uint8)
    columns = ListColumns(registered, np.arange(count, dtype=np.uint32), kinds, np.zeros(count, np.uint64))
    matcher = Matcher({algorithm: columns}, folder)
    asked = np.frombuffer(random.bytes(width * queries), np.uint8).reshape(-1, width)
    matcher.match_codes(algorithm, asked[:100])
    print(f"\n{count:,} codes of {8 * width} bits on record, {queries:,} random queries")
    report("near search alone", queries, timed(lambda: matcher.match_codes(algorithm, asked)), _GOAL_NEAR)


if __name__ == "__main__":
    main()
