"""For tests of the lab's side: one signed snapshot, made once; a dataset to filter; a run that everybody may read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.engines.local import Job, run_filter
from crawler.runs.plan import Settings
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from tests.unit.crawler import lab


@pytest.fixture(scope="session")
def snapshot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot that is fresh now, with the lab's own licences."""
    return lab.make_snapshot(tmp_path_factory.mktemp("snapshot"), datetime.now(UTC))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures and texts; nobody changes it."""
    return lab.make_dataset(tmp_path_factory.mktemp("inputs") / "dataset")


@pytest.fixture(scope="session")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of JSON lines; nobody changes it."""
    return lab.make_lines(tmp_path_factory.mktemp("inputs") / "pages.jsonl")


@pytest.fixture(scope="session")
def make_job(snapshot_folder: Path) -> lab.MakeJob:
    """Jobs by that snapshot."""

    def make(
        *inputs: Path,
        out: Path,
        policy: Policy = Policy.EU_ART4,
        workers: int = 1,
        items_per_shard: int = 4,
        max_errors: int | None = None,
    ) -> Job:
        snapshot = open_snapshot(snapshot_folder, now=datetime.now(UTC))
        request = Request(Purpose.TRAIN_GENAI, policy, snapshot.created)
        settings = Settings(request, items_per_shard=items_per_shard)
        return Job(open_sources(inputs), inputs, out, snapshot, settings, workers, max_errors)

    return make


@pytest.fixture(scope="session")
def finished_run(
    tmp_path_factory: pytest.TempPathFactory, dataset: Path, lines: Path, make_job: lab.MakeJob
) -> Path:
    """A complete run over both; nobody changes it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    run_filter(make_job(dataset, lines, out=out), resume=False)
    return out
