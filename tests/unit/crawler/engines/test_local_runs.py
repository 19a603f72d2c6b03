"""Whole runs in this process and in worker processes, on a dataset with everything that can be wrong."""

from __future__ import annotations

import errno
import fcntl
import shutil
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawler.engines import local
from crawler.engines.local import run_filter
from crawler.engines.shard import run_shard
from crawler.exits import ItemsFailed
from crawler.runs.partial import Marker, Partial
from crawler.runs.verify import verify_run
from crawler.watching import Done
from registry.core.decisions import Policy
from registry.core.errors import InvalidInput, OutputExists
from tests.unit.crawler import lab

KEPT_FILES = {
    "dataset/.hidden.png",
    "dataset/photos.txt",
    "dataset/photos/licensed.jpg",
    "dataset/photos/licensed.png",
    "dataset/photos/open.jpg",
    "dataset/photos/stranger-1.jpg",
    "dataset/photos/stranger-2.png",
    "dataset/texts/stranger.txt",
}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the manifest, whose `runtime` tells of this very attempt."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "run.json"
    }


def verdicts(run: Path) -> dict[str, dict[str, Any]]:
    """Verdict rows by key."""
    return {row["key"]: row for row in pq.read_table(run / "verdicts.parquet").to_pylist()}


# -- what comes out ----------------------------------------------------------------------------------------
def test_what_is_kept_is_byte_for_byte_what_was_there(finished_run: Path, dataset: Path, lines: Path) -> None:
    kept = {
        p.relative_to(finished_run / "data").as_posix()
        for p in (finished_run / "data").rglob("*")
        if p.is_file()
    }
    assert kept == KEPT_FILES | {"pages.jsonl"}
    for name in KEPT_FILES:
        assert (finished_run / "data" / name).read_bytes() == (dataset.parent / name).read_bytes()
    all_lines = lines.read_bytes().split(b"\n")
    assert (finished_run / "data" / "pages.jsonl").read_bytes() == (
        all_lines[1] + b"\n" + all_lines[2] + b"\n" + all_lines[11]
    )


@pytest.mark.parametrize(
    ("key", "verdict", "reason", "work"),
    [
        ("dataset/photos/copy.jpg", 1, "registered.no-licence", "reserved picture"),
        ("dataset/photos/mirrored.jpg", 1, "registered.no-licence", "reserved picture"),
        ("dataset/photos/bordered.png", 1, "registered.no-licence", "reserved picture"),
        ("dataset/photos/contested.jpg", 1, "title.contested", "contested picture"),
        ("dataset/photos/open.jpg", 0, "licence.anyone", "open picture"),
        ("dataset/photos/licensed.jpg", 2, "licence.licensee", "licensed picture"),
        ("dataset/texts/reserved.txt", 1, "registered.no-licence", "reserved text"),
        ("reserved", 1, "registered.no-licence", "reserved text"),
        ("licensed", 2, "licence.licensee", "licensed text"),
        ("dataset/photos/stranger-1.jpg", 4, "none-found", None),
        ("dataset/photos/blank.png", 4, "unchecked.low-quality", None),
        ("dataset/texts/short.txt", 4, "unchecked.too-short", None),
        ("dataset/link.png", 4, "unchecked.symlink", None),
        ("dataset/broken/cut.png", 4, "error.undecodable", None),
        ("dataset/broken/empty.jpg", 4, "error.undecodable", None),
        ("dataset/broken/archive.jpg", 4, "error.unsupported", None),
        ("dataset/broken/bomb.png", 4, "error.too-large", None),
        ("none", 4, "error.no-text", None),
        ("8", 4, "error.malformed", None),
    ],
)
def test_every_item_has_one_verdict_with_its_reason(
    finished_run: Path, key: str, verdict: int, reason: str, work: str | None
) -> None:
    row = verdicts(finished_run)[key]
    assert (row["verdict"], row["reason"]) == (verdict, reason)
    assert row["work_id"] == (lab.WORKS[work].id if work else None)
    assert row["kept"] == (reason in {"licence.anyone", "licence.licensee", "none-found"})
    assert row["mark"] == ("no-reservation-found" if reason == "none-found" else None)


