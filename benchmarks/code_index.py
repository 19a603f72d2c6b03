"""Claim: exact search among 10 million codes a thousand times faster than faiss compares them, on one core each.

    python benchmarks/code_index.py [--codes 1000000 10000000] [--large] [--rounds 2]

Peers, in the same process and on the same codes: `faiss.IndexBinaryFlat` (compares everything, exact) and
`faiss.IndexBinaryMultiHash` with 16 hashes of 16 bits, one bit flipped, which is what `PDQIndex` of Meta's
Hasher-Matcher-Actioner (package `threatexchange`) uses; that one itself up to a million codes, through its own
interface. Codes are random; one query in twenty is a registered code with up to `radius` bits changed. Recall counts
the planted pairs; besides, all hits of some queries are compared with brute force's. Seconds are of the processor, the
least of some rounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks._measuring import best_of, machine
from registry.core.fingerprints.metering import Meter
from registry.core.matching import ChainIndex, CodeIndex, Hits
from registry.core.matching.chain import COMPACT, WIDE, Layout
from registry.core.matching.chain.costs import LOADING

Codes = NDArray[np.uint8]
Search = Callable[[Codes], set[tuple[int, int]]]

LARGE = 50_000_000
PDQ_UP_TO = 1_000_000

FIRST_ANSWER = """
import sys, time
from pathlib import Path
begin = time.perf_counter()
import numpy as np
from registry.core.matching.chain import ChainIndex
query = np.load(sys.argv[2])
if sys.argv[3] == "loaded":  # by another index, as in a server that opens the next edition
    ChainIndex.build(query).search(query, 31, way="each")
imported, used = time.perf_counter(), time.process_time()
opened = ChainIndex.open(Path(sys.argv[1]), codes=np.load(sys.argv[4], mmap_mode="r"), verify=False)
hits = opened.search(query, 31, way="each" if sys.argv[3] == "loaded" else None)
assert len(hits) == 1
print(time.process_time() - used, time.perf_counter() - imported, imported - begin)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries and what must be found."""

    queries: Codes
    planted: set[tuple[int, int]]

    @classmethod
    def of(cls, codes: Codes, count: int, radius: int) -> Asked:
        """So many queries; each twentieth has a neighbour at most `radius` bits away."""
        rng = np.random.default_rng(count + radius)
        queries = rng.integers(0, 256, (count, 32), dtype=np.uint8)
        chosen, rows = (
            rng.choice(count, max(1, count // 20), replace=False),
            rng.integers(0, len(codes), count),
        )
        for query in chosen:
            bits = np.unpackbits(codes[rows[query]])
            bits[rng.choice(256, rng.integers(radius + 1), replace=False)] ^= 1
            queries[query] = np.packbits(bits)
        return cls(queries, {(int(query), int(rows[query])) for query in chosen})

    def recall(self, found: set[tuple[int, int]]) -> float:
        """Share of the planted pairs that were found."""
        return len(self.planted & found) / len(self.planted)


def pairs(hits: Hits) -> set[tuple[int, int]]:
    """The hits without their distances."""
    return set(zip(hits.query.tolist(), hits.row.tolist(), strict=True))


def measure(name: str, asked: Asked, rounds: int, search: Search, peers: dict[str, float]) -> float:
    """Print one line: queries a second, recall, and how many times each peer's rate that is."""
    seconds, found = best_of(rounds, lambda: search(asked.queries))
    rate, recall = len(asked.queries) / seconds, asked.recall(found)
    ratios = "  ".join(f"{rate / peer:>9,.1f} x {other}" for other, peer in peers.items())
    print(f"  {name:<42} {rate:>11,.0f} queries/s   recall {recall:.3f}   {ratios}", flush=True)
    return rate


def batched(index: ChainIndex, radius: int) -> Search:
    """One call for all queries."""

    def search(queries: Codes) -> set[tuple[int, int]]:
        return pairs(index.search(queries, radius))

    return search


def unbatched(index: ChainIndex, radius: int) -> Search:
    """One call, in which each query is done with before the next is looked at, as faiss does it."""

    def search(queries: Codes) -> set[tuple[int, int]]:
        return pairs(index.search(queries, radius, way="each"))

    return search


def one_by_one(index: ChainIndex, radius: int) -> Search:
    """A call for each query."""

    def search(queries: Codes) -> set[tuple[int, int]]:
        found = set()
        for number in range(len(queries)):
            found |= {(number, row) for _, row in pairs(index.search(queries[number : number + 1], radius))}
        return found

    return search


def by_faiss(index: faiss.IndexBinary, radius: int) -> Search:
    """A range search; faiss returns what is strictly nearer than its radius."""

    def search(queries: Codes) -> set[tuple[int, int]]:
        limits, _, rows = index.range_search(queries, radius + 1)
        owners = np.repeat(np.arange(len(queries)), np.diff(limits.astype(np.int64)))
        return set(zip(owners.tolist(), rows.tolist(), strict=True))

    return search


