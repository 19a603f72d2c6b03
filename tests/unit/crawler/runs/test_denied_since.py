"""What a run kept and a newer edition denies is found from papers and snapshot; nothing is taken on trust."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from crawler.cli import cli
from crawler.engines.local import Job, run_filter
from crawler.runs.denied import Changes, changes_since
from crawler.runs.plan import Settings
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request, Terms, Verdict
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.fingerprints import ANCHORS256, fingerprint_bytes
from registry.core.records.runs import RunManifest
from tests.support.lists import lists_of
from tests.unit.core.fingerprints.pictures import encoded, symmetric
from tests.unit.crawler import lab

_WITHDRAWN = [replace(w, personal=Terms()) if w.name == "licensed picture" else w for w in lab.WORKS.values()]


def _edition(folder: Path, works: Sequence[lab.Work], sequence: int, **more: Any) -> Path:
    return lab.make_snapshot(folder, datetime.now(UTC), sequence=sequence, works=works, **more)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Edition 2: the lab's licence for the pictures has ended, and a stranger's text is on record."""
    new = lab.Work("a stranger's text", lab.prose(103).encode())
    return _edition(tmp_path_factory.mktemp("newer"), [*_WITHDRAWN, new], 2)


def _since(run: Path, newer: Path, older: Path | None = None) -> Changes:
    opened = open_snapshot(newer, now=datetime.now(UTC))
    return changes_since(run, older or newer, opened, at=opened.created)


def _without_edition(run: Path, copy: Path) -> Path:
    """The run where the edition by which it was judged is not to be found."""
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("data"))
    return copy


def test_newly_denied_items_are_named_with_or_without_the_old_edition(
    finished_run: Path, snapshot_folder: Path, newer: Path, tmp_path: Path
) -> None:
    near = _since(finished_run, newer, snapshot_folder)
    everything = _since(_without_edition(finished_run, tmp_path / "run"), newer)
    assert near.denied == everything.denied
    assert {item.key: item.was for item in near.denied} == {
        "dataset/photos/licensed.jpg": "licence.licensee",
        "dataset/photos/licensed.png": "licence.licensee",
        "dataset/texts/stranger.txt": "none-found",
    }
    assert {(item.verdict, item.reason) for item in near.denied} == {(Verdict.DENY, "registered.no-licence")}
    assert all(len(item.works) == 1 for item in near.denied)
    assert near.kept == everything.kept == everything.judged == 11
    assert near.judged < 11


def test_nothing_is_denied_by_the_edition_of_the_run(finished_run: Path, snapshot_folder: Path) -> None:
    found = _since(finished_run, snapshot_folder)
    assert (found.denied, found.judged, found.kept) == ((), 0, 11)


def test_what_only_colours_could_tell_is_not_taken_for_allowed(tmp_path: Path) -> None:
    """The run did not make them, since nothing with such outlines was on record. Filtering again finds a doubt."""
    work = symmetric(3)
    near = work.copy()
    ImageDraw.Draw(near).ellipse((60, 40, 75, 55), fill="white")
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "near.jpg").write_bytes(encoded(near, "JPEG", quality=90))
    (inputs / "other.png").write_bytes(encoded(Image.effect_mandelbrot((256, 192), (-2, -1.5, 1, 1.5), 40)))
    works = [lab.WORKS["reserved picture"], lab.Work("ornament", encoded(work))]
    few = {ANCHORS256: lists_of([fingerprint_bytes(works[0].data).fingerprints])[ANCHORS256]}
    old = _edition(tmp_path / "old", works[:1], 1)
    new = _edition(tmp_path / "new", works, 2, addresses=few)  # by its parts the ornament is not found
    for name, snapshot in (("run", old), ("again", new)):
        opened = open_snapshot(snapshot, now=datetime.now(UTC))
        settings = Settings(Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created))
        run_filter(Job(open_sources([inputs]), [inputs], tmp_path / name, opened, settings), resume=False)
    assert json.loads((tmp_path / "again/run.json").read_text())["counts"]["by_verdict"]["review"] == 1
    for folder in (old, None):
        (item,) = _since(tmp_path / "run", new, folder).denied
        assert (item.key, item.verdict, item.reason) == ("near.jpg", Verdict.REVIEW, "unchecked.no-colours")


