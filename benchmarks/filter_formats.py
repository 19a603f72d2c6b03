"""Claim: filtering WebDataset tars and parquet costs little more than the fingerprints; what surrounds them is fast.

    python benchmarks/filter_formats.py [--pictures 400] [--works 2000] [--rounds 3]

One process filters shards of 256 px JPEG pictures with captions against a snapshot, in both formats: reading, all
fingerprints, matching, writing what is kept, and the papers. The peer is Pillow decoding the same pictures from
memory and nothing else; our fingerprints alone are measured between the two. Beside that, rewriting alone: our walk
over a tar's headers against `tarfile` copying the same members, which must give the same bytes, and our parquet
reader and writer against `pyarrow.parquet` doing the same; and our walk over the records of a WARC file, which it
writes again, against warcio only reading them.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import PIL
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from warcio.archiveiterator import ArchiveIterator

from benchmarks._measuring import best_of, machine
from benchmarks.image_hashing import crops
from crawler.engines.local import Job, run_filter
from crawler.runs.plan import Settings
from crawler.sources import open_sources
from crawler.sources.base import Shard
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.fingerprints import look_up_bytes
from tests.unit.crawler import archives, lab, shards

_LIMIT = 256 << 20
_CAPTURES = 4_000
_COPIED = 256 << 20
"""Bytes of the tar that is copied: too few would measure the opening of files."""


def make_snapshot(folder: Path, works: int) -> Path:
    """A snapshot of so many works: the few of the tests, and others of random codes in the same proportion."""
    random = np.random.default_rng(2)
    others = [lab.Work(f"noise {n}", _noise(random)) for n in range(works)]
    return lab.make_snapshot(folder, datetime.now(UTC), works=[*lab.WORKS.values(), *others])


def _noise(random: np.random.Generator) -> bytes:
    small = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return lab.encoded(small.resize((64, 48), Image.Resampling.BICUBIC))


def decode(pictures: list[bytes]) -> int:
    """What the peer does: every pixel, as a program that trains has to."""
    return sum(Image.open(io.BytesIO(data)).convert("RGB").size[0] for data in pictures)


def fingerprints(pictures: list[bytes]) -> int:
    """All codes of pictures that match nothing, anchors too."""
    found = [look_up_bytes(data) for data in pictures]
    return sum(len(f.later.anchors()) for f in found if f.later)


def report(title: str, seconds: float, peer: str, peer_seconds: float, amount: float, unit: str) -> None:
    """One line: our rate, the peer's, and how many times its time we take."""
    ratio = seconds / peer_seconds
    print(
        f"  {title:<34}{amount / seconds:>9,.0f} {unit}   {peer:<30}{amount / peer_seconds:>9,.0f} {unit}   "
        f"takes {ratio:.2f} of its time"
    )


def filtering(source: Path, snapshot: Path, out: Path) -> Callable[[], int]:
    """A whole run in this process."""

    def work() -> int:
        shutil.rmtree(out, ignore_errors=True)
        opened = open_snapshot(snapshot, now=datetime.now(UTC))
        settings = Settings(Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created))
        manifest = run_filter(Job(open_sources([source]), [source], out, opened, settings), resume=False)
        return manifest.counts.kept

    return work


def copy_ours(shard: Shard, out: Path) -> bytes:
    """Every item read and written, none looked at; the digest of the output."""
    with shard.sink(out) as sink:
        for sample in shard.read(_LIMIT, hashlib.sha256().update):
            sink.write(sample)
    return bytes.fromhex(sink.written[0].sha256)


def copy_tarfile(source: Path, out: Path) -> bytes:
    """The same by the standard library, as `webdataset` reads and writes."""
    with tarfile.open(source, "r|") as old, tarfile.open(out, "w|") as new:
        for info in old:
            new.addfile(info, old.extractfile(info))
    return hashlib.sha256(out.read_bytes()).digest()


def copy_pyarrow(source: Path, out: Path) -> int:
    """All rows through pyarrow, group by group."""
    with pq.ParquetFile(source) as file, pq.ParquetWriter(out, file.schema_arrow) as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group))
    return out.stat().st_size


