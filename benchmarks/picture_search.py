"""Claim: a picture is told from all works of a registry of a million in about the time that decoding it takes.

    python benchmarks/picture_search.py [--works 1000000] [--pictures 64] [--folder DIR] [--no-peers]

Eighteen codes a work: two frames and sixteen anchors, random ones, which cost what real ones cost but never look alike.
The pictures are crops of those in scikit-image, 500 x 375, half of them in a white border; one in sixteen is registered
among the random works. They are asked for as a filter does it: codes of frames first, anchors only of what is not
certain by then. Random codes give no like places by chance; what real ones give is in `deep_search.py`.

Milliseconds of processor time a picture on one core, stage by stage, for several sizes of a batch. The peer is the
path of Meta's Hasher-Matcher-Actioner: all pixels by Pillow, pdqhash, and `PDQIndex` (package `threatexchange`) with
one code a work, asked through its own interface. The lists (32 bytes a code) and their index (130) lie in files; with
`--folder` they stay there for the next run.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks._measuring import best_of, machine
from benchmarks.image_hashing import GRAIN, by_pdq, crops, looked_at
from registry.core.decisions import Grade
from registry.core.fingerprints import (
    ANCHORS256,
    PHASH256,
    FileFingerprints,
    Fingerprint,
    fingerprint_bytes,
    look_up_bytes,
    metering,
)
from registry.core.fingerprints.anchors_records import MOST, records
from registry.core.matching import ListColumns, Match, Matcher
from registry.core.matching.chain.costs import LOADING
from registry.core.matching.lists import KIND_CODES

FRAMES = 2
"""Codes of whole frames a work: full and trimmed."""
REGISTERED = 16
"""One picture in so many is registered."""
Items = Sequence[Sequence[Fingerprint]]
Found = list[tuple[Match, ...]]

BATCHES = (1, 64, 1024)
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds a picture."""

    decoding: float
    hashing: float
    """Digests and the codes of frames, without the decoding."""
    frames: float
    """Looking for them."""
    making: float
    """Anchors, of what is not certain by then."""
    anchors: float
    """Looking for them."""

    @property
    def beyond(self) -> float:
        """All but the decoding."""
        return self.hashing + self.frames + self.making + self.anchors


def pictures(count: int) -> list[bytes]:
    """Files; each other one has a border."""
    plain = crops(count, 500, 375, "JPEG", GRAIN)
    return [bordered(file) if number % 2 else file for number, file in enumerate(plain)]


def bordered(file: bytes) -> bytes:
    """In a white border."""
    buffer = io.BytesIO()
    framed = ImageOps.expand(Image.open(io.BytesIO(file)), 30, "white").resize((500, 375))
    framed.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


# -- the registry ----------------------------------------------------------------------------------------------------
def lists(folder: Path, works: int, own: Items) -> dict[str, ListColumns]:
    """Lists of random codes, mapped from files, with the pictures' own as the first works'."""
    made = {}
    for algorithm, each in ((PHASH256, FRAMES), (ANCHORS256, MOST)):
        path = folder / f"{algorithm}.{works}.npy"
        if not path.exists():
            random = np.random.default_rng(each)
            codes = random.integers(0, 256, (works * each, 32), dtype=np.uint8)
            for number, entries in enumerate(codes_of(own, algorithm)):
                codes[each * number : each * number + len(entries)] = entries
            np.save(path, codes)
            del codes
        codes = np.asarray(np.load(path, mmap_mode="r"))
        owners = np.repeat(np.arange(works, dtype=np.uint32), each)
        kinds = np.full(len(codes), KIND_CODES["full"], np.uint8)
        made[algorithm] = ListColumns(codes, owners, kinds, np.zeros(len(codes), np.uint64))
    return made


def codes_of(own: Items, algorithm: str) -> list[NDArray[np.uint8]]:
    """Of each picture the codes that are entries of this list."""
    found = []
    for codes in own:
        chosen = [f.code for f in codes if f.algorithm == algorithm]
        split = [c for code in chosen for c, _ in records(code)] if algorithm == ANCHORS256 else chosen
        found.append(np.frombuffer(b"".join(split), np.uint8).reshape(-1, 32))
    return found


def anchors(found: FileFingerprints) -> tuple[Fingerprint, ...]:
    """Those of a picture that is looked up."""
    return found.later.anchors() if found.later else ()


# -- asking ------------------------------------------------------------------------------------------------------------
def in_batches(size: int, items: Items, search: Callable[[Items], Found]) -> Found:
    """All of them, so many at a time."""
    return [
        matches for begin in range(0, len(items), size) for matches in search(items[begin : begin + size])
    ]