def test_a_licensed_use_names_licence_tariff_and_how_it_was_recognised(finished_run: Path) -> None:
    rows = verdicts(finished_run)
    use = {"work_id": lab.WORKS["licensed picture"].id, "licence_id": lab.AGREEMENT, "tariff_id": lab.TARIFF}
    assert rows["dataset/photos/licensed.png"]["uses"] == [use | {"how": 1}]
    assert rows["dataset/photos/licensed.jpg"]["uses"] == [use | {"how": 2}]
    assert rows["dataset/photos/open.jpg"]["licence_id"] == lab.OPEN_OFFER
    assert rows["dataset/photos/open.jpg"]["uses"] == []


def test_counts_add_up_and_the_manifest_names_no_path_of_this_machine(
    finished_run: Path, tmp_path: Path
) -> None:
    manifest = verify_run(finished_run).manifest
    counts = manifest.counts
    assert (counts.seen, counts.kept, counts.dropped) == (33, 11, 22)
    assert sum(counts.by_reason.values()) == sum(counts.by_verdict.values()) == 33
    assert manifest.licensee == lab.LICENSEE
    assert manifest.licences == (lab.AGREEMENT,)
    assert [(i.uri, i.rows) for i in manifest.inputs] == [("dataset", 21), ("pages.jsonl", 12)]
    assert [(o.uri, o.rows) for o in manifest.outputs] == [("data/dataset", 8), ("data/pages.jsonl", 3)]
    assert str(tmp_path.parent.parent) not in (finished_run / "run.json").read_text()


def test_consent_first_keeps_only_what_a_licence_permits(
    tmp_path: Path, dataset: Path, make_job: lab.MakeJob
) -> None:
    run_filter(make_job(dataset, out=tmp_path / "run", policy=Policy.CONSENT_FIRST), resume=False)
    kept = {p.name for p in (tmp_path / "run" / "data").rglob("*") if p.is_file()}
    assert kept == {"open.jpg", "licensed.jpg", "licensed.png"}


def test_an_empty_folder_is_a_run_of_nothing(tmp_path: Path, make_job: lab.MakeJob) -> None:
    (tmp_path / "in").mkdir()
    manifest = run_filter(make_job(tmp_path / "in", out=tmp_path / "run"), resume=False)
    assert manifest.counts.seen == 0
    assert verify_run(tmp_path / "run").manifest.run_id == manifest.run_id


def test_an_input_of_which_nothing_is_kept_is_an_empty_folder(
    tmp_path: Path, dataset: Path, make_job: lab.MakeJob
) -> None:
    for name in ("reserved", "free"):
        (tmp_path / name).mkdir()
    (tmp_path / "reserved" / "a.png").write_bytes(lab.WORKS["reserved picture"].data)
    (tmp_path / "free" / "b.png").write_bytes(lab.encoded(lab.picture(77)))
    run_filter(make_job(tmp_path / "reserved", tmp_path / "free", out=tmp_path / "run"), resume=False)
    assert list((tmp_path / "run" / "data" / "reserved").iterdir()) == []
    verify_run(tmp_path / "run")
    (tmp_path / "run" / "data" / "reserved").rmdir()  # as copying by tools that know files only leaves it
    verify_run(tmp_path / "run")


# -- the same for any number of workers, batches, interruptions -------------------------------------------------
def test_one_worker_and_two_write_the_same_bytes(
    tmp_path: Path, finished_run: Path, dataset: Path, lines: Path, make_job: lab.MakeJob
) -> None:
    manifest = run_filter(make_job(dataset, lines, out=tmp_path / "run", workers=2), resume=False)
    assert tree(tmp_path / "run") == tree(finished_run)
    assert manifest.run_id == verify_run(finished_run).manifest.run_id


def test_a_killed_worker_is_replaced_and_changes_nothing(
    tmp_path: Path, finished_run: Path, dataset: Path, lines: Path, make_job: lab.MakeJob
) -> None:
    class Killer:
        """Kills one worker as soon as something was done."""

        killed = 0

        def begin(self, total_bytes: int) -> None:
            """Nothing yet."""

        def update(self, done: Done) -> None:
            """Strike once."""
            workers = active_children()
            if done.seen and workers and not self.killed:
                self.killed = workers[0].pid or 0
                workers[0].kill()

    killer = Killer()
    run_filter(
        make_job(dataset, lines, out=tmp_path / "run", workers=2, items_per_shard=4),
        resume=False,
        watcher=killer,
    )
    assert killer.killed
    assert tree(tmp_path / "run") == tree(finished_run)


