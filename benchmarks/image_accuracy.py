"""Claim: copies that today's standard misses are found, and strangers are not.

    python benchmarks/image_accuracy.py [--images DIR ...] [--most N] [--page docs/reference/error-rates.md]

Every picture is registered once, edited in the ways of `edits.py`, and looked for through the whole chain: file,
fingerprints, lists, matcher. Peers see the same files: PDQ within 31 bits, alone and with its eight turns and
mirrorings (`pdqhash`), `imagehash.phash` within 10 of 64 bits, and ISCC's image code within 31 of 256 bits
(`iscc-core`). Peers that are not installed are left out. Without `--images`, the pictures that ship with
scikit-image are used; these are few, and say little. Of pictures that show the same (two photographs of one
painting), found by the originals themselves, neither counts as a stranger of the other.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from benchmarks import _accuracy_page as pages
from benchmarks._peers import Peer, peers
from benchmarks.edits import COMMON, HARDER, Edit, emblem, symmetric, viewer
from registry.core.decisions import Grade
from registry.core.fingerprints import PHASH256, Fingerprint, fingerprint_bytes
from registry.core.matching import Matcher, by_algorithm, lists_of

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
SHARERS = 12


@dataclass
class Tally:
    """What became of one edit of all pictures."""

    edit: Edit
    graded: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("certain", "match", "review", "none"), 0)
    )
    strangers: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("certain", "match", "review"), 0)
    )
    by_peer: dict[str, int] = field(default_factory=dict)
    peer_strangers: dict[str, int] = field(default_factory=dict)
    files: int = 0
    pairs: int = 0

    @property
    def recall(self) -> float:
        """Per cent found surely enough to be left out of a dataset by itself: match or certain."""
        return 100 * (self.graded["certain"] + self.graded["match"]) / max(1, self.files)

    def peer_recall(self, name: str) -> float:
        """Per cent that a peer finds."""
        return 100 * self.by_peer.get(name, 0) / max(1, self.files)


def prints(file: bytes) -> tuple[Fingerprint, ...]:
    """All codes of a file."""
    return fingerprint_bytes(file).fingerprints


def matcher_of(works: Iterable[Sequence[Fingerprint]]) -> Matcher:
    """What a registry with these works publishes, as it is searched."""
    rows = [(row, row, f.algorithm, f.kind, f.code, 0) for row, codes in enumerate(works) for f in codes]
    return Matcher(lists_of(by_algorithm(rows)))


def as_file(picture: Image.Image, quality: int = 95) -> bytes:
    """As it was registered."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def frame_code(codes: Iterable[Fingerprint]) -> np.ndarray | None:
    """phash256 of the full frame, if it has one."""
    found = [f.code for f in codes if f.algorithm == PHASH256 and f.kind == "full"]
    return np.frombuffer(found[0], np.uint8) if found else None


class Collection:
    """The originals of one folder, registered, with the peers' codes of them."""

    def __init__(self, name: str, originals: Sequence[Image.Image], peers: Sequence[Peer]) -> None:
        files = [as_file(p) for p in originals]
        self.name, self.originals, self.peers = name, originals, peers
        self.codes = [prints(file) for file in files]
        self.matcher = matcher_of(self.codes)
        found = self.matcher.match(self.codes)
        self.same = [{row} | {m.work_row for m in matches} for row, matches in enumerate(found)]
        for row, others in enumerate(self.same):
            for other in others:
                self.same[other].add(row)
        self.peer_codes = {peer.name: [peer.registered(file) for file in files] for peer in peers}
        self.copies: list[int] = []

    def tally(self, edit: Edit) -> Tally:
        """Edit every picture and look for it."""
        tally = Tally(edit)
        files = [edit.apply(p, seed) for seed, p in enumerate(self.originals)]
        items = [prints(file) for file in files]
        for row, (item, matches) in enumerate(zip(items, self.matcher.match(items), strict=True)):
            tally.files += 1
            tally.pairs += len(self.originals) - len(self.same[row])
            mine = next((m.grade.name.lower() for m in matches if m.work_row == row), "none")
            tally.graded[mine] += 1
            for match in matches:
                if match.work_row not in self.same[row]:
                    tally.strangers[match.grade.name.lower()] += 1
            one, other = frame_code(item), frame_code(self.codes[row])
            if one is not None and other is not None:
                self.copies.append(int(np.unpackbits(one ^ other).sum()))
        for peer in self.peers:
            hits = [peer.near(file, self.peer_codes[peer.name]) for file in files]
            tally.by_peer[peer.name] = sum(row in found for row, found in enumerate(hits))
            tally.peer_strangers[peer.name] = sum(
                len(found - self.same[row]) for row, found in enumerate(hits)
            )
        return tally

    def stranger_distances(self) -> list[int]:
        """phash256 of the full frames of all pairs of different pictures."""
        frames = [frame_code(codes) for codes in self.codes]
        return [
            int(np.unpackbits(a ^ b).sum())
            for i, a in enumerate(frames)
            for j, b in enumerate(frames[:i])
            if a is not None and b is not None and j not in self.same[i]
        ]


