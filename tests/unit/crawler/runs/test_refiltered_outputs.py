"""A file is written again only if other items of it are kept, and then from the input, without working it off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from crawler.engines.local import Job, run_filter
from crawler.runs import refilter
from crawler.runs.plan import Settings
from crawler.runs.taking_over import EarlierRun
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from crawler.sources.base import Source
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import VerificationFailed
from tests.unit.crawler import archives, lab, shards

_TEXTS = [lab.prose(seed) for seed in (401, 402, 403)]
_PICTURES = [lab.encoded(lab.picture(seed), "JPEG", quality=85) for seed in (411, 412, 413)]
_RESERVED = lab.Work("a reserved text", _TEXTS[1].encode())
_NEW = [lab.Work("a new text", _TEXTS[2].encode()), lab.Work("a new picture", _PICTURES[2])]


def _inputs(folder: Path) -> dict[str, Path]:
    """Of each format the same texts or pictures: one is reserved at first, another one later."""
    lines = "".join(f'{{"id": {n}, "text": "{text}"}}\n' for n, text in enumerate(_TEXTS))
    pages = [
        archives.record("conversion", n, text.encode(), **{"Content-Type": "text/plain"})
        for n, text in enumerate(_TEXTS)
    ]
    for number, text in enumerate(_TEXTS):
        shards.write(folder / f"texts/{number}.txt", text.encode())
        shards.write(folder / f"set/00000/{number}.txt", text.encode())
    shards.write(folder / "set/00000.parquet", pa.table({"key": ["0", "1", "2", "3"]}))
    members = shards.samples({f"{n:04}": data for n, data in enumerate(_PICTURES)})
    return {
        "folder": folder / "texts",
        "img2dataset": folder / "set",
        "jsonl": shards.write(folder / "pages.jsonl", lines.encode()),
        "packed": shards.write(folder / "crawl.warc.gz", archives.packed(*pages)),
        "tar": shards.write(folder / "shard.tar", shards.tar(members)),
        "parquet": shards.write(folder / "table.parquet", pa.table({"text": _TEXTS, "n": [1, 2, 3]})),
    }


class _Runs:
    """A run by an edition, the same by a later one in full, and what it takes to go on from the first."""

    def __init__(self, folder: Path, works: Sequence[lab.Work], later: Sequence[lab.Work]) -> None:
        self.folder = folder
        self.inputs = _inputs(folder / "in")
        now = datetime.now(UTC)
        self.old = lab.make_snapshot(folder / "old", now, sequence=1, works=works)
        self.new = lab.make_snapshot(folder / "new", now, sequence=2, works=later)
        self.run = folder / "run"
        run_filter(self._job(self.old, self.run), resume=False)

    def _sources(self) -> list[Source]:
        return open_sources(list(self.inputs.values()))

    def _job(self, snapshot: Path, out: Path) -> Job:
        opened = open_snapshot(snapshot, now=datetime.now(UTC))
        request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created)
        return Job(self._sources(), list(self.inputs.values()), out, opened, Settings(request))

    def full(self) -> dict[str, bytes]:
        """All files of the run in full."""
        run_filter(self._job(self.new, self.folder / "full"), resume=False)
        return tree(self.folder / "full")

    def again(self, *, resume: bool = False) -> EarlierRun:
        """The refiltered run, in `again`."""
        job = self._job(self.new, self.folder / "again")
        earlier, settings = refilter.compare(
            self.run, job.sources, self.old, job.snapshot, at=job.snapshot.created
        )
        run_filter(replace(job, settings=settings, earlier=earlier), resume=resume)
        return earlier


def tree(out: Path) -> dict[str, bytes]:
    """All files of a run but its manifest, which says when it was made."""
    return {
        str(p.relative_to(out)): p.read_bytes()
        for p in out.rglob("*")
        if p.is_file() and p.name != "run.json"
    }


def test_of_every_format_what_is_kept_now_is_written_and_nothing_worked_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = _Runs(tmp_path, [_RESERVED], _NEW)
    full = runs.full()
    monkeypatch.setattr("crawler.engines.local.run_shard", None)
    earlier = runs.again()
    assert tree(tmp_path / "again") == full
    assert (earlier.rewritten, len(earlier.taken), earlier.revised.unclear) == (5, 6, set())
    assert {"data/texts/1.txt", "data/texts/0.txt"} < full.keys()
    assert "data/texts/2.txt" not in full
    kept = [(out / "data/texts/0.txt").stat().st_ino for out in (runs.run, tmp_path / "again")]
    assert kept[0] == kept[1]
    verify_run(tmp_path / "again", runs.new)


def test_where_nothing_is_near_all_files_are_the_same_and_so_are_the_codes(tmp_path: Path) -> None:
    runs = _Runs(tmp_path, [_RESERVED], [_RESERVED, lab.Work("far away", lab.encoded(lab.picture(999)))])
    assert runs.again().rewritten == 0
    for name in ("codes.parquet", "data/shard.tar", "data/table.parquet", "data/set/00000/0.txt"):
        assert (tmp_path / "again" / name).stat().st_ino == (runs.run / name).stat().st_ino
    assert tree(tmp_path / "again") == runs.full()


def test_codes_that_were_not_made_are_made_by_working_the_part_off(tmp_path: Path) -> None:
    picture = lab.Work("withdrawn later", _PICTURES[1])
    runs = _Runs(tmp_path, [picture, _RESERVED], [_RESERVED])
    earlier = runs.again()
    assert (len(earlier.revised.unclear), len(earlier.taken)) == (1, 5)
    assert tree(tmp_path / "again") == runs.full()


def test_an_input_that_is_another_now_is_not_written_from(tmp_path: Path) -> None:
    runs = _Runs(tmp_path, [_RESERVED], _NEW)
    lines = runs.inputs["jsonl"]
    facts, data = lines.stat(), lines.read_bytes()
    lines.write_bytes(data.replace(b'"id": 0', b'"id": 9'))
    os.utime(lines, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(VerificationFailed, match=r"pages\.jsonl was changed"):
        runs.again()
    lines.write_bytes(data)
    os.utime(lines, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    runs.again(resume=True)
    assert tree(tmp_path / "again") == runs.full()
    assert tree(runs.run)["data/pages.jsonl"].count(b"\n") == 2
