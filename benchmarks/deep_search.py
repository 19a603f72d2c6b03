"""Claim: a deep search finds works in collages, on pages and in forced squares, among a million others.

    python benchmarks/deep_search.py [--works 1000000] [--images DIR] [--most 12]

Real pictures (those of scikit-image without `--images`) are registered among made-up works: sixteen random anchors and
one frame each, which cost what real ones cost but never look alike. Then collages and pages with the real ones are
looked for, as a filter does it, ordinarily and deep. Random codes give no seeds, the like places by chance that real
ones give; so many of these as real works give are reckoned with, at the measured cost of one. The peer is PDQ within
31 bits of 256, which has no such search: its recall on the same files is shown.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from benchmarks._edits import HARDER
from benchmarks._measuring import best_of, machine
from benchmarks._peers import peers
from benchmarks._pictures import as_file, read, shallow, shipped
from benchmarks.anchor_strangers import ANCHORS_A_WORK, anchors_of
from registry.core.decisions import Grade
from registry.core.fingerprints import ANCHORS256, DEEP256, PHASH256, Fingerprint, fingerprint_bytes
from registry.core.fingerprints.anchors_records import Anchor, records
from registry.core.fingerprints.anchors_records import packed as packed_anchors
from registry.core.fingerprints.deep import VIEWS
from registry.core.matching import ListColumns, Matcher, by_algorithm, lists_of
from registry.core.matching.anchors import DEEP_SEED, SEED, agreement

SEEDS = {SEED: 4e-11, DEEP_SEED: 1.4e-9}
"""Share of pairs of strangers' anchors within so many bits: see `registry.core.matching.grades`."""
LOOKED_FOR = "compositions"
"""The group of edits."""


@dataclass
class Searched:
    """What one way of searching costs, in milliseconds a picture, and finds."""

    name: str
    radius: int
    views: int
    made: float = 0.0
    matched: float = 0.0
    found: int = 0
    wrong: int = 0
    """Made-up works."""

    def seeds(self, works: int) -> float:
        """Like places by chance that a picture gives among so many real works."""
        return 2 * self.views * ANCHORS_A_WORK * ANCHORS_A_WORK * works * SEEDS[self.radius]


def made_up(works: int, first: int) -> dict[str, ListColumns]:
    """Works of random codes, from this row on."""
    random = np.random.default_rng(4)
    places = [_place(random) for _ in range(4096)]
    count = works * ANCHORS_A_WORK
    rows = np.arange(first, first + works, dtype=np.uint32)
    owners = np.repeat(rows, ANCHORS_A_WORK)
    aux = np.array(places, np.uint64)[random.integers(len(places), size=count)]
    codes = random.integers(0, 256, (count, 32), dtype=np.uint8)
    frames = random.integers(0, 256, (works, 32), dtype=np.uint8)
    return {
        ANCHORS256: ListColumns(codes, owners, np.ones(count, np.uint8), aux),
        PHASH256: ListColumns(frames, rows, np.ones(works, np.uint8), np.zeros(works, np.uint64)),
    }


def _place(random: np.random.Generator) -> int:
    x, y, scale, turns = random.uniform((40, 40, 0, 0), (216, 150, 3, 1)).tolist()
    ((_, place),) = records(packed_anchors([Anchor(bytes(32), x, y, scale, turns, 80)], 192, 256))
    return place


def registry_of(works: Sequence[Sequence[Fingerprint]], others: int) -> Matcher:
    """A matcher of these works, in the first rows, and of so many made-up ones."""
    rows = [(row, row, f.algorithm, f.kind, f.code, 0) for row, own in enumerate(works) for f in shallow(own)]
    real, invented = lists_of(by_algorithm(rows)), made_up(others, len(works))
    kind = {name: int(real[name].kinds[0]) for name in invented}
    return Matcher({name: _together(real[name], invented[name], kind[name]) for name in invented})


