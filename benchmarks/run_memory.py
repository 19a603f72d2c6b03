"""Claim: what a run holds in memory depends neither on how many items there are nor on how long they are.

    python benchmarks/run_memory.py [--books 100 1000] [--letters 1200000] [--texts 10000 100000] [--letters-short 400]

One process filters, and another one verifies: books as JSON lines, of which each has about half a megabyte of codes,
and short texts; a few of each, then ten times as many. Printed is the most memory that the process had to itself at any
time (RssAnon), without the files that it maps. The peer is the run of the smaller dataset.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._measuring import machine
from benchmarks.run_papers import filter_into
from crawler.runs.verify import verify_run
from tests.unit.crawler import lab

_BYTES_PER_FILE = 100 << 20
_LOOK_EVERY = 0.005
"""Seconds."""


def make_texts(folder: Path, count: int, letters: int) -> list[Path]:
    """So many texts in files of about 100 MB."""
    folder.mkdir()
    random, paths = np.random.default_rng(1), list[Path]()
    each = max(1, _BYTES_PER_FILE // letters)
    for first in range(0, count, each):
        paths.append(folder / f"{first:08}.jsonl")
        with paths[-1].open("w", encoding="ascii") as file:
            for number in range(first, min(count, first + each)):
                text = random.integers(97, 123, letters, np.uint8)
                text[::6] = ord(" ")
                file.write(json.dumps({"id": str(number), "text": text.tobytes().decode()}) + "\n")
    return paths


def peak_of(work: Callable[..., object], *args: Any) -> int:
    """The most bytes of its own that a fresh process had while it did this."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(its, work, *args))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("A measured process failed.")
    return int(ours.recv())


def _measured(answer: Any, work: Callable[..., object], *args: Any) -> None:
    done, most = threading.Event(), [0]

    def look() -> None:
        while not done.wait(_LOOK_EVERY):
            most[0] = max(most[0], _own_bytes())

    watching = threading.Thread(target=look)
    watching.start()
    work(*args)
    done.set()
    watching.join()
    answer.send(most[0])


def _own_bytes() -> int:
    with Path("/proc/self/status").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) << 10


def measure(name: str, counts: list[int], letters: int, snapshot: Path, home: Path) -> None:
    """Two lines for each number of items."""
    least: dict[str, int] = {}
    for count in counts:
        run, texts = home / "run", home / "texts"
        paths = make_texts(texts, count, letters)
        for what, peak in (
            ("filter", peak_of(filter_into, paths, run, snapshot)),
            ("verify", peak_of(verify_run, run, snapshot)),
        ):
            ratio = peak / least.setdefault(what, peak)
            print(
                f"{name:12} {count:10,} items {what:8} {peak / 2**20:8.0f} MiB {ratio:6.2f} times", flush=True
            )
        shutil.rmtree(run)
        shutil.rmtree(texts)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--books", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--letters", type=int, default=1_200_000)
    parser.add_argument("--texts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--letters-short", type=int, default=400)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="vorbehalt-memory-"))
    try:
        snapshot = lab.make_snapshot(home / "snapshot", datetime.now(UTC))
        print(machine())
        peak_of(
            filter_into, make_texts(home / "first", 2, asked.letters), home / "once", snapshot
        )  # compiles
        measure("books", asked.books, asked.letters, snapshot, home)
        measure("short texts", asked.texts, asked.letters_short, snapshot, home)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
