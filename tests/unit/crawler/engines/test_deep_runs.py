"""A deep run finds works in collages; that it was one is part of its id, and its papers verify without the pictures."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from crawler.checking import check_in_snapshot, file_item
from crawler.engines.local import Job, run_filter
from crawler.runs.verify import verify_run
from registry.core.errors import OutputExists, VerificationFailed
from registry.core.fingerprints import DEEP256
from registry.core.records.runs import RunManifest
from tests.unit.crawler import lab

COLLAGE = "collage.png"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a collage of a reserved picture among three others, and a picture that nobody registered."""
    folder = tmp_path_factory.mktemp("pages") / "pages"
    folder.mkdir()
    page = Image.new("RGB", (540, 410), "white")
    for number, seed in enumerate((91, 92, 1, 93)):
        page.paste(lab.picture(seed), (8 + 266 * (number % 2), 8 + 200 * (number // 2)))
    page.save(folder / COLLAGE)
    lab.picture(94).save(folder / "stranger.png")
    return folder


def job_of(make_job: lab.MakeJob, pages: Path, out: Path, *, deep: bool, **more: int) -> Job:
    job = make_job(pages, out=out, **more)
    return replace(job, settings=replace(job.settings, deep=deep))


def kept(run: Path) -> set[str]:
    rows = pq.read_table(run / "verdicts.parquet").to_pylist()
    return {row["key"] for row in rows if row["kept"]}


@pytest.fixture(scope="module")
def deep_run(make_job: lab.MakeJob, pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("deep") / "run"
    run_filter(job_of(make_job, pages, out, deep=True, workers=2), resume=False)
    return out


def test_only_a_deep_run_finds_the_work_in_the_collage(
    make_job: lab.MakeJob, pages: Path, deep_run: Path, tmp_path: Path
) -> None:
    run_filter(job_of(make_job, pages, tmp_path / "plain", deep=False), resume=False)
    assert kept(tmp_path / "plain") == {COLLAGE, "stranger.png"}
    assert kept(deep_run) == {"stranger.png"}
    (row,) = (
        r for r in pq.read_table(deep_run / "verdicts.parquet").to_pylist() if r["key"].endswith(COLLAGE)
    )
    assert (row["algorithm"], row["radius"]) == (DEEP256, 47)
    assert row["work_id"] == lab.WORKS["reserved picture"].id
    plain, deep = (
        RunManifest.parse((run / "run.json").read_bytes()) for run in (tmp_path / "plain", deep_run)
    )
    assert (plain.parameters["deep"], deep.parameters["deep"]) == (False, True)
    assert plain.run_id != deep.run_id


def test_a_deep_run_verifies_from_its_codes_alone(deep_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(deep_run, tmp_path / "run"))
    shutil.rmtree(run / "data")
    snapshot = RunManifest.parse((deep_run / "run.json").read_bytes()).runtime["snapshot"]
    edition = (deep_run.resolve() / str(snapshot)).resolve()
    assert verify_run(run, edition, papers_only=True).manifest.counts.dropped == 1
    codes = pq.read_table(run / "codes.parquet")
    assert sum(a == DEEP256 for a in codes["algorithm"].to_pylist()) > 10
    damaged = bytearray((run / "codes.parquet").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (run / "codes.parquet").write_bytes(damaged)
    with pytest.raises(VerificationFailed):
        verify_run(run, edition, papers_only=True)


def test_a_run_that_was_begun_is_not_continued_more_deeply(
    make_job: lab.MakeJob, pages: Path, tmp_path: Path
) -> None:
    run_filter(job_of(make_job, pages, tmp_path / "run", deep=False), resume=False)
    with pytest.raises(OutputExists):
        run_filter(job_of(make_job, pages, tmp_path / "run", deep=True), resume=True)


def test_a_single_file_is_looked_at_deeply_as_well(
    make_job: lab.MakeJob, pages: Path, tmp_path: Path
) -> None:
    job = make_job(pages, out=tmp_path / "unused")
    items = [file_item(pages / COLLAGE, deep=deep) for deep in (False, True)]
    plain, deep = check_in_snapshot(items, job.snapshot, job.settings.request)
    assert not plain.found
    assert [found.work for found in deep.found] == [lab.WORKS["reserved picture"].id]
