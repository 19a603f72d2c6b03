"""Claim: works of one series, which share letters, a form or a frame, are seldom taken for each other.

    python benchmarks/shared_elements.py [--kind NAME ...] [--works 6] [--series 2] [--first 0]

Of each kind in `_series.py` some series are drawn. The works of a series are registered together, edited in a dozen
ways, and looked for, ordinarily and deep. An edited work that meets another of its series is a wrong accusation, one
that meets its own is found. The peer is PDQ within 31 bits of 256 on the same files, alone and in eight turns.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks._edits import COMMON, HARDER
from benchmarks._measuring import machine
from benchmarks._peers import Peer, peers
from benchmarks._pictures import as_file, matcher_of, shallow
from benchmarks._series import KINDS, series
from registry.core.decisions import Grade
from registry.core.fingerprints import fingerprint_bytes

LOOKED_FOR = (
    *("JPEG 70", "mirrored", "screenshot, padded", "centre, 10 % cut off"),
    *("random crop, >= 70 % a side", "random crop, just 70 % a side", "turned by any angle"),
    *("one of 4 in a collage", "on a page of text", "crop >= 80 %, forced to a square"),
    *("screenshot of a viewer", "meme, 18 % bands"),
)
"""The edits."""
EDITS = [edit for name in LOOKED_FOR for edit in (*COMMON, *HARDER) if edit.name == name]


def measured(kind: str, number: int, works: int, others: list[Peer]) -> Counter[tuple[str, bool]]:
    """One series: by search or peer, how many edited works meet their own (true) and another (false)."""
    originals = series(kind, number, works)
    files = [as_file(p) for p in originals]
    matcher = matcher_of(fingerprint_bytes(file).fingerprints for file in files)
    known = {peer.name: [peer.registered(file) for file in files] for peer in others}
    met: Counter[tuple[str, bool]] = Counter()
    for edit in EDITS:
        edited = [edit.apply(p, row) for row, p in enumerate(originals)]
        items = [fingerprint_bytes(file, deep=True).fingerprints for file in edited]
        for name, asked in (("ordinary", [shallow(item) for item in items]), ("deep", items)):
            for row, matches in enumerate(matcher.match(asked)):
                met.update((name, m.work_row == row) for m in matches if m.grade >= Grade.MATCH)
        for peer in others:
            for row, file in enumerate(edited):
                met.update((peer.name, other == row) for other in peer.near(file, known[peer.name]))
    return met


def main() -> None:
    """Print a table: a row for each kind, wrong accusations and what is found for each way of looking."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", nargs="*", choices=[*KINDS], default=[*KINDS], help="these kinds only")
    parser.add_argument("--works", type=int, default=6, help="works of a series")
    parser.add_argument("--series", type=int, default=2, help="series of each kind")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first series: others are other works"
    )
    options = parser.parse_args()
    others = [peer for peer in peers() if peer.name.startswith("PDQ")]
    names = ["ordinary", "deep", *(peer.name for peer in others)]
    items = len(EDITS) * options.works * options.series
    pairs = items * (options.works - 1)
    print(
        f"{machine()}\n{items} edited works and {pairs} pairs of strangers of each kind; wrong / found, in per cent\n"
    )
    print("| kind | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for kind in options.kind:
        met: Counter[tuple[str, bool]] = Counter()
        for number in range(options.first, options.first + options.series):
            met += measured(kind, number, options.works, others)
        shares = (f"{100 * met[n, False] / pairs:.1f} / {100 * met[n, True] / items:.1f}" for n in names)
        print(f"| {kind} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