def test_what_only_a_signature_could_tell_is_not_taken_for_allowed(tmp_path: Path) -> None:
    """A lazy run did not make it, since the page shared nothing with what was on record then."""
    poem = lab.prose(600, 60).split()
    page = f"{lab.prose(601, 200)} {' '.join(poem[20:36])} {lab.prose(602, 200)}"
    inputs = tmp_path / "pages.jsonl"
    inputs.write_text("".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in (("a", page),)))
    works = [lab.Work("another", lab.prose(603).encode()), lab.Work("poem", " ".join(poem).encode())]
    old, new = _edition(tmp_path / "old", works[:1], 1), _edition(tmp_path / "new", works, 2)
    opened = open_snapshot(old, now=datetime.now(UTC))
    for name, lazy in (("every", False), ("lazy", True)):
        request = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created)
        asked = Settings(request, min_words=25, lazy_signatures=lazy)
        run_filter(Job(open_sources([inputs]), [inputs], tmp_path / name, opened, asked), resume=False)
    assert _since(tmp_path / "every", new).denied == ()
    for folder in (old, None):
        (item,) = _since(tmp_path / "lazy", new, folder).denied
        assert (item.key, item.verdict, item.reason) == ("a", Verdict.REVIEW, "unchecked.no-signature")


def test_what_could_hide_a_denial_is_refused(finished_run: Path, newer: Path, tmp_path: Path) -> None:
    run = _without_edition(finished_run, tmp_path / "run")
    manifest = RunManifest.parse((run / "run.json").read_bytes())

    def refused(match: str, snapshot: Path = newer, kind: type[Exception] = InvalidInput) -> None:
        with pytest.raises(kind, match=match):
            _since(run, snapshot)

    refused("has not the same licences", _edition(tmp_path / "unlicensed", _WITHDRAWN, 3, licensed=False))
    later = replace(manifest.snapshot, sequence=9)
    fewer = tuple(used for used in manifest.algorithms if used.id != "image.phash256.v1")
    for other, match in (
        (replace(manifest, snapshot=later), "is older than edition 9"),
        (replace(manifest, algorithms=fewer), r"codes by image\.phash256\.v1"),
        (replace(manifest, licensee=None), "in the name of nobody"),
    ):
        (run / "run.json").write_bytes(other.to_bytes())
        refused(match)
    (run / "run.json").write_bytes(manifest.to_bytes())
    for name in ("verdicts.parquet", "codes.parquet"):
        paper = (run / name).read_bytes()
        (run / name).write_bytes(paper[:-1])
        refused("changed after the run", kind=VerificationFailed)
        (run / name).write_bytes(paper)
    (run / "run.json").write_bytes(manifest.to_bytes().replace(b"eu-art4", b"research"))
    refused("altered", kind=VerificationFailed)


def test_the_command_ends_with_9_if_anything_is_denied(
    finished_run: Path, snapshot_folder: Path, newer: Path
) -> None:
    def told(snapshot: Path, *more: str) -> Any:
        return CliRunner().invoke(cli, ["changes", str(finished_run), "--snapshot", str(snapshot), *more])

    calm = told(snapshot_folder)
    assert (calm.exit_code, calm.stdout) == (0, "")
    assert "0 of 11 kept items may not be used any more" in calm.stderr
    loud = told(newer)
    assert loud.exit_code == 9
    assert [line.split("\t")[0] for line in loud.stdout.splitlines()] == [
        "dataset/photos/licensed.jpg",
        "dataset/photos/licensed.png",
        "dataset/texts/stranger.txt",
    ]
    assert "3 of 11 kept items may not be used any more" in loud.stderr
    document = told(newer, "--json")
    assert document.exit_code == 9
    found = json.loads(document.stdout)
    assert (found["since"], found["edition"], found["kept"], len(found["denied"])) == (1, 2, 11, 3)
    assert found["denied"][0].keys() == {"shard", "row", "key", "was", "verdict", "reason", "works"}
    early = told(newer, "--at", "2020-01-01T00:00:00Z")
    assert "before the snapshot was made" in early.stderr
