"""What judges items, as each process of a run opens it; and what of it is part of the run's id."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.engines import screen as screens
from crawler.engines.local import run_filter
from crawler.engines.screen import Screen, open_screen
from crawler.runs.plan import Settings
from crawler.runs.verify import verify_run
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Corrupt, InvalidInput, NotReady
from registry.core.fingerprints import MINHASH128
from tests.unit.crawler import lab

AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_workers_rely_on_the_indexes_that_their_parent_has_checked(tmp_path: Path) -> None:
    snapshot = open_snapshot(lab.make_snapshot(tmp_path / "vb", AT), now=AT)
    request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, at=int(AT.timestamp()))
    screen, edition = Screen.of(snapshot, None, Settings(request)), snapshot.path
    opened = screens._open.__wrapped__  # as another process does, which has nothing in its cache
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


def test_a_pickled_screen_is_small_and_judges_as_before(snapshot_folder: Path) -> None:
    """The lab's own licences come along; bad content is a judgement, not an error."""
    screen = open_screen(snapshot_folder, purpose="train_genai", policy="eu-art4")
    sent = pickle.dumps(screen)
    assert len(sent) < 2_000
    items = [
        lab.WORKS["reserved picture"].data,
        lab.WORKS["reserved text"].data.decode(),
        lab.WORKS["licensed text"].data.decode(),
        lab.prose(900),
        b"",
        "\ud800" * 200,
    ]
    screens._open.cache_clear()
    found = [judged.decision for judged in pickle.loads(sent).judge(items)]
    assert [decision.kept for decision in found] == [False, False, True, True, False, False]
    assert [str(decision.verdict.name) for decision in found[2:4]] == ["LICENSED", "UNKNOWN"]
    assert [decision.reason for decision in found[4:]] == ["error.undecodable", "error.malformed"]


def test_a_screen_refuses_another_edition_in_the_place_of_its_own(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    lab.make_snapshot(tmp_path / "vb", now)
    screen = open_screen(tmp_path / "vb", purpose="train_genai", policy="eu-art4")
    shutil.rmtree(tmp_path / "vb")
    screens._open.cache_clear()
    with pytest.raises(NotReady, match="is not there"):
        screen.judge(["Any text."])
    lab.make_snapshot(tmp_path / "vb", now, works=list(lab.WORKS.values())[:2], licensed=False)
    with pytest.raises(NotReady, match="is not there"):
        screen.judge(["Any text."])
    without = replace(screen, licences=None)
    with pytest.raises(NotReady, match="another edition"):
        without.check_files()


def test_a_screen_is_asked_for_in_the_words_of_the_command(snapshot_folder: Path) -> None:
    with pytest.raises(InvalidInput):
        open_screen(snapshot_folder, purpose="training", policy="eu-art4")
    with pytest.raises(InvalidInput, match="vorbehalt filter"):
        open_screen(snapshot_folder, purpose="train_genai", policy="eu")
