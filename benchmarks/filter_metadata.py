"""Claim: a table that only says where pictures lie and what their digests are is filtered as fast as it can be read.

    python benchmarks/filter_metadata.py [--rows 1000000] [--near-rows 100000] [--works 20000] [--codes 1000000]
        [--sites 20000]

Whole runs in one process over parquet: reading, searching, both tables of papers, the output and all digests. First the
SHA-256 of every original, as DataComp and img2dataset give it; then addresses, on their own and with what so many
sites say (robots.txt with forty rules, half of them naming AI agents, a tenth with tdmrep.json), in random order and
site by site; then 256-bit codes, which are compared by distance in all positions. The peer is a plain script of pyarrow
and numpy that keeps the rows whose SHA-256 is in no list and writes them, with no papers and no proof. The near search
alone is measured against so many random codes, of 256 bits and of 64.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
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
from crawler.runs.verify import verify_run
from crawler.sites.evidence import check_sites
from crawler.sites.joining import hearing
from crawler.sites.lines import Head, Tail, site_line
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.fingerprints import PHASH64, PHASH256, SHA256
from registry.core.matching import KIND_CODES, ListColumns, Matcher
from registry.core.signals import Observation
from registry.core.signals.reading import SITE_FILES, Obtained

_GOAL_EXACT, _GOAL_NEAR = 500_000, 13_900
"""Rows a second and core."""


def digests(random: np.random.Generator, count: int) -> pa.Array:
    """So many SHA-256 in hexadecimal."""
    digits = random.bytes(32 * count).hex().encode()
    offsets = pa.py_buffer(np.arange(count + 1, dtype=np.int32) * 64)
    return pa.Array.from_buffers(pa.string(), count, [None, offsets, pa.py_buffer(digits)])


def addresses(random: np.random.Generator, count: int, sites: int) -> pa.Array:
    """So many addresses in random order, on so many sites."""
    numbers = pa.array(random.integers(0, sites, count)).cast(pa.string())
    parts = pa.array(
        np.array(["img", "private", "wp-content/uploads", "a/b/c"])[random.integers(0, 4, count)]
    )
    hosts = pc.binary_join_element_wise("https://www.site-", numbers, ".example/", "")
    files = pa.array(np.arange(count)).cast(pa.string())
    return pc.binary_join_element_wise(hosts, parts, "/", files, ".jpg", "")


def write_sites(path: Path, sites: int) -> Path:
    """What so many sites answered: half of them refuse an AI agent something."""
    rules = "".join(f"Disallow: /folder-{n}/\n" for n in range(40))
    origins = sorted(f"https://www.site-{n}.example" for n in range(sites))
    now = int(datetime.now(UTC).timestamp()) - 3_600
    with path.open("wb") as file:
        file.write(Head(now, None, any_ai_agent=True, strict=False, rules={}).to_line())
        for n, origin in enumerate(origins):
            agent = "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /private/\n\n" if n % 2 else ""
            bodies = {"/robots.txt": f"{agent}User-agent: *\n{rules}Disallow: /*?s=\n# {origin}\n"}
            if n % 10 == 0:
                bodies["/.well-known/tdmrep.json"] = '[{"location": "/img/*.jpg$", "tdm-reservation": 1}]'
            answers = {
                at: Observation(
                    origin + at, 200 if at in bodies else 404, (), bodies.get(at, "").encode(), None, now
                )
                for at in SITE_FILES
            }
            file.write(site_line(origin, Obtained(site=answers)))
        file.write(Tail(sites, now, now).to_line())
    return path


def run(source: Path, snapshot: Path, out: Path, sites: Path | None = None) -> int:
    """A whole run in this process; how many rows are kept."""
    shutil.rmtree(out, ignore_errors=True)
    opened = open_snapshot(snapshot, now=datetime.now(UTC))
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created)
    sources = open_sources([source], metadata_only=True)
    asked = None if sites is None else check_sites(sites, at=request.at)
    hearing.cache_clear()
    settings = Settings(request, metadata_only=True, sites=asked)
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
    options.add_argument("--sites", type=int, default=20_000)
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
        _with_sites(folder, snapshot, random, asked.rows // 5, asked.sites)
        seconds = timed(lambda: run(folder / "near.parquet", snapshot, folder / "run"))
        report("256-bit codes, by distance", asked.near_rows, seconds, _GOAL_NEAR)
        for algorithm, width in ((PHASH256, 32), (PHASH64, 8)):
            _near_search(random, folder / "index", algorithm, width, asked.codes, asked.near_rows)


def _with_sites(folder: Path, snapshot: Path, random: np.random.Generator, rows: int, count: int) -> None:
    """Addresses, first on their own, then with what their sites say."""
    table, sorted_table = folder / "at-sites.parquet", folder / "by-site.parquet"
    urls = addresses(random, rows, count)
    pq.write_table(pa.table({"url": urls}), table)
    pq.write_table(pa.table({"url": urls.take(pc.sort_indices(urls))}), sorted_table)
    sites = write_sites(folder / "sites.jsonl", count)
    size = sites.stat().st_size / count
    checking = timed(lambda: check_sites(sites, at=int(datetime.now(UTC).timestamp())))
    print(
        f"  {count:,} sites of {size:,.0f} bytes each: checked and indexed at {count / checking:,.0f} sites/s, once"
    )
    print(f"  the index has {sites.with_name(sites.name + '.index').stat().st_size / count:.0f} bytes a site")
    alone = timed(lambda: run(table, snapshot, folder / "run"))
    report(f"addresses on {count:,} sites, not asked", rows, alone)
    for title, source in (("asked, in random order", table), ("asked, site by site", sorted_table)):
        seconds = timed(partial(run, source, snapshot, folder / "run", sites))
        report(f"  {title}", rows, seconds)
        print(f"  {'':<46}{seconds / alone:.2f} of the time without")
    seconds = timed(lambda: verify_run(folder / "run", snapshot))
    report("  verified from the papers", rows, seconds)


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
