"""Claim: anchors of different pictures agree so seldom that the grades' budget of false hits holds.

    python benchmarks/anchor_strangers.py [--images DIR [DIR ...]] [--most N]

Every picture is registered, and every other one looked for in it, in all views of a deep search, plain and mirrored.
Counted are pairs of anchors by distance; seeds, up to a distance at which there are enough of them; and how many of
these are confirmed by one other anchor and by two, at the limit that holds and at laxer ones. What is too rare to be
counted among so few pictures is extrapolated by straight lines through the logarithms, and multiplied up to 10 million
works. Of pictures that the matcher takes for the same (two photographs of one painting) only the first counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._measuring import machine
from benchmarks._pictures import as_file, distinct, read, shipped
from registry.core.fingerprints import ANCHORS256, DEEP256, Fingerprint, fingerprint_bytes
from registry.core.fingerprints.anchors_records import geometry, records
from registry.core.matching.anchors import CONFIRM, DEEP_SEED, SEED, Anchors, confirming, mirrored

LOOSE = 92
"""Bits of a seed that is counted."""
LIMITS = (CONFIRM, 80, 88, 96, 100)
"""Bits of a confirming anchor."""
SHOWN = (48, 56, 64, 72, 80, 88)
FITTED = range(60, 89)
WORKS, ANCHORS_A_WORK, VIEWS = 10_000_000, 16, 23


@dataclass
class Counts:
    """What strangers have in common."""

    pictures: int
    by_distance: NDArray[np.int64] = field(default_factory=lambda: np.zeros(257, np.int64))
    seeds: int = 0
    confirmed: dict[int, NDArray[np.int64]] = field(
        default_factory=lambda: {limit: np.zeros(3, np.int64) for limit in LIMITS}
    )
    """By limit: seeds with at least one, two, three anchors that agree."""

    @property
    def pairs(self) -> int:
        """Pairs of anchors that were compared."""
        return int(self.by_distance.sum())

    def within(self, distance: int) -> int:
        """Pairs of anchors so near or nearer."""
        return int(self.by_distance[: distance + 1].sum())

    def share(self, distance: int) -> float:
        """Share of pairs so near, by the line through the counted ones where none is."""
        counted = self._counted()
        slope, level = np.polyfit(counted, [np.log(self.within(d) / self.pairs) for d in counted], 1)
        return float(np.exp(level + slope * distance))

    def _counted(self) -> list[int]:
        return [d for d in FITTED if self.within(d) >= 3]

    @property
    def enough(self) -> bool:
        """Whether there is anything to draw a line through."""
        return len(self._counted()) >= 8

    def confirmed_share(self) -> float:
        """Seeds that one other anchor confirms, by the line through the laxer limits where none was seen."""
        seen = [limit for limit in LIMITS if self.confirmed[limit][0] >= 3]
        if self.confirmed[CONFIRM][0] or len(seen) < 2:
            return float(self.confirmed[CONFIRM][0]) / max(1, self.seeds)
        slope, level = np.polyfit(seen, [np.log(self.confirmed[s][0] / self.seeds) for s in seen], 1)
        return float(np.exp(level + slope * CONFIRM))


def anchors_of(code: bytes) -> Anchors:
    """Records as columns."""
    found = records(code)
    codes = np.frombuffer(b"".join(c for c, _ in found), np.uint8).reshape(-1, 32)
    return Anchors(codes, geometry(np.array([place for _, place in found], np.uint64)))


def count(pictures: Sequence[Sequence[Fingerprint]]) -> Counts:
    """Every picture, with its deep codes, against every other."""
    counts = Counts(len(pictures))
    registered = {
        n: anchors_of(f.code) for n, codes in enumerate(pictures) for f in codes if f.algorithm == ANCHORS256
    }
    signs = {n: _signs(known.codes) for n, known in registered.items()}
    for n, codes in enumerate(pictures):
        for code in (f.code for f in codes if f.algorithm == DEEP256):
            view = anchors_of(code)
            for asked in (view, mirrored(view)):
                own = _signs(asked.codes)
                for other, known in registered.items():
                    if other != n:
                        _add(counts, asked, known, ((256 - own @ signs[other].T) / 2).astype(np.int16))
    return counts


def _signs(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 256) of ones and minus ones, whose products count bits."""
    return np.unpackbits(codes, axis=1).astype(np.float32) * 2 - 1


def _add(counts: Counts, asked: Anchors, known: Anchors, apart: NDArray[np.int16]) -> None:
    counts.by_distance += np.bincount(apart.ravel(), minlength=257)
    of_asked, of_known = np.nonzero(apart <= LOOSE)
    if not len(of_asked):
        return
    counts.seeds += len(of_asked)
    places = confirming(asked.geometry, known.geometry, of_asked, of_known)
    for limit in LIMITS:
        holds = places & (limit >= apart.T)
        agreeing = np.minimum(holds.any(axis=2).sum(axis=1), holds.any(axis=1).sum(axis=1))
        counts.confirmed[limit] += [(agreeing >= least).sum() for least in (1, 2, 3)]


def table(counts: Counts) -> list[str]:
    """The counts and what follows from them, as Markdown."""
    asked = 2 * ANCHORS_A_WORK * WORKS * ANCHORS_A_WORK
    near = ", ".join(f"{counts.within(d)} within {d}" for d in SHOWN)
    lax = ", ".join(f"{counts.confirmed[limit][0]} at {limit}" for limit in LIMITS)
    twice = max(int(counts.confirmed[limit][1]) for limit in LIMITS)
    seen = f"{counts.pictures} pictures, {counts.pairs:,} pairs of anchors of strangers: {near} bits."
    if not counts.enough:
        return [seen]
    share, seeds = counts.confirmed_share(), counts.share(SEED)
    once = asked * seeds * share
    return [
        seen,
        (
            f"By the line through these, {seeds:.0e} are within {SEED} bits and {counts.share(DEEP_SEED):.0e} within "
            f"{DEEP_SEED}; the grades reckon with 4e-11 and 1.4e-9, from 1.1e9 pairs of 1,500 photographs."
        ),
        (
            f"Of {counts.seeds:,} seeds within {LOOSE} bits, one other anchor confirms {lax} bits; two others confirm "
            f"{twice}. By the line through these, {share:.0e} of all seeds are confirmed at {CONFIRM} bits; the grades "
            "reckon with 6e-5."
        ),
        (
            f"Expected false hits a query at {WORKS:,} works, from these counts: {once:.0e} by anchors, and "
            f"{VIEWS * once:.0e} by as near seeds in a deep search."
        ),
    ]


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="folders of pictures")
    parser.add_argument("--most", type=int, default=10_000, help="pictures of each folder")
    options = parser.parse_args()
    if not options.images:
        print("No --images: these are the few pictures of scikit-image, which say little about any others.")
    found = [p for folder in options.images for p in read(folder, options.most)] or shipped()
    originals = distinct(found)
    pictures = [fingerprint_bytes(as_file(p), deep=True).fingerprints for p in originals]
    print(f"{machine()}\n")
    print("\n".join(table(count(pictures))))


if __name__ == "__main__":
    main()
