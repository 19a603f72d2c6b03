"""A run verifies; anything that is changed in it, or in the edition beneath it, does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler import durable
from crawler.runs import papers, stretches
from crawler.runs.verify import verify_run
from registry.core.errors import NotFound, VerificationFailed
from registry.core.records.runs import FileUsed, RunManifest
from tests.unit.crawler import lab

Rows = list[dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, finished_run: Path) -> Path:
    """A copy of a finished run, to be tampered with."""
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture(params=[None, 2, "bytes"], ids=["all at once", "two at a time", "few bytes at a time"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many items are looked at together; of two, the codes begin and end anywhere in what is read."""
    if request.param == "bytes":
        monkeypatch.setattr(stretches, "_MOST_CODE_BYTES", 2_000)
    elif request.param is not None:
        monkeypatch.setattr(stretches, "_items_at_once", lambda _: request.param)


@pytest.mark.usefixtures("at_once")
def test_a_run_holds(finished_run: Path, snapshot_folder: Path) -> None:
    for snapshot in (None, snapshot_folder, snapshot_folder / "editions" / "1"):
        assert len(verify_run(finished_run, snapshot).checked) == 5


def test_whoever_has_only_the_papers_can_verify_them(run: Path, snapshot_folder: Path) -> None:
    shutil.rmtree(run / "data")
    assert verify_run(run, snapshot_folder, papers_only=True).manifest.counts.seen == 33
    with pytest.raises(VerificationFailed, match="missing"):
        verify_run(run, snapshot_folder)


@pytest.mark.parametrize(
    "name", ["verdicts.parquet", "codes.parquet", "licences.json", "run.json", "data/pages.jsonl"]
)
def test_one_flipped_bit_in_any_paper_is_found(run: Path, snapshot_folder: Path, name: str) -> None:
    data = bytearray((run / name).read_bytes())
    data[len(data) // 2] ^= 1
    (run / name).write_bytes(data)
    with pytest.raises(VerificationFailed):
        verify_run(run, snapshot_folder)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda data: (data / "dataset/photos/open.jpg").unlink(),
        lambda data: (data / "dataset/photos/open.jpg").write_bytes(b"other"),
        lambda data: (data / "dataset/photos/more.jpg").write_bytes(b"smuggled in"),
        lambda data: (data / "more").mkdir(),
        lambda data: (data / "dataset/photos/link.jpg").symlink_to("open.jpg"),
        lambda data: (data / "dataset/photos/open.jpg").rename(data / "dataset/photos/renamed.jpg"),
        lambda data: (data / "pages.jsonl").write_bytes(b""),
    ],
)
def test_kept_data_that_was_changed_afterwards_is_found(
    run: Path, snapshot_folder: Path, tamper: Callable[[Path], object]
) -> None:
    tamper(run / "data")
    with pytest.raises(VerificationFailed):
        verify_run(run, snapshot_folder)


def test_what_is_no_run_or_has_lost_its_edition_says_so(run: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not a complete run"):
        verify_run(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    moved = run.rename(tmp_path / "elsewhere" / "run")
    with pytest.raises(NotFound, match="--snapshot"):
        verify_run(moved)
    with pytest.raises(NotFound, match="Edition 1"):
        verify_run(moved, tmp_path)


def test_another_edition_of_the_same_number_is_not_taken(run: Path, tmp_path: Path) -> None:
    others = [lab.WORKS[name] for name in ("reserved picture", "open picture")]
    other = lab.make_snapshot(tmp_path / "other", datetime.now(UTC), works=others)
    with pytest.raises(VerificationFailed, match="other works or terms"):
        verify_run(run, other)


def test_a_damaged_edition_is_not_taken(run: Path, tmp_path: Path, snapshot_folder: Path) -> None:
    snapshot = shutil.copytree(snapshot_folder, tmp_path / "copy", symlinks=True)
    path = snapshot / "editions" / "1" / "lists" / "image.phash256.v1.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(VerificationFailed, match="digest"):
        verify_run(run, snapshot)


# -- a forger who computes all digests anew, too ------------------------------------------------------------
def _forge(run: Path, name: str, change: Callable[[Rows], Rows | None], **manifest: Any) -> None:
    """Change a table and make the manifest fit it."""
    schema = papers.VERDICTS if name == "verdicts" else papers.CODES
    path = run / f"{name}.parquet"
    rows = list(papers.read_parquet(path, schema))
    rows = change(rows) or rows
    count = papers.write_parquet(path, schema, [papers.batch(rows, schema)])
    used = FileUsed(path.name, path.stat().st_size, durable.sha256_of(path), count, "parquet")
    members: dict[str, Any] = {name: used, **manifest}
    forged = replace(RunManifest.parse((run / "run.json").read_bytes()), **members)
    (run / "run.json").write_bytes(forged.to_bytes())


def _row(rows: Rows, key: str) -> dict[str, Any]:
    return next(row for row in rows if row["key"] == key)


COPY = "dataset/photos/copy.jpg"


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: _row(rows, COPY).update(verdict=4, reason="none-found", kept=True, work_id=None),
        lambda rows: _row(rows, COPY).update(distance=30),
        lambda rows: _row(rows, COPY).update(work_id=lab.WORKS["open picture"].id),
        lambda rows: _row(rows, COPY).update(sha256="00" * 32),
        lambda rows: _row(rows, "dataset/broken/cut.png").update(error=None),
        lambda rows: _row(rows, "dataset/broken/cut.png").update(error="unchecked.symlink"),
        lambda rows: _row(rows, "dataset/photos/licensed.jpg").update(uses=[]),
        lambda rows: _row(rows, "dataset/photos/stranger-1.jpg").update(key="dataset/photos/other.jpg"),
        lambda rows: [row for row in rows if row["key"] != COPY],
        lambda rows: [*rows, {**rows[-1], "row": rows[-1]["row"] + 1}],
        lambda rows: [*rows, rows[-1]],
        lambda rows: rows[::-1],
    ],
)
def test_a_forged_verdict_does_not_follow_from_the_codes(
    run: Path, snapshot_folder: Path, change: Callable[[Rows], Rows | None]
) -> None:
    _forge(run, "verdicts", change)
    with pytest.raises(VerificationFailed):
        verify_run(run, snapshot_folder, papers_only=True)