# -- sets of their own -------------------------------------------------------------------------------------
def symmetric_set(originals: Sequence[Image.Image], ways: int) -> dict[str, str]:
    """Mirrored pictures, registered; copies at JPEG 75 and at half size."""
    made = [symmetric(p, ways) for p in originals]
    matcher = matcher_of(prints(as_file(p)) for p in made)
    copies = [as_file(p, 75) for p in made] + [as_file(p.resize((p.width // 2, p.height // 2))) for p in made]
    grades, strangers = dict.fromkeys(("certain", "match", "review", "none"), 0), 0
    for number, matches in enumerate(matcher.match([prints(file) for file in copies])):
        mine = [m for m in matches if m.work_row == number % len(made)]
        grades[mine[0].grade.name.lower() if mine else "none"] += 1
        strangers += sum(m.grade >= Grade.MATCH for m in matches) - sum(m.grade >= Grade.MATCH for m in mine)
    total = len(copies)
    shares = {name: f"{100 * count / total:.1f} %" for name, count in grades.items()}
    return {**shares, "strangers": f"{strangers} of {total * (len(made) - 1):,}"}


def branded(picture: Image.Image) -> Image.Image:
    """With a logo of a quarter of its shorter side."""
    copy, side = picture.copy(), min(picture.size) // 4
    copy.paste(emblem(side), (copy.width - side - 6, copy.height - side - 6))
    return copy


def shared_set(originals: Sequence[Image.Image], change: object, sharers: int) -> dict[str, str]:
    """Works that share an element, and other pictures that have it too: how many accuse a work wrongly."""
    assert callable(change)
    works = [change(p) for p in originals[:sharers]]
    others = [change(p) for p in originals[sharers:]]
    found = matcher_of(prints(as_file(p)) for p in works).match([prints(as_file(p, 85)) for p in others])
    accused = sum(any(m.grade >= Grade.MATCH for m in matches) for matches in found)
    review = sum(bool(matches) and all(m.grade < Grade.MATCH for m in matches) for matches in found)
    return {
        "works": str(len(works)),
        "others": str(len(others)),
        "accused": f"{100 * accused / max(1, len(others)):.1f} %",
        "to review": f"{100 * review / max(1, len(others)):.1f} %",
    }


# -- the run -----------------------------------------------------------------------------------------------
def shipped() -> list[Image.Image]:
    """The photographs of scikit-image."""
    from skimage import data

    names = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "brick", "grass", "gravel")
    return [Image.fromarray(getattr(data, name)()).convert("RGB") for name in names]


def read(folder: Path, most: int) -> list[Image.Image]:
    """The pictures of a folder, in order of names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:most]
    return [Image.open(path).convert("RGB") for path in paths]


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="folders, each a table of its own")
    parser.add_argument("--most", type=int, default=10_000, help="pictures of each folder")
    parser.add_argument("--page", type=Path, help="write this page, and plots beside it")
    options = parser.parse_args()
    sets = [(folder.name, read(folder, options.most)) for folder in options.images]
    if not sets:
        print("No --images: these are the few pictures of scikit-image, which say little about any others.")
        sets = [("scikit-image", shipped())]
    installed = peers()
    missing = [
        name for name in ("pdqhash", "iscc_core", "imagehash") if importlib.util.find_spec(name) is None
    ]
    results = []
    for name, originals in sets:
        collection = Collection(name, originals, installed)
        tallies = []
        for edit in (*COMMON, *HARDER):
            tallies.append(collection.tally(edit))
            print(pages.line(tallies[-1]), flush=True)
        own = {f"mirrored {ways} ways": symmetric_set(originals, ways) for ways in (2, 4)}
        shared = {
            f"{what}, {count} works": shared_set(originals, change, count)
            for what, change in (("logo in the corner", branded), ("window of a viewer", viewer))
            for count in (2, SHARERS)
            if len(originals) > count
        }
        far = collection.stranger_distances()
        results.append(pages.Result(name, len(originals), tallies, own, shared, collection.copies, far))
    text = pages.page(results, installed, missing, options.page)
    print(text if options.page is None else f"written: {options.page}")


if __name__ == "__main__":
    main()