class _Stop(Exception):
    """Ends a run from inside, as a kill would."""


def _interrupt(job: local.Job, monkeypatch: pytest.MonkeyPatch, shards: int) -> None:
    """Begin a run that ends after so many shards."""
    done = iter(range(shards))

    def some(*args: Any) -> Marker:
        if next(done, None) is None:
            raise _Stop
        return run_shard(*args)

    with monkeypatch.context() as patch:
        patch.setattr(local, "run_shard", some)
        with pytest.raises(_Stop):
            run_filter(job, resume=False)


@pytest.mark.parametrize("shards", [0, 1, 4])
def test_a_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path,
    finished_run: Path,
    dataset: Path,
    lines: Path,
    make_job: lab.MakeJob,
    monkeypatch: pytest.MonkeyPatch,
    shards: int,
) -> None:
    job = make_job(dataset, lines, out=tmp_path / "run")
    _interrupt(job, monkeypatch, shards)
    assert not (tmp_path / "run" / "run.json").exists()
    assert not (tmp_path / "run" / "data").exists()

    repeated: list[int] = []

    def remembered(number: int, *more: Any) -> Marker:
        repeated.append(number)
        return run_shard(number, *more)

    with monkeypatch.context() as patch:
        patch.setattr(local, "run_shard", remembered)
        manifest = run_filter(job, resume=True)
    assert repeated == list(range(shards, 7))
    assert manifest.runtime["resumed"] is True
    assert tree(tmp_path / "run") == tree(finished_run)
    assert manifest.run_id == verify_run(finished_run).manifest.run_id


@pytest.mark.parametrize(
    "damage",
    [
        lambda partial: (partial.data / "dataset/photos.txt").write_bytes(b""),
        lambda partial: partial.verdicts(0).write_bytes(partial.verdicts(0).read_bytes()[:-1]),
        lambda partial: partial.codes(1).unlink(),
        lambda partial: partial.marker(0).write_bytes(b'{"state":'),
    ],
)
def test_a_finished_shard_that_a_power_cut_damaged_is_done_again(
    tmp_path: Path,
    finished_run: Path,
    dataset: Path,
    lines: Path,
    make_job: lab.MakeJob,
    monkeypatch: pytest.MonkeyPatch,
    damage: Any,
) -> None:
    job = make_job(dataset, lines, out=tmp_path / "run")
    _interrupt(job, monkeypatch, 4)
    damage(Partial(tmp_path / "run"))
    run_filter(job, resume=True)
    assert tree(tmp_path / "run") == tree(finished_run)


@pytest.mark.parametrize("stop_at", ["verdicts.parquet", "run.json"])
def test_a_run_that_was_interrupted_at_its_very_end_can_be_completed(
    tmp_path: Path,
    finished_run: Path,
    dataset: Path,
    lines: Path,
    make_job: lab.MakeJob,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: str,
) -> None:
    """The data is in its place already, and the manifest is not."""
    job = make_job(dataset, lines, out=tmp_path / "run")
    replace = Path.replace

    def failing(self: Path, target: Any) -> Path:
        if Path(target) == tmp_path / "run" / stop_at:
            raise _Stop
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing)
        with pytest.raises(_Stop):
            run_filter(job, resume=False)
    assert (tmp_path / "run" / "data").exists()
    run_filter(job, resume=True)
    assert tree(tmp_path / "run") == tree(finished_run)


def test_resuming_a_complete_run_changes_nothing(
    tmp_path: Path, finished_run: Path, dataset: Path, lines: Path, make_job: lab.MakeJob
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    manifest = run_filter(make_job(dataset, lines, out=tmp_path / "run"), resume=True)
    assert manifest.to_bytes() == before == (tmp_path / "run" / "run.json").read_bytes()


# -- refusals ------------------------------------------------------------------------------------------------
def test_an_existing_folder_is_never_touched(tmp_path: Path, dataset: Path, make_job: lab.MakeJob) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(OutputExists):
            run_filter(make_job(dataset, out=out), resume=resume)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputExists):
        run_filter(make_job(dataset, out=tmp_path / "file"), resume=False)
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]