def peers(codes: Codes) -> dict[str, float]:
    """The peers' rates at radius 31."""
    flat = faiss.IndexBinaryFlat(256)
    flat.add(codes)
    asked = Asked.of(codes, 200, 31)
    rates = {"Flat": measure("faiss IndexBinaryFlat r=31, batch of 200", asked, 1, by_faiss(flat, 31), {})}
    del flat
    begin = time.process_time()
    hashes = faiss.IndexBinaryMultiHash(256, 16, 16)
    hashes.nflip = 1
    hashes.add(codes)
    print(f"  faiss IndexBinaryMultiHash built in {time.process_time() - begin:.1f} s", flush=True)
    rates["MultiHash"] = measure(
        "faiss IndexBinaryMultiHash r=31, batch of 200", asked, 1, by_faiss(hashes, 31), {}
    )
    del hashes
    if len(codes) <= PDQ_UP_TO:
        rates |= pdq_index(codes)
    return rates


def pdq_index(codes: Codes) -> dict[str, float]:
    """HMA's own index, asked as HMA asks it: one hash in hexadecimal at a time."""
    try:
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex
    except ImportError:
        print("  HMA PDQIndex not measured: pip install threatexchange")
        return {}
    begin = time.process_time()
    index = PDQIndex((code.tobytes().hex(), row) for row, code in enumerate(codes))
    print(f"  HMA PDQIndex built in {time.process_time() - begin:.1f} s", flush=True)

    def search(queries: Codes) -> set[tuple[int, int]]:
        asked = (code.tobytes().hex() for code in queries)
        return {(number, match.metadata) for number, code in enumerate(asked) for match in index.query(code)}

    return {"PDQIndex": measure("HMA PDQIndex r=31, one by one", Asked.of(codes, 500, 31), 1, search, {})}


def ours(codes: Codes, layout: Layout, rates: dict[str, float], rounds: int) -> None:
    """All that is claimed of one layout."""
    begin = time.process_time()
    index = ChainIndex.build(codes, layout=layout)
    built = time.process_time() - begin
    print(
        f"  {layout.name}: built in {built:.1f} s, {index.bytes / len(codes):.1f} bytes a code, all included"
    )
    check_all_hits(index, codes)
    wide = layout is WIDE
    for radius, count in ((31, 1_000), (31, 20_000), (31, 60_000), (47, 20_000), (63, 4_000)):
        if wide or radius == 31:
            asked = Asked.of(codes, count, radius)
            name = f"{layout.name} r={radius}, batch of {count:,}"
            measure(name, asked, rounds, batched(index, radius), rates if radius == 31 else {})
    asked = Asked.of(codes, 5_000, 31)
    measure(f"{layout.name} r=31, one after the other", asked, rounds, unbatched(index, 31), rates)
    measure(f"{layout.name} r=31, a call for each", asked, rounds, one_by_one(index, 31), rates)


def check_all_hits(index: ChainIndex, codes: Codes) -> None:
    """Not only the planted pairs: all hits of some queries, at a radius at which strangers are hit too."""
    brute = CodeIndex(codes, meter=Meter(-1))
    for radius in (31, 47, 63):
        queries = Asked.of(codes, 1_000, radius).queries
        found = {(query, row) for query, row in pairs(index.search(queries, radius)) if query < 100}
        if found != pairs(brute.search(queries[:100], radius)):
            raise SystemExit("The answers are wrong; the speed does not count.")


def first_answers(codes: Codes) -> None:
    """From files that are in the page cache, in a fresh process."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        begin = time.perf_counter()
        ChainIndex.build(codes, folder / "index")
        print(f"  wide: built in files in {time.perf_counter() - begin:.1f} s, digests and fsync included")
        np.save(folder / "query.npy", codes[:1])
        np.save(folder / "codes.npy", codes)
        begin = time.perf_counter()
        ChainIndex.open(folder / "index")
        print(f"  wide: opened with all digests checked in {time.perf_counter() - begin:.2f} s")
        for state in ("loaded", "fresh"):
            arguments = [folder / "index", folder / "query.npy", state, folder / "codes.npy"]
            program = [sys.executable, "-c", FIRST_ANSWER, *map(str, arguments)]
            answers = [subprocess.run(program, capture_output=True, text=True, check=True) for _ in range(3)]
            used, answered, imported = min(tuple(map(float, a.stdout.split())) for a in answers)
            print(
                f"  wide: open and first answer {1000 * used:.0f} ms, {1000 * answered:.0f} by the clock "
                f"({'kernels loaded' if state == 'loaded' else f'fresh process, after {imported:.1f} s of imports'})"
            )


def main() -> None:
    """Every figure for every size."""
    options = argparse.ArgumentParser(
        description="Exact search by tables: ours, faiss and HMA, one core each"
    )
    options.add_argument("--codes", type=int, nargs="*", default=[1_000_000, 10_000_000])
    options.add_argument(
        "--large", action="store_true", help="also 50 million codes, 3 million works: 9 GB of memory"
    )
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--no-peers", action="store_true")
    asked = options.parse_args()
    faiss.omp_set_num_threads(1)
    LOADING.compiled_pays(1 << 60)  # kernels are loaded, whatever the first answer gains by doing without
    print(f"machine {machine()}; faiss {faiss.__version__}, numpy {np.__version__}")
    for count in asked.codes + ([LARGE] if asked.large else []):
        codes = np.random.default_rng(7).integers(0, 256, (count, 32), dtype=np.uint8)
        print(f"{count:,} codes of 256 bits", flush=True)
        rates = {} if asked.no_peers or count >= LARGE else peers(codes)
        ours(codes, WIDE, rates, asked.rounds)
        if count < LARGE:
            ours(codes, COMPACT, rates, asked.rounds)
            first_answers(codes)


if __name__ == "__main__":
    main()
