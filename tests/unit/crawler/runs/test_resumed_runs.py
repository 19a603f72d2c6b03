"""A run that was interrupted goes on by the edition and the licences that it began with, whatever was synced since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.editions import Editions
from crawler.engines.local import Job, run_filter
from crawler.runs.plan import Plan, Settings
from crawler.runs.resuming import begun_in, open_for_run
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from crawler.watching import Unwatched
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Corrupt, InvalidInput, NotFound, OutputExists, StaleSnapshot
from registry.core.records.canonical import canonical
from registry.core.records.runs import RunManifest
from tests.unit.crawler import lab

Filter = Callable[..., RunManifest]


class _Killed(Exception):
    """Stands for the end of the process: nothing tidies up after it but what always does."""


class _KilledEarly(Unwatched):
    def update(self, *_: Any) -> None:
        raise _Killed


@pytest.fixture
def vb(tmp_path: Path, snapshot_folder: Path) -> Path:
    """The lab's snapshot folder, of its own: edition 1, with licences."""
    return shutil.copytree(
        snapshot_folder, tmp_path / "vb", symlinks=True, ignore=shutil.ignore_patterns("kept")
    )


@pytest.fixture
def filter_into(tmp_path: Path, vb: Path, dataset: Path) -> Filter:
    """`vorbehalt filter --resume`, at any time."""

    def run(
        name: str, *, after: timedelta = timedelta(), killed: bool = False, stale: str | None = None
    ) -> RunManifest:
        out, now = tmp_path / name, datetime.now(UTC) + after
        begun = begun_in(out)
        opened = open_for_run(vb, begun, now=now, allow_stale=stale)
        at = begun.at if begun else opened.created
        settings = Settings(Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, at), items_per_shard=4)
        job = Job(open_sources([dataset]), [dataset], out, opened, settings, 1, None)
        return run_filter(job, resume=True, watcher=_KilledEarly() if killed else None)

    return run


def _newer(vb: Path, sequence: int) -> None:
    """Another edition, which withdraws everything, is installed as a sync does it."""
    made = lab.make_snapshot(vb.parent / f"made-{sequence}", datetime.now(UTC), sequence=sequence, works=())
    editions = Editions(vb)
    with editions.exclusively():
        stage = editions.stage(sequence)
        shutil.copytree(made / "editions" / str(sequence), stage, dirs_exist_ok=True)
        editions.install(stage, sequence)


def _killed(filter_into: Filter, name: str = "run") -> None:
    with pytest.raises(_Killed):
        filter_into(name, killed=True)


def test_editions_that_came_since_change_nothing(tmp_path: Path, vb: Path, filter_into: Filter) -> None:
    undisturbed = filter_into("undisturbed")
    _killed(filter_into)
    for sequence in (2, 3, 4, 5):
        _newer(vb, sequence)
    assert sorted(p.name for p in (vb / "editions").iterdir()) == ["1", "4", "5"]
    assert Editions(vb).kept_for_runs() == {1: tmp_path / "run"}
    resumed = filter_into("run")
    assert (resumed.run_id, resumed.snapshot.sequence) == (undisturbed.run_id, 1)
    verify_run(tmp_path / "run")
    assert filter_into("run").run_id == resumed.run_id  # it is complete, and stays what it is

    _newer(vb, 6)
    assert sorted(p.name for p in (vb / "editions").iterdir()) == ["5", "6"]
    assert list((vb / "kept").iterdir()) == []


def test_licences_that_were_renewed_since_change_nothing(
    tmp_path: Path, vb: Path, filter_into: Filter
) -> None:
    undisturbed = filter_into("undisturbed")
    _killed(filter_into)
    shutil.rmtree(vb / "editions/1/licences")
    assert filter_into("run").run_id == undisturbed.run_id
    assert undisturbed.licensee == lab.LICENSEE


def test_licences_of_the_run_that_were_altered_or_have_expired_permit_nothing(
    tmp_path: Path, vb: Path, filter_into: Filter
) -> None:
    _killed(filter_into)
    shutil.rmtree(vb / "editions/1/licences")
    copy = tmp_path / "run/.partial/licences.json"
    held = json.loads(copy.read_bytes())
    copy.write_text(json.dumps(held | {"expires": "2099-01-01T00:00:00Z"}), encoding="utf-8")
    with pytest.raises(OutputExists, match="another run"):
        filter_into("run")
    copy.unlink()
    with pytest.raises(OutputExists, match="another run"):
        filter_into("run")


def test_an_edition_that_expired_since_needs_a_reason_which_stays_in_the_papers(
    tmp_path: Path, vb: Path, filter_into: Filter
) -> None:
    shutil.rmtree(vb / "editions/1/licences")  # they expire with it, and a run without them is another
    _killed(filter_into)
    _newer(vb, 2)
    with pytest.raises(StaleSnapshot, match="Edition 1, with which this run began, expired"):
        filter_into("run", after=timedelta(hours=25))
    with pytest.raises(_Killed):
        filter_into("run", after=timedelta(hours=25), stale="a week of reading", killed=True)
    assert filter_into("run").snapshot.stale_override == "a week of reading"  # though nobody gave it again
    verify_run(tmp_path / "run")


def test_an_edition_that_is_gone_or_damaged_is_no_other(
    tmp_path: Path, vb: Path, filter_into: Filter
) -> None:
    _killed(filter_into)
    _newer(vb, 2)
    terms = vb / "editions/1/lists/terms.jsonl"
    terms.write_bytes(terms.read_bytes()[::-1])
    with pytest.raises(Corrupt):
        filter_into("run")
    shutil.rmtree(vb / "editions/1")
    with pytest.raises(NotFound, match="Begin anew"):
        filter_into("run")
    assert not (tmp_path / "run/run.json").exists()


def test_other_settings_are_another_run(tmp_path: Path, dataset: Path, vb: Path, filter_into: Filter) -> None:
    _killed(filter_into)
    begun = begun_in(tmp_path / "run")
    assert begun is not None
    opened = open_for_run(vb, begun, now=datetime.now(UTC))
    settings = Settings(Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, begun.at), items_per_shard=4)
    job = Job(open_sources([dataset]), [dataset], tmp_path / "run", opened, settings, 1, None)
    with pytest.raises(OutputExists, match="another run"):
        run_filter(job, resume=True)


def test_a_reason_for_using_what_expired_is_added_and_never_changed() -> None:
    def plan(reason: str | None, at: int = 5) -> Plan:
        return Plan(canonical({"at": at, "stale_override": reason}), 0)

    assert plan("why").continues(plan(None).text)
    assert plan("why").continues(plan("why").text)
    assert not plan(None).continues(plan("why").text)
    assert not plan("why").continues(plan("another").text)
    assert not plan("why").continues(plan(None, at=6).text)
    assert not plan("why").continues(b"[]")


def test_a_damaged_plan_is_no_beginning(tmp_path: Path) -> None:
    assert begun_in(tmp_path / "none") is None
    plan = tmp_path / "run/.partial/plan.json"
    plan.parent.mkdir(parents=True)
    for text in (b"{}", b"[]", b"{", b""):
        plan.write_bytes(text)
        with pytest.raises(InvalidInput):
            begun_in(tmp_path / "run")


def test_a_snapshot_folder_that_may_only_be_read_stops_no_run(vb: Path, filter_into: Filter) -> None:
    (vb / "kept").write_bytes(b"")  # as good as forbidden, for root too
    assert filter_into("run").snapshot.sequence == 1
