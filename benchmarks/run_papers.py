"""Claim: verifying a run takes about a tenth of its time, and applying a small change of the registry a hundredth.

    python benchmarks/run_papers.py [--pictures 4096] [--texts 512000] [--works 500] [--new 20] [--rounds 2]

One process filters a folder of 256 px JPEG pictures and files of JSON lines, each for itself. Then it verifies the run
(`verify`), and does it again by an edition with a few works more, of which two are in the dataset: in full (`filter`)
and only as far as that changes anything (`refilter`). All figures are processor time, the least of some rounds; the
peer is the run in full. That the refiltered run is the same as the one in full is compared by its id. In a
folder each picture that is kept is linked; tars are linked as a whole. Texts are coded in microseconds, so that reading
their codes, some 1.6 kB an item, and comparing their digest counts; what is refiltered reads their index instead, which
is two fifths of that. A file of which other lines are kept is written anew as a whole.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks._measuring import Answer, best_of, machine
from crawler.engines.local import Job, run_filter
from crawler.runs.plan import Settings
from crawler.runs.refilter import compare
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.records.runs import RunManifest
from tests.unit.crawler import lab, shards

_SHARD = 128
_LINES = 4_000


def make_pictures(folder: Path, count: int) -> Path:
    """So many JPEG files."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.jpg").write_bytes(_picture(number))
    return folder


def make_tars(pictures: Path, folder: Path) -> list[Path]:
    """The same pictures in tars of so many as a part of a folder has."""
    files = sorted(pictures.iterdir())
    paths = []
    for first in range(0, len(files), _SHARD):
        members = shards.samples({p.stem: p.read_bytes() for p in files[first : first + _SHARD]})
        paths.append(shards.write(folder / f"{first // _SHARD:05}.tar", shards.tar(members)))
    return paths


def make_texts(folder: Path, count: int) -> list[Path]:
    """So many texts of 300 words, in files of 4,000 lines: 7 MB."""
    folder.mkdir()
    paths = []
    for first in range(0, count, _LINES):
        lines = [json.dumps({"id": n, "text": _text(n)}) for n in range(first, min(count, first + _LINES))]
        paths.append(folder / f"{first:06}.jsonl")
        paths[-1].write_text("\n".join(lines) + "\n", "utf-8")
    return paths


def _picture(seed: int) -> bytes:
    """A JPEG of 256 by 192 pixels like no other; crops of a few photographs would resemble each other."""
    return lab.encoded(lab.picture(seed), "JPEG", quality=85)


def _text(seed: int) -> str:
    random = np.random.default_rng((9, seed))
    letters = random.integers(97, 123, 300 * 5, np.uint8).tobytes().decode()
    return " ".join(letters[n : n + 5] for n in range(0, len(letters), 5))


def _works(count: int, seed: int) -> list[lab.Work]:
    random = np.random.default_rng(seed)
    pictures = [_picture(seed * 1_000_000 + n) for n in range(count // 2)]
    texts = [_text(int(random.integers(1 << 40, 1 << 50))).encode() for _ in range(count - count // 2)]
    return [lab.Work(f"work {seed} {n}", data) for n, data in enumerate([*pictures, *texts])]


def _job(inputs: list[Path], out: Path, snapshot: Path) -> Job:
    opened = open_snapshot(snapshot, now=datetime.now(UTC))
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created)
    return Job(open_sources(inputs), inputs, out, opened, Settings(request, items_per_shard=_SHARD))


def filter_into(inputs: list[Path], out: Path, snapshot: Path) -> RunManifest:
    """A run in full."""
    return run_filter(_job(inputs, out, snapshot), resume=False)


def _refilter(inputs: list[Path], run: Path, old: Path, new: Path, out: Path) -> RunManifest:
    job = _job(inputs, out, new)
    earlier, settings = compare(run, job.sources, old, job.snapshot, at=job.settings.request.at)
    return run_filter(Job(job.sources, inputs, out, job.snapshot, settings, earlier=earlier), resume=False)


def _best(rounds: int, out: Path, work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Least seconds of processor time over some rounds after one that does not count, each into a new folder."""
    answer, seconds = work(), []
    for _ in range(rounds):
        shutil.rmtree(out)
        begin = time.process_time()
        answer = work()
        seconds.append(time.process_time() - begin)
    return min(seconds), answer


def measure(name: str, inputs: list[Path], old: Path, new: Path, home: Path, rounds: int) -> None:
    """One line for each of the three."""
    run, full, again = home / "run", home / "full", home / "again"
    for folder in (run, full, again):
        shutil.rmtree(folder, ignore_errors=True)
    in_full, manifest = _best(rounds, run, lambda: filter_into(inputs, run, old))
    verifying, _ = best_of(rounds, lambda: verify_run(run, old))
    by_new = filter_into(inputs, full, new)
    applying, refiltered = _best(rounds, again, lambda: _refilter(inputs, run, old, new, again))
    if refiltered.run_id != by_new.run_id:
        raise SystemExit("The refiltered run is not the run in full.")
    seen = manifest.counts.seen
    for what, seconds in (("filter", in_full), ("verify", verifying), ("refilter", applying)):
        share = 100 * seconds / in_full
        print(
            f"{name:10} {what:10} {seconds:8.2f} s {1e6 * seconds / seen:10.1f} us an item {share:7.2f} % of the run",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    for option, default in (
        ("pictures", 4_096),
        ("texts", 512_000),
        ("works", 500),
        ("new", 20),
        ("rounds", 2),
    ):
        parser.add_argument(f"--{option}", type=int, default=default)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="vorbehalt-papers-"))
    try:
        pictures = make_pictures(home / "pictures", asked.pictures)
        tars = make_tars(pictures, home / "tars")
        texts = make_texts(home / "texts", asked.texts)
        copies = [
            lab.Work("in the pictures", (pictures / "000007.jpg").read_bytes()),
            lab.Work("in the texts", _text(7).encode()),
        ]
        works = _works(asked.works, 3)
        old = lab.make_snapshot(home / "old", datetime.now(UTC), sequence=1, works=works)
        more = [*works, *_works(asked.new - 2, 4), *copies]
        new = lab.make_snapshot(home / "new", datetime.now(UTC), sequence=2, works=more)
        print(machine())
        print(
            f"{asked.works:,} works, then {asked.new:,} more; {asked.pictures:,} pictures, {asked.texts:,} texts"
        )
        measure("pictures", [pictures], old, new, home, asked.rounds)
        measure("in tars", tars, old, new, home, asked.rounds)
        measure("texts", texts, old, new, home, asked.rounds)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