def _together(real: ListColumns, invented: ListColumns, kind: int) -> ListColumns:
    return ListColumns(
        np.concatenate([real.codes, invented.codes]),
        np.concatenate([real.work_rows, invented.work_rows]),
        np.concatenate([real.kinds, np.full(len(invented), kind, np.uint8)]),
        np.concatenate([real.aux, invented.aux]),
    )


def seed_cost(works: Sequence[Sequence[Fingerprint]]) -> float:
    """Milliseconds to see that a seed is none: two pictures' anchors compared."""
    known = [anchors_of(f.code) for own in works for f in own if f.algorithm == ANCHORS256]
    pairs = [(a, b) for a in known for b in known if a is not b][:60]
    seconds, _ = best_of(3, lambda: [agreement(a, b, None, 90) for a, b in pairs])
    return 1000 * seconds / len(pairs)


def searched(matcher: Matcher, files: Sequence[tuple[int, bytes]], real: int, *, deep: bool) -> Searched:
    """All files, in one batch; the first `real` works are not made up."""
    result = Searched("deep" if deep else "ordinary", DEEP_SEED if deep else SEED, len(VIEWS) if deep else 1)

    def make() -> list[tuple[Fingerprint, ...]]:
        return [fingerprint_bytes(file, deep=deep).fingerprints for _, file in files]

    seconds, items = best_of(1, make)
    result.made = 1000 * seconds / len(files)
    wanted = (PHASH256, ANCHORS256, DEEP256)
    asked = [[f for f in item if f.algorithm in wanted] for item in items]
    seconds, matches = best_of(1, lambda: matcher.match(asked))
    result.matched = 1000 * seconds / len(files)
    for (row, _), own in zip(files, matches, strict=True):
        likely = {m.work_row for m in own if m.grade >= Grade.MATCH}
        result.found += row in likely
        result.wrong += sum(other >= real for other in likely)
    return result


def main() -> None:
    """Print what either search costs and finds, and what PDQ finds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--works", type=int, default=1_000_000, help="made-up works beside the real ones")
    parser.add_argument("--images", type=Path, help="folder of real pictures")
    parser.add_argument("--most", type=int, default=12, help="real pictures")
    options = parser.parse_args()
    originals: list[Image.Image] = (read(options.images, options.most) if options.images else shipped())[
        : options.most
    ]
    works = [fingerprint_bytes(as_file(p)).fingerprints for p in originals]
    edits = [e for e in HARDER if e.group == LOOKED_FOR]
    files = {e.name: [(row, e.apply(p, row)) for row, p in enumerate(originals)] for e in edits}
    everything = [file for some in files.values() for file in some]
    matcher = registry_of(works, options.works)
    print(f"machine   {machine()}")
    print(f"works     {len(works) + options.works:,}, of which {len(works)} real; {len(everything)} pictures")
    one = seed_cost(works)
    print(f"seeds     {one:.2f} ms to see that one is none")
    results = [searched(matcher, everything, len(works), deep=deep) for deep in (False, True)]
    for r in results:
        seeds = r.seeds(options.works)
        print(
            f"{r.name:9s} {r.made:6.1f} ms to make the codes, {r.matched:6.1f} ms to search, {seeds * one:5.1f} ms for "
            f"{seeds:.1f} seeds; {100 * r.found / len(everything):5.1f} % found, {r.wrong} made-up works"
        )
    cost = [r.made + r.matched + r.seeds(options.works) * one for r in results]
    print(f"ratio     a deep search costs {cost[1] / cost[0]:.1f} times an ordinary one")
    shown = [p for p in peers() if p.name == "PDQ@31"]
    known = {p.name: [p.registered(as_file(o)) for o in originals] for p in shown}
    for edit in edits:
        own = [searched(matcher, files[edit.name], len(works), deep=deep).found for deep in (False, True)]
        theirs = [sum(row in p.near(f, known[p.name]) for row, f in files[edit.name]) for p in shown]
        shares = "  ".join(
            f"{name} {100 * count / len(originals):5.1f} %"
            for name, count in zip(("ordinary", "deep", "PDQ@31"), (*own, *theirs), strict=False)
        )
        print(f"  {edit.name:34s} {shares}")


if __name__ == "__main__":
    main()
