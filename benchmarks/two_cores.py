"""Claim: two processes that share one index do nearly twice the work of one: 1.8 times and more.

    python benchmarks/two_cores.py [--codes 4000000] [--rounds 5]

Each process opens the same files, which both map, and does the same work: a batch of searches (20,000 codes at radius
31), searches query by query (2,000), and hashing of pictures. First one process alone, then two side by side.

Two figures. *By the clock* is what users see, but only on a machine that does nothing else: with other work going on,
two processes may get no more time than one. *By processor time* is how much more of it the same work takes beside
another process (for they share caches and memory): 2 divided by that is the gain if each has a core of its own. The
peer is one process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks._measuring import machine
from benchmarks.image_hashing import GRAIN, crops
from registry.core.fingerprints import look_up_bytes, metering
from registry.core.matching import ChainIndex
from registry.core.matching.chain.costs import LOADING

KINDS = ("batch of 20,000", "query by query", "hashing 500x375")


def works(folder: Path, number: int) -> list[Callable[[], object]]:
    """What is measured, in the order of `KINDS`; each process has queries of its own."""
    LOADING.compiled_pays(1 << 60)
    for name in ("PIXELS", "FRAMES", "ANCHORS"):
        setattr(metering, name, metering.Meter(-1))
    index = ChainIndex.open(folder / "index", verify=False)
    queries = np.random.default_rng(number).integers(0, 256, (20_000, 32), dtype=np.uint8)
    files = crops(60, 500, 375, "JPEG", GRAIN)
    return [
        lambda: index.search(queries, 31, way="regions"),
        lambda: index.search(queries[:2000], 31, way="each"),
        lambda: [look_up_bytes(file) for file in files],
    ]


def process(
    folder: Path, number: int, rounds: int, start: Barrier, answers: multiprocessing.Queue[list[list[float]]]
) -> None:
    """Do all of it when the others do; put (seconds by the clock, of the processor) of the best round of each."""
    measured = []
    for work in works(folder, number):
        work()
        seconds = []
        for _ in range(rounds):
            start.wait()
            clock, used = time.perf_counter(), time.process_time()
            work()
            seconds.append((time.perf_counter() - clock, time.process_time() - used))
        measured.append([min(column) for column in zip(*seconds, strict=True)])
    answers.put(measured)


def side_by_side(folder: Path, processes: int, rounds: int) -> list[list[float]]:
    """Of so many processes the slowest of each figure."""
    spawning = multiprocessing.get_context("spawn")
    start, answers = spawning.Barrier(processes), spawning.Queue()
    started = [
        spawning.Process(target=process, args=(folder, number, rounds, start, answers))
        for number in range(processes)
    ]
    for one in started:
        one.start()
    measured = [answers.get() for _ in started]
    for one in started:
        one.join()
    return [[max(column) for column in zip(*kind, strict=True)] for kind in zip(*measured, strict=True)]


def main() -> None:
    """Print the gain of the second process."""
    options = argparse.ArgumentParser(description="Two processes on one index beside one alone")
    options.add_argument("--codes", type=int, default=4_000_000)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    print(
        f"machine {machine()}; load before {os.getloadavg()[0]:.1f} (by the clock, only near 0 tells anything)"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        codes = np.random.default_rng(7).integers(0, 256, (asked.codes, 32), dtype=np.uint8)
        ChainIndex.build(codes, folder / "index")
        del codes
        alone, together = (side_by_side(folder, count, asked.rounds) for count in (1, 2))
        print(f"{asked.codes:,} codes; two processes do so many times the work of one")
        for kind, one, two in zip(KINDS, alone, together, strict=True):
            clock, used = (2 * a / b for a, b in zip(one, two, strict=True))
            print(f"  {kind:<20} by the clock {clock:.2f}, by processor time {used:.2f}")


if __name__ == "__main__":
    main()