def main() -> None:
    """Print our rates, the peers' and the ratios."""
    options = argparse.ArgumentParser(
        description="Filtering tars and parquet beside plain decoding, one core"
    )
    options.add_argument("--pictures", type=int, default=400)
    options.add_argument("--works", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    print(f"machine    {machine()}")
    print(f"versions   Pillow {PIL.__version__}, pyarrow {pa.__version__}, numpy {np.__version__}")
    with tempfile.TemporaryDirectory(prefix="vorbehalt-bench-") as name:
        folder = Path(name)
        snapshot = make_snapshot(folder / "vb", asked.works)
        pictures = crops(asked.pictures, 256, 256)
        members = shards.samples({f"{n:08}": data for n, data in enumerate(pictures)})
        tar = shards.write(folder / "in/00000.tar", shards.tar(members))
        table = shards.write(folder / "in/t.parquet", shards.hugging_face(list(pictures)), row_group_size=100)
        print(
            f"\n{len(pictures)} JPEG pictures of 256 px, {asked.works:,} works on record; pictures a second"
        )
        peer_seconds, _ = best_of(asked.rounds, lambda: decode(pictures))
        seconds, _ = best_of(asked.rounds, lambda: fingerprints(pictures))
        report(
            "fingerprints alone, no run", seconds, "Pillow, decoding only", peer_seconds, len(pictures), "/s"
        )
        for title, source in (("WebDataset, whole run", tar), ("parquet, whole run", table)):
            seconds, kept = best_of(asked.rounds, filtering(source, snapshot, folder / "run"))
            report(title, seconds, "Pillow, decoding only", peer_seconds, len(pictures), "/s")
            assert kept
        _rewriting(folder, pictures, asked.rounds)


def _rewriting(folder: Path, pictures: list[bytes], rounds: int) -> None:
    """The formats alone."""
    times = max(1, _COPIED // sum(map(len, pictures)))
    many = pictures * times
    members = shards.samples({f"{n:08}": data for n, data in enumerate(many)})
    tar = shards.write(folder / "copy/00000.tar", shards.tar(members))
    table = shards.write(folder / "copy/t.parquet", shards.hugging_face(list(many)), row_group_size=100)
    print(
        f"\n{len(many):,} samples copied, {tar.stat().st_size >> 20} MiB; megabytes a second, digests included"
    )
    for title, source, peer in (
        ("tar, by its headers", tar, "tarfile"),
        ("parquet", table, "pyarrow.parquet, no digests"),
    ):
        (shard,) = open_sources([source])[0].shards(1)
        copy: Callable[[Path, Path], bytes | int] = copy_tarfile if source is tar else copy_pyarrow
        seconds, digest = best_of(rounds, partial(copy_ours, shard, folder / "out"))
        theirs, same = best_of(rounds, partial(copy, source, folder / "theirs"))
        report(title, seconds, peer, theirs, source.stat().st_size / 1e6, "MB/s")
        if source is tar and digest != same:
            raise SystemExit("The two copies differ; the speed does not count.")
    _crawl(folder, many[:_CAPTURES], rounds)


def _crawl(folder: Path, pictures: list[bytes], rounds: int) -> None:
    """Captures read with their addresses and payloads, and written again."""
    records = [archives.response(n, data) for n, data in enumerate(pictures)]
    source = shards.write(folder / "copy/a.warc.gz", archives.packed(*records))
    (shard,) = open_sources([source])[0].shards(1)
    seconds, digest = best_of(rounds, partial(copy_ours, shard, folder / "out"))
    if digest != hashlib.sha256(source.read_bytes()).digest():
        raise SystemExit("The copy differs; the speed does not count.")
    theirs, _ = best_of(rounds, partial(read_warcio, source))
    report(
        "WARC, read and written", seconds, "warcio, reading only", theirs, source.stat().st_size / 1e6, "MB/s"
    )


def read_warcio(source: Path) -> int:
    """Every payload."""
    with source.open("rb") as file:
        return sum(len(record.content_stream().read()) for record in ArchiveIterator(file))


if __name__ == "__main__":
    main()
