"""Claim: our exact search for 256-bit codes beats faiss's exact one by an order of magnitude, on one core each.

    python benchmarks/code_search.py [--codes 1000000] [--queries 2000] [--radius 31]

The peer is `faiss.IndexBinaryFlat.range_search`. Codes are random, one query in a hundred is a registered code with up
to `radius` bits changed, as in a crawl where most queries miss. Both answers are compared pair by pair with each
other and with the planted pairs. The best of several rounds counts for each side.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.metering import Meter
from registry.core.matching import CodeIndex

Codes = NDArray[np.uint8]
Answer = TypeVar("Answer")


def planted(codes: int, queries: int, radius: int) -> tuple[Codes, Codes, set[tuple[int, int]]]:
    """(N, 32) codes, (Q, 32) queries, and the (query, row) pairs that must be found."""
    rng = np.random.default_rng(7)
    registered = rng.integers(0, 256, (codes, 32), dtype=np.uint8)
    asked = rng.integers(0, 256, (queries, 32), dtype=np.uint8)
    pairs = set()
    for query in rng.choice(queries, max(1, queries // 100), replace=False):
        row = rng.integers(codes)
        bits = np.unpackbits(registered[row])
        bits[rng.choice(256, rng.integers(radius + 1), replace=False)] ^= 1
        asked[query] = np.packbits(bits)
        pairs.add((int(query), int(row)))
    return registered, asked, pairs


def best_of(rounds: int, search: Callable[[], Answer]) -> tuple[float, Answer]:
    """Least seconds of processor time, and the answer."""
    answer = search()
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        answer = search()
        seconds.append(time.process_time() - begin)
    return min(seconds), answer


def machine() -> str:
    """The processor, as the kernel names it."""
    with Path("/proc/cpuinfo").open(encoding="ascii") as lines:
        name = next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown"
        )
    return f"{name}, {os.cpu_count()} cores, of which one is used"


def main() -> None:
    """Print our figure, the peer's, their ratio and both recalls."""
    options = argparse.ArgumentParser(
        description="Exact search of 256-bit codes: ours against faiss, one core"
    )
    options.add_argument("--codes", type=int, default=1_000_000)
    options.add_argument("--queries", type=int, default=2_000)
    options.add_argument("--radius", type=int, default=31)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    faiss.omp_set_num_threads(1)
    codes, queries, pairs = planted(asked.codes, asked.queries, asked.radius)

    index = CodeIndex(codes, meter=Meter(-1))
    ours, hits = best_of(asked.rounds, lambda: index.search(queries, asked.radius))
    found = set(zip(hits.query.tolist(), hits.row.tolist(), strict=True))

    flat = faiss.IndexBinaryFlat(256)
    flat.add(codes)
    # faiss returns what is strictly nearer than its radius
    theirs, (limits, _, rows) = best_of(asked.rounds, lambda: flat.range_search(queries, asked.radius + 1))
    owners = np.repeat(np.arange(len(queries)), np.diff(limits.astype(np.int64)))
    peers = set(zip(owners.tolist(), rows.tolist(), strict=True))

    rate, peer_rate = len(queries) / ours, len(queries) / theirs
    print(f"machine            {machine()}")
    print(
        f"codes, queries     {len(codes):,} of 256 bits; {len(queries):,} in one batch; radius {asked.radius}"
    )
    print(f"ours               {rate:>10,.0f} queries/s  {rate * len(codes) / 1e9:5.1f} G codes/s")
    print(
        f"faiss {faiss.__version__:<12} {peer_rate:>10,.0f} queries/s  {peer_rate * len(codes) / 1e9:5.1f} G codes/s"
    )
    print(f"ratio              {rate / peer_rate:>10.1f}")
    print(
        f"recall             ours {len(found & pairs) / len(pairs):.3f}, faiss {len(peers & pairs) / len(pairs):.3f}"
    )
    print(
        f"answers            {'equal' if found == peers else 'DIFFERENT'}: {len(found)} and {len(peers)} pairs"
    )
    if found != peers or not pairs <= found:
        raise SystemExit("The answers are wrong; the speed does not count.")


if __name__ == "__main__":
    main()