def _swap_codes(rows: Rows) -> None:
    """Give the reserved copy a stranger's picture code, and leave it its digests."""
    stranger = next(
        r for r in rows if r["key"].endswith("stranger-1.jpg") and r["algorithm"] == "image.phash256.v1"
    )
    next(r for r in rows if r["key"] == COPY and r["algorithm"] == "image.phash256.v1")["code"] = stranger[
        "code"
    ]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "change",
    [
        _swap_codes,
        lambda rows: [row for row in rows if row["key"] != COPY],
        lambda rows: _row(rows, COPY).update(code=bytes(32)),
        lambda rows: _row(rows, COPY).update(code=b"short"),
        lambda rows: _row(rows, COPY).update(algorithm="image.unheard-of.v1"),
        lambda rows: _row(rows, COPY).update(key="dataset/photos/other.jpg"),
        lambda rows: [*rows, {**rows[-1], "row": 99}],
        lambda rows: rows[::-1],
    ],
)
def test_forged_codes_do_not_give_the_verdicts(
    run: Path, snapshot_folder: Path, change: Callable[[Rows], Rows | None]
) -> None:
    _forge(run, "codes", change)
    with pytest.raises(VerificationFailed):
        verify_run(run, snapshot_folder, papers_only=True)


@pytest.mark.parametrize(
    "member",
    [
        {"purpose": "tdm"},
        {"policy": "consent-first"},
        {"licences": ()},
        {"licensee": None},
    ],
)
def test_a_forged_manifest_does_not_fit_the_papers(
    run: Path, snapshot_folder: Path, member: dict[str, Any]
) -> None:
    _forge(run, "verdicts", lambda rows: None, **member)
    with pytest.raises(VerificationFailed):
        verify_run(run, snapshot_folder, papers_only=True)


def test_forged_counts_and_input_digests_are_found(run: Path, snapshot_folder: Path) -> None:
    manifest = RunManifest.parse((run / "run.json").read_bytes())
    folder, lines = manifest.inputs
    _forge(run, "verdicts", lambda rows: None, inputs=(replace(folder, sha256="00" * 32), lines))
    with pytest.raises(VerificationFailed, match="input dataset"):
        verify_run(run, snapshot_folder, papers_only=True)
    _forge(run, "verdicts", lambda rows: None, inputs=(folder, replace(lines, rows=11)))
    with pytest.raises(VerificationFailed, match="more verdicts"):
        verify_run(run, snapshot_folder, papers_only=True)
    counts = manifest.counts
    moved = dict(counts.by_reason) | {"none-found": 8, "registered.no-licence": 4}
    _forge(
        run, "verdicts", lambda rows: None, inputs=(folder, lines), counts=replace(counts, by_reason=moved)
    )
    with pytest.raises(VerificationFailed, match="counts"):
        verify_run(run, snapshot_folder, papers_only=True)


def test_distances_are_counted_and_forged_ones_found(run: Path, snapshot_folder: Path) -> None:
    manifest = RunManifest.parse((run / "run.json").read_bytes())
    counted = manifest.counts.by_distance
    assert counted is not None
    rows = [row for row in papers.read_parquet(run / "verdicts.parquet", papers.VERDICTS) if row["radius"]]
    assert sum(counted["image.phash256.v1"].values()) == sum(
        row["algorithm"] == "image.phash256.v1" for row in rows
    )

    def of_it(distances: Any) -> None:
        _forge(run, "verdicts", lambda rows: None, counts=replace(manifest.counts, by_distance=distances))

    of_it({**counted, "image.phash256.v1": {"0": 1}})
    with pytest.raises(VerificationFailed, match="counts"):
        verify_run(run, snapshot_folder, papers_only=True)
    of_it(None)  # a run of an earlier release
    verify_run(run, snapshot_folder, papers_only=True)


def test_a_manifest_that_does_not_match_its_own_id_is_refused(run: Path, snapshot_folder: Path) -> None:
    members = json.loads((run / "run.json").read_bytes())
    members["purpose"] = "tdm"
    (run / "run.json").write_text(json.dumps(members))
    with pytest.raises(VerificationFailed):
        verify_run(run, snapshot_folder)
