"""What modes leave out, what they write instead of data, and that the papers say so and hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawler.claims import build_claim
from crawler.engines.local import Job, run_filter
from crawler.engines.shard import run_shard
from crawler.modes import Mode
from crawler.runs.explain import explain
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from registry.core.errors import InvalidInput, OutputExists
from registry.core.records.runs import RunManifest
from tests.unit.crawler import lab

Run = Callable[..., RunManifest]
OPEN, LICENSED, NONE_FOUND = "licence.anyone", "licence.licensee", "none-found"


@pytest.fixture
def run(make_job: lab.MakeJob, dataset: Path, lines: Path) -> Run:
    """A verified run over both inputs in some mode."""

    def work(out: Path, *, workers: int = 1, limit: int | None = None, **more: Any) -> RunManifest:
        job = in_mode(make_job(dataset, lines, out=out, workers=workers), limit, **more)
        manifest = run_filter(job, resume=False)
        assert verify_run(out).manifest.run_id == manifest.run_id
        return manifest

    return work


def in_mode(job: Job, limit: int | None = None, **more: Any) -> Job:
    """The same job with other settings."""
    sources = open_sources(job.inputs, limit=limit)
    return replace(job, sources=sources, settings=replace(job.settings, limit=limit, **more))


def kept_reasons(out: Path) -> set[str]:
    """Why items were kept."""
    rows = pq.read_table(out / "verdicts.parquet").to_pylist()
    assert all(row["kept"] or (row["mark"] is None and not row["uses"]) for row in rows)
    return {row["reason"] for row in rows if row["kept"]}


@pytest.mark.parametrize(
    ("mode", "reasons"),
    [
        (Mode.DROP, {OPEN, LICENSED, NONE_FOUND}),
        (Mode.DROP_LICENSED_TOO, {OPEN, NONE_FOUND}),
        (Mode.ALLOWLIST, {OPEN, LICENSED}),
        (Mode.ANNOTATE, {OPEN, LICENSED, NONE_FOUND}),
    ],
)
def test_a_mode_keeps_so_much_and_is_part_of_the_run(
    tmp_path: Path, run: Run, mode: Mode, reasons: set[str]
) -> None:
    manifest = run(tmp_path / "run", mode=mode)
    assert kept_reasons(tmp_path / "run") == reasons
    assert manifest.parameters["mode"] == mode


def test_each_mode_is_another_run(tmp_path: Path, run: Run) -> None:
    asked: list[dict[str, Any]] = [{"mode": mode} for mode in Mode] + [{"dry_run": True}, {"limit": 3}]
    assert len({run(tmp_path / str(n), **more).run_id for n, more in enumerate(asked)}) == len(asked)


def test_a_run_goes_on_only_in_its_own_mode(
    tmp_path: Path, make_job: lab.MakeJob, lines: Path, run: Run
) -> None:
    job = in_mode(make_job(lines, out=tmp_path / "run"), mode=Mode.ANNOTATE)
    run_filter(job, resume=False)
    with pytest.raises(OutputExists):
        run_filter(in_mode(job, mode=Mode.DROP), resume=True)


def test_licensed_items_that_are_left_out_are_no_uses(tmp_path: Path, run: Run) -> None:
    manifest = run(tmp_path / "run", mode=Mode.DROP_LICENSED_TOO)
    assert manifest.licences == ()
    with pytest.raises(InvalidInput, match="nothing to report"):
        build_claim(tmp_path / "run")
    (found,) = explain(tmp_path / "run", "photos/licensed.jpg")
    assert any("leaves out what would have to be reported" in sentence for sentence in found.sentences)


def test_annotating_writes_a_line_per_item_and_no_data(tmp_path: Path, run: Run) -> None:
    manifest = run(tmp_path / "run", mode=Mode.ANNOTATE, workers=2)
    rows = pq.read_table(tmp_path / "run/verdicts.parquet").to_pylist()
    files = sorted(p for p in (tmp_path / "run/data").rglob("*") if p.is_file())
    assert {p.relative_to(tmp_path / "run").as_posix() for p in files} == {o.uri for o in manifest.outputs}
    assert files[-1] == tmp_path / "run/data/attributes/vorbehalt/pages.jsonl"
    found = [
        json.loads(line)
        for path in files
        for line in (
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        ).splitlines()
    ]
    assert [line["id"] for line in found] == [row["key"] for row in rows]
    spans = [line["attributes"]["vorbehalt__kept"] for line in found]
    assert [bool(value) for ((_, _, value),) in spans] == [row["kept"] for row in rows]
    assert found[21]["attributes"] == {
        "vorbehalt__kept": [[0, len(lab.WORKS["reserved text"].data), 0.0]],
        "vorbehalt__verdict": [[0, len(lab.WORKS["reserved text"].data), 1.0]],
    }


def test_a_dry_run_writes_the_papers_and_nothing_else(tmp_path: Path, run: Run) -> None:
    manifest = run(tmp_path / "run", dry_run=True)
    assert manifest.outputs == ()
    assert (manifest.counts.seen, manifest.counts.kept) == (33, 11)
    assert list((tmp_path / "run/data").iterdir()) == []
    with pytest.raises(InvalidInput, match="dry run"):
        build_claim(tmp_path / "run")


def test_a_limit_reads_the_first_items_of_each_input(tmp_path: Path, run: Run, lines: Path) -> None:
    one, two = run(tmp_path / "one", limit=6), run(tmp_path / "two", limit=6, workers=2)
    assert one.run_id == two.run_id
    keys = [row["key"] for row in pq.read_table(tmp_path / "one/verdicts.parquet").to_pylist()]
    assert keys[:6] == [
        f"dataset/{name}"
        for name in (
            ".hidden.png",
            "broken/archive.jpg",
            "broken/bomb.png",
            "broken/cut.png",
            "broken/empty.jpg",
            "broken/noise.bin",
        )
    ]
    assert keys[6:] == ["reserved", "7", "licensed", "4", "none", "null"]
    assert (one.inputs[1].rows, one.inputs[1].bytes) == (6, lines.stat().st_size)


@pytest.mark.parametrize("more", [{"dry_run": True}, {"mode": Mode.ANNOTATE}])
def test_what_is_finished_is_not_done_again(
    tmp_path: Path,
    make_job: lab.MakeJob,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
) -> None:
    done: list[int] = []

    def counted(number: int, *rest: Any) -> Any:
        done.append(number)
        if len(done) == 4:
            raise KeyboardInterrupt
        return run_shard(number, *rest)

    monkeypatch.setattr("crawler.engines.local.run_shard", counted)
    job = in_mode(make_job(dataset, out=tmp_path / "run"), **more)
    with pytest.raises(KeyboardInterrupt):
        run_filter(job, resume=False)
    run_filter(job, resume=True)
    assert done == [0, 1, 2, 3, 3, 4, 5]
    verify_run(tmp_path / "run")