def test_an_unfinished_run_goes_on_only_when_asked_and_only_as_itself(
    tmp_path: Path, dataset: Path, make_job: lab.MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = shutil.copytree(dataset, tmp_path / "in", symlinks=True)
    job = make_job(inputs, out=tmp_path / "run")
    _interrupt(job, monkeypatch, 1)
    with pytest.raises(OutputExists, match="--resume"):
        run_filter(job, resume=False)
    with pytest.raises(OutputExists, match="another run"):
        run_filter(make_job(inputs, out=tmp_path / "run", policy=Policy.CONSENT_FIRST), resume=True)
    (inputs / "photos" / "open.jpg").write_bytes(b"other")
    with pytest.raises(OutputExists, match="another run"):
        run_filter(job, resume=True)


def test_a_complete_run_is_not_taken_for_another(
    finished_run: Path, dataset: Path, make_job: lab.MakeJob
) -> None:
    with pytest.raises(OutputExists, match="complete"):
        run_filter(make_job(dataset, out=finished_run), resume=True)
    with pytest.raises(OutputExists, match="already exists"):
        run_filter(make_job(dataset, out=finished_run), resume=False)


def test_two_processes_never_write_into_one_folder(
    tmp_path: Path, dataset: Path, make_job: lab.MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(dataset, out=tmp_path / "run")
    _interrupt(job, monkeypatch, 1)
    with (tmp_path / "run" / ".partial" / "lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OutputExists, match="right now"):
            run_filter(job, resume=True)
    run_filter(job, resume=True)


@pytest.mark.parametrize("out", [".", "..", "photos", "photos/deeper"])
def test_output_and_input_must_not_lie_in_each_other(
    tmp_path: Path, dataset: Path, make_job: lab.MakeJob, out: str
) -> None:
    inputs = shutil.copytree(dataset, tmp_path / "in" / "dataset", symlinks=True)
    with pytest.raises(InvalidInput, match="lie in each other"):
        run_filter(make_job(inputs, out=inputs / out), resume=False)


def test_above_the_limit_of_errors_the_run_stops_and_can_go_on(
    tmp_path: Path, finished_run: Path, dataset: Path, lines: Path, make_job: lab.MakeJob
) -> None:
    with pytest.raises(ItemsFailed, match="--max-errors"):
        run_filter(make_job(dataset, lines, out=tmp_path / "run", max_errors=3), resume=False)
    assert not (tmp_path / "run" / "run.json").exists()
    run_filter(make_job(dataset, lines, out=tmp_path / "run", max_errors=12), resume=True)
    assert tree(tmp_path / "run") == tree(finished_run)


def test_a_full_disk_leaves_nothing_that_is_used(
    tmp_path: Path,
    finished_run: Path,
    dataset: Path,
    lines: Path,
    make_job: lab.MakeJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(dataset, lines, out=tmp_path / "run")
    write_bytes = Path.write_bytes
    left = iter(range(3))

    def full(self: Path, data: Any) -> int:
        if "data" in self.parts and next(left, None) is None:
            write_bytes(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return write_bytes(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            run_filter(job, resume=False)
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert names == {".partial"}
    run_filter(job, resume=True)
    assert tree(tmp_path / "run") == tree(finished_run)


def test_a_watcher_sees_everything_once(tmp_path: Path, dataset: Path, make_job: lab.MakeJob) -> None:
    class Eye:
        """Remembers."""

        total = 0
        seen: list[Done] = []  # noqa: RUF012

        def begin(self, total_bytes: int) -> None:
            """The size."""
            self.total = total_bytes

        def update(self, done: Done) -> None:
            """Each state."""
            self.seen.append(done)

    eye = Eye()
    manifest = run_filter(make_job(dataset, out=tmp_path / "run"), resume=False, watcher=eye)
    assert eye.seen[-1] == Done(manifest.counts.seen, manifest.counts.kept, eye.total)
    assert eye.seen == sorted(eye.seen)
