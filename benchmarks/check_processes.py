"""The live index of two web processes: time to the first answer, and memory, with a base of each and with one of both.

Two processes one after the other open a registry of pictures and wait for each other. Without files each reads the
codes from the database into its own memory, as every process did before there were files; with files the first
writes the base, and both map it. Memory is what the index adds: RSS counts mapped pages in each process, PSS shares
them out (proc(5), `smaps_rollup`); its sum is what the machine has less of. A third process starts last, to
files that are there already. The peer is ourselves without files: other registries keep their index in each process
(HMA: a pickled index in memory).

    python benchmarks/check_processes.py [works]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._measuring import machine
from benchmarks.check_api import codes_of, fill
from registry.base.db import Database
from registry.checking.base_files import BaseFiles
from registry.checking.live import LiveIndex
from registry.core.fingerprints import PHASH256, SHA256
from registry.core.matching import ListColumns, Matcher

WAYS = ("own", "files")


def memory() -> tuple[float, float]:
    """RSS and PSS of this process in MiB."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return sizes["Rss"], sizes["Pss"]


def web_process(home: Path, way: str) -> None:
    """Say how long the index took, wait for the others, search everything once, say what memory it has added."""
    database = Database(f"sqlite:///{home / 'registry.sqlite'}")
    index = LiveIndex(BaseFiles(home / "cache") if way == "files" else None)
    warm = Matcher({a: ListColumns(codes_of(1_000), *_columns(1_000)) for a in (SHA256, PHASH256)})
    asked = codes_of(2_000)
    for algorithm in (SHA256, PHASH256):  # what is compiled is the same in each way
        for _ in range(20):
            warm.match_codes(algorithm, asked)
    with database.reading() as session:
        before = memory()
        begin, used = time.perf_counter(), time.process_time()
        current, _ = index.current(session)
        print(time.perf_counter() - begin, time.process_time() - used, flush=True)
    for algorithm in (SHA256, PHASH256):
        current.match_codes(algorithm, asked[::2])
    sys.stdin.readline()
    print(*(after - earlier for after, earlier in zip(memory(), before, strict=True)), flush=True)
    sys.stdin.readline()


def _columns(number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint64]]:
    """Rows, kinds and what stands beside them."""
    return np.arange(number, dtype=np.uint32), np.zeros(number, np.uint8), np.zeros(number, np.uint64)


def measured(home: Path, way: str, count: int) -> list[tuple[float, float, float, float]]:
    """Seconds by the clock and of the processor, RSS and PSS that were added, of processes that start in turn."""
    command = [sys.executable, __file__, "--process", str(home), way]
    processes, times = [], []
    for _ in range(count):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        processes.append(process)
        times.append([float(number) for number in process.stdout.readline().split()])
    found = []
    for process, took in zip(processes, times, strict=True):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        rss, pss = (float(number) for number in process.stdout.readline().split())
        found.append((took[0], took[1], rss, pss))
    for process in processes:
        process.communicate("\n")
    return found


def main() -> None:
    """Print a line for each process of each way."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), codes_of(number))
        found = {way: measured(Path(folder), way, 2) for way in WAYS}
        found["files, there already"] = measured(Path(folder), "files", 2)
        written = sum(path.stat().st_size for path in (Path(folder) / "cache").rglob("*") if path.is_file())
    print(f"{number:,} works; files of {written / 2**20:,.0f} MiB; {machine()}")
    print(f"{'base':>22}{'process':>9}{'clock s':>9}{'cpu s':>8}{'RSS MiB':>9}{'PSS MiB':>9}")
    for way, rows in found.items():
        for n, (clock, processor, rss, pss) in enumerate(rows, 1):
            print(f"{way:>22}{n:>9}{clock:>9.2f}{processor:>8.2f}{rss:>9.0f}{pss:>9.0f}")
    own, shared = (sum(row[3] for row in found[way]) for way in ("own", "files, there already"))
    print(
        f"PSS of both: {own:,.0f} MiB with a base of each, {shared:,.0f} with one of both: {own / shared:.1f} times"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--process"]:
        web_process(Path(sys.argv[2]), sys.argv[3])
    else:
        main()