def asked(matcher: Matcher, files: Sequence[bytes], size: int, rounds: int) -> tuple[Costs, int]:
    """What it costs in batches of this size, and how many of the pictures were found."""
    n, repeated = len(files), max(size // len(files), 1)

    def cost(work: Callable[[], object]) -> float:
        return 1000 * best_of(rounds, work)[0] / n

    decoding = cost(lambda: [looked_at(file) for file in files])
    looked_up = cost(lambda: [look_up_bytes(file) for file in files])
    found = [look_up_bytes(file) for file in files]
    items = [list(f.fingerprints) for f in found] * repeated
    seconds, frames = best_of(
        rounds, lambda: in_batches(size, items, lambda part: matcher.match(part, only=(PHASH256,)))
    )
    frames_cost = 1000 * seconds / len(items)
    unsure = [i for i in range(n) if not any(m.grade == Grade.CERTAIN for m in frames[i])]
    seconds, anchored = best_of(rounds, lambda: [anchors(found[i]) for i in unsure])
    making = 1000 * seconds / n
    left = [[*found[i].fingerprints, *codes] for i, codes in zip(unsure, anchored, strict=True)] * repeated
    seconds, places = best_of(
        rounds, lambda: in_batches(size, left, lambda part: matcher.match(part, only=(ANCHORS256,)))
    )
    costs = Costs(decoding, looked_up - decoding, frames_cost, making, 1000 * seconds / (n * repeated))
    return costs, n - len(unsure) + sum(bool(matches) for matches in places[: len(unsure)])


# -- the peer ----------------------------------------------------------------------------------------------------------
def hma(files: Sequence[bytes], works: int) -> tuple[float, float] | None:
    """Milliseconds a picture that HMA's hash and its search take; `None` if it is not installed."""
    try:
        import pdqhash  # noqa: F401 (what `by_pdq` needs)
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex
    except ImportError:
        return None
    codes = np.random.default_rng(3).integers(0, 256, (works, 32), dtype=np.uint8)
    index = PDQIndex((code.tobytes().hex(), row) for row, code in enumerate(codes))
    hashing, hashes = best_of(3, lambda: [by_pdq(file)[0] for file in files])
    words = [np.packbits(bits).tobytes().hex() for bits in hashes]
    searching, _ = best_of(2, lambda: [index.query(word) for word in words])
    return 1000 * hashing / len(files), 1000 * searching / len(files)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Print the table."""
    files = pictures(options.pictures)
    registered = files[::REGISTERED]
    own = [fingerprint_bytes(file).fingerprints for file in registered]
    begin = time.process_time()
    matcher = Matcher(lists(folder, options.works, own), folder / f"index-{options.works}", verify=False)
    stored = sum(path.stat().st_size for path in folder.rglob("*.npy"))
    print(
        f"{(FRAMES + MOST) * options.works:,} codes of {options.works:,} works, {stored / MIB:,.0f} MiB of files, "
        f"opened or built in {time.process_time() - begin:.1f} s"
    )
    ours = 0.0
    print("  ms a picture   decoding  codes of frames   search  anchors   search   beyond decoding")
    for size in BATCHES:
        costs, found = asked(matcher, files, size, options.rounds)
        if found < len(registered):
            raise SystemExit("A registered picture was not found; the speed does not count.")
        print(
            f"  batches of {size:>5,}{costs.decoding:>9.2f}{costs.hashing:>17.2f}{costs.frames:>9.2f}"
            f"{costs.making:>9.2f}{costs.anchors:>9.2f}{costs.beyond:>13.2f}",
            flush=True,
        )
        ours = costs.beyond + costs.decoding
    peer = None if options.no_peers else hma(files, options.works)
    if peer is None:
        print("  HMA not measured (it needs pdqhash and threatexchange)")
        return
    print(
        f"  HMA, one code a work: decoding and hash {peer[0]:.2f}, search {peer[1]:.2f}, together {sum(peer):.2f};\n"
        f"  ours with decoding, in batches of {BATCHES[-1]:,}: {ours:.2f}, ratio {sum(peer) / ours:.1f}"
    )


def main() -> None:
    """Print our figures, the peer's and the ratio."""
    options = argparse.ArgumentParser(description="Pictures against a registry of a million works, one core")
    options.add_argument("--works", type=int, default=1_000_000)
    options.add_argument("--pictures", type=int, default=64)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--folder", type=Path, help="where lists and index stay; a temporary one if not given"
    )
    options.add_argument("--no-peers", action="store_true")
    asked_for = options.parse_args()
    for name in ("PIXELS", "FRAMES", "ANCHORS"):  # compiled from the first picture on, as in a long run
        setattr(metering, name, metering.Meter(-1))
    LOADING.compiled_pays(1 << 60)
    print(f"machine {machine()}; load {os.getloadavg()[0]:.0f}")
    with tempfile.TemporaryDirectory() as place:
        folder = asked_for.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder, asked_for)


if __name__ == "__main__":
    main()
