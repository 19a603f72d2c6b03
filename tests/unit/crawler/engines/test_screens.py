"""What judges items, as each process of a run opens it; and what of it is part of the run's id."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.engines import shard
from crawler.engines.local import run_filter
from crawler.engines.shard import Screen
from crawler.runs.verify import verify_run
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Corrupt
from registry.core.fingerprints import MINHASH128
from registry.core.fingerprints.model import DEFAULT_LIMITS
from tests.unit.crawler import lab

AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_workers_rely_on_the_indexes_that_their_parent_has_checked(tmp_path: Path) -> None:
    edition = open_snapshot(lab.make_snapshot(tmp_path / "vb", AT), now=AT).path
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, at=int(AT.timestamp()))
    screen = Screen(edition, None, request, DEFAULT_LIMITS, deep=False, min_words=12)
    opened = shard._open.__wrapped__  # as another process does, which has nothing in its cache
    opened(screen)
    index = max((edition / "index" / MINHASH128).glob("*.npy"), key=lambda path: path.stat().st_size)
    damaged = bytearray(index.read_bytes())
    damaged[-1] ^= 1
    index.chmod(0o600)
    index.write_bytes(damaged)
    with pytest.raises(Corrupt):
        opened(screen)
    opened(replace(screen, is_checked=True))


def test_how_pictures_are_decoded_is_part_of_a_runs_id(
    tmp_path: Path, dataset: Path, make_job: lab.MakeJob
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("licensed.jpg", "stranger-1.jpg"):
        shutil.copy(dataset / "photos" / name, pictures)
    job = make_job(pictures, out=tmp_path / "exact")
    reduced = run_filter(replace(job, out=tmp_path / "reduced"), resume=False)
    exact = run_filter(replace(job, settings=replace(job.settings, exact_decode=True)), resume=False)
    assert (reduced.parameters["exact_decode"], exact.parameters["exact_decode"]) == (False, True)
    assert reduced.run_id != exact.run_id
    assert reduced.counts.as_json() == exact.counts.as_json()
    assert verify_run(tmp_path / "exact").manifest.run_id == exact.run_id
