"""Claim: copies that today's standard misses are found, and strangers are not.

    python benchmarks/image_accuracy.py [--images DIR ...] [--most N] [--drawn N]
        [--page docs/reference/error-rates-images.md]

Every picture is registered once, edited in the ways of `_edits.py`, and looked for through the whole chain: file,
fingerprints, lists, matcher; what is harder than the common edits also by a deep search. Peers see the same files: PDQ
within 31 bits, alone and with its eight turns and mirrorings (`pdqhash`), `imagehash.phash` within 10 of 64 bits, and
ISCC's image code within 31 of 256 bits (`iscc-core`). Peers that are not installed are left out. Without `--images`,
the pictures that ship with scikit-image are used; these are few, and say little. `--drawn` adds drawings, comic pages,
text pages and logos made by code. Of pictures that show the same (two photographs of one painting) only the first is
taken, since they are neither copies of each other nor strangers.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import _accuracy_page as pages
from benchmarks import anchor_strangers
from benchmarks._edits import COMMON, HARDER, Edit
from benchmarks._peers import Peer, peers
from benchmarks._picture_sets import ELEMENTS, shared_set, symmetric_set
from benchmarks._pictures import DRAWN, as_file, distinct, drawn, matcher_of, read, shallow, shipped
from registry.core.decisions import Grade
from registry.core.fingerprints import PHASH256, Fingerprint, fingerprint_bytes
from registry.core.matching import Match

FEW, MANY = 2, 12
"""Works that share an element: too few for it to be common, and enough."""


@dataclass
class Found:
    """What became of the files of one edit."""

    graded: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("certain", "match", "review", "none"), 0)
    )
    strangers: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("certain", "match", "review"), 0)
    )

    def add(self, matches: Iterable[Match], row: int) -> None:
        """One file of the picture in this row."""
        grades = {m.work_row: m.grade for m in matches}
        self.graded[grades[row].name.lower() if row in grades else "none"] += 1
        for other in grades.keys() - {row}:
            self.strangers[grades[other].name.lower()] += 1

    @property
    def recall(self) -> float:
        """Per cent found surely enough to be left out of a dataset by itself: match or certain."""
        return 100 * (self.graded["certain"] + self.graded["match"]) / max(1, sum(self.graded.values()))


@dataclass
class Tally:
    """One edit of all pictures."""

    edit: Edit
    ours: Found = field(default_factory=Found)
    deep: Found | None = None
    """By a deep search, where one was made."""
    by_peer: dict[str, int] = field(default_factory=dict)
    peer_strangers: dict[str, int] = field(default_factory=dict)
    files: int = 0
    pairs: int = 0

    def peer_recall(self, name: str) -> float:
        """Per cent that a peer finds."""
        return 100 * self.by_peer.get(name, 0) / max(1, self.files)


def frame_code(codes: Iterable[Fingerprint]) -> NDArray[np.uint8] | None:
    """phash256 of the full frame, if it has one."""
    found = [f.code for f in codes if f.algorithm == PHASH256 and f.kind == "full"]
    return np.frombuffer(found[0], np.uint8) if found else None


class Collection:
    """The originals of one folder, registered, with the peers' codes of them."""

    def __init__(self, name: str, originals: Sequence[Image.Image], peers: Sequence[Peer]) -> None:
        files = [as_file(p) for p in originals]
        self.name, self.originals, self.peers = name, originals, peers
        self.codes = [fingerprint_bytes(file, deep=True).fingerprints for file in files]
        self.matcher = matcher_of(self.codes)
        self.peer_codes = {peer.name: [peer.registered(file) for file in files] for peer in peers}
        self.copies: list[int] = []

    def tally(self, edit: Edit, *, deep: bool) -> Tally:
        """Edit every picture and look for it."""
        tally = Tally(edit, deep=Found() if deep else None)
        files = [edit.apply(p, seed) for seed, p in enumerate(self.originals)]
        items = [fingerprint_bytes(file, deep=deep).fingerprints for file in files]
        tally.files = len(files)
        tally.pairs = len(files) * (len(files) - 1)
        for found, asked in ((tally.ours, [shallow(i) for i in items]), (tally.deep, items)):
            if found is not None:
                for row, matches in enumerate(self.matcher.match(asked)):
                    found.add(matches, row)
        for row, item in enumerate(items):
            one, other = frame_code(item), frame_code(self.codes[row])
            if one is not None and other is not None:
                self.copies.append(int(np.unpackbits(one ^ other).sum()))
        for peer in self.peers:
            hits = [peer.near(file, self.peer_codes[peer.name]) for file in files]
            tally.by_peer[peer.name] = sum(row in near for row, near in enumerate(hits))
            tally.peer_strangers[peer.name] = sum(len(near - {row}) for row, near in enumerate(hits))
        return tally

    def strangers_of_originals(self) -> int:
        """How many pairs of different originals a deep search takes for copies."""
        found = self.matcher.match(self.codes)
        return sum(
            m.grade >= Grade.MATCH and m.work_row != row for row, matches in enumerate(found) for m in matches
        )

    def stranger_distances(self) -> list[int]:
        """phash256 of the full frames of all pairs of different pictures."""
        frames = [frame_code(codes) for codes in self.codes]
        return [
            int(np.unpackbits(a ^ b).sum())
            for i, a in enumerate(frames)
            for j, b in enumerate(frames[:i])
            if a is not None and b is not None
        ]


def measured(name: str, originals: Sequence[Image.Image], peers: Sequence[Peer]) -> pages.Result:
    """All about one collection."""
    print(f"{name}: {len(originals)} pictures", flush=True)
    collection = Collection(name, originals, peers)
    tallies = []
    for edit in (*COMMON, *HARDER):
        tallies.append(collection.tally(edit, deep=edit in HARDER))
        print(pages.line(tallies[-1]), flush=True)
    photographs = name not in DRAWN
    return pages.Result(
        name=name,
        pictures=len(originals),
        tallies=tallies,
        symmetric={f"mirrored {n} ways": symmetric_set(originals, n) for n in (2, 4)} if photographs else {},
        shared={
            f"{what}, {count} works": shared_set(originals, change, count)
            for what, change in ELEMENTS.items()
            for count in (FEW, MANY)
            if photographs and len(originals) > 2 * count
        },
        copies=collection.copies,
        strangers=collection.stranger_distances(),
        deep_strangers=collection.strangers_of_originals(),
        anchors=anchor_strangers.table(anchor_strangers.count(collection.codes)),
    )


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="folders, each a table of its own")
    parser.add_argument("--most", type=int, default=10_000, help="pictures of each folder")
    parser.add_argument("--drawn", type=int, default=0, help="pictures of each kind that is drawn by code")
    parser.add_argument("--page", type=Path, help="write this page, and plots beside it")
    options = parser.parse_args()
    sets = [(folder.name, distinct(read(folder, options.most))) for folder in options.images]
    if not sets:
        print("No --images: these are the few pictures of scikit-image, which say little about any others.")
        sets = [("scikit-image", shipped()[: options.most])]
    sets += [(kind, drawn(kind, options.drawn)) for kind in DRAWN if options.drawn]
    installed = peers()
    missing = [
        name for name in ("pdqhash", "iscc_core", "imagehash") if importlib.util.find_spec(name) is None
    ]
    results: list[pages.Result] = []
    text = ""
    for name, originals in sets:
        results.append(measured(name, originals, installed))
        text = pages.page(results, installed, missing, options.page)
    print(text if options.page is None else f"written: {options.page}")


if __name__ == "__main__":
    main()
