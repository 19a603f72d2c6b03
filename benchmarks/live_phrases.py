"""What a registered text costs the live check in knowing which phrases are common, beside marking all texts anew.

    python benchmarks/live_phrases.py [--works 30000] [--rounds 3]

Works of 300 random fingerprints (about 1,000 words), a tenth of them recent. One more is registered that shares a
fingerprint with two in the base, which becomes common by that, so that all three are marked anew. The peer is what an
edition does: looking at every fingerprint of every work.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks._measuring import best_of, machine
from registry.checking.base_files import Base
from registry.checking.layers import merged
from registry.checking.phrases import Layer, all_owners, known_phrases, with_phrases_marked
from registry.core.fingerprints import WINNOW32
from registry.core.matching import ListColumns, Matcher, with_common_marked

FINGERPRINTS = 300
"""Of a work."""


def texts(count: int, first: int, shared: list[int]) -> ListColumns:
    """So many works from this row on; those in `shared` have one fingerprint in common."""
    values = np.random.default_rng(first).integers(0, 2**64, (count, FINGERPRINTS), np.uint64)
    values[shared, FINGERPRINTS // 2] = 1
    rows = np.repeat(np.arange(first, first + count, dtype=np.uint32), FINGERPRINTS)
    places = np.tile(np.arange(FINGERPRINTS, dtype=np.uint64) * np.uint64(16), count)
    codes = values.reshape(-1).astype("<u8").view(np.uint8).reshape(-1, 8)
    return ListColumns(codes, rows, np.full(len(rows), 2, np.uint8), places)


def main() -> None:
    """Print both, and the ratio."""
    options = argparse.ArgumentParser(description="Common phrases after one more registration")
    options.add_argument("--works", type=int, default=30_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    old, young = asked.works, max(asked.works // 10, 1)
    row = old + young
    lists, recent = {WINNOW32: texts(old, 0, [7, 9])}, {WINNOW32: texts(young, old, [])}
    fresh, owners = {WINNOW32: texts(1, row, [0])}, np.arange(row + 1)
    base = Base(0, lists, Matcher(lists), owners[:old], np.empty(0, np.uint64))
    searched = Matcher(recent)
    later = {n: n for n in range(old, row + 1)}

    def follow() -> frozenset[int]:
        layers = (
            Layer(lists, base.matcher, frozenset(later)),
            Layer(recent, searched, frozenset({row})),
        )
        return with_phrases_marked(fresh, layers, known_phrases(base, recent), all_owners(base, later))[1]

    everything = merged(merged(lists, (), recent), (), fresh)
    ours, altered = best_of(asked.rounds, follow)
    theirs, _ = best_of(asked.rounds, lambda: with_common_marked(everything, owners))
    if altered != {7, 9}:
        raise SystemExit(f"Marked anew were {sorted(altered)}, not 7 and 9.")
    print(f"machine    {machine()}")
    print(f"{old * FINGERPRINTS:,} fingerprints in the base, {young * FINGERPRINTS:,} recent")
    print(f"one more text {1000 * ours:.1f} ms, all anew {1000 * theirs:.0f} ms, ratio {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
