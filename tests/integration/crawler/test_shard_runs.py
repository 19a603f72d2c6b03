"""Runs over datasets in single files: verdicts, kills, workers, papers, and whether others read what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.crawler import lab, shards

VORBEHALT = str(Path(sysconfig.get_path("scripts")) / "vorbehalt")
SHARDS = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot; a folder as img2dataset writes it; a folder of tables; a packed tar; packed lines."""
    folder = tmp_path_factory.mktemp("world")
    lab.make_snapshot(folder / "vb", datetime.now(UTC))
    pictures = {n: shards.jpeg(n) for n in (1, 2, 3, 101, 102, 103)}
    reserved = lab.WORKS["reserved text"].data
    members: list[tuple[str, bytes]] = []
    for number in range(SHARDS):
        name = f"laion/{number:05}"
        members = shards.samples({f"{number:05}{n:04}": data for n, data in pictures.items()})
        members += [("text.jpg", pictures[102]), ("text.txt", reserved), ("bad.jpg", b"\xff\xd8\xff cut")]
        shards.write(folder / f"{name}.tar", shards.tar(members))
        shards.write(folder / f"{name}.idx", b"v1.2 0\n")
        shards.write(folder / f"{name}.parquet", pa.table({"key": ["x"], "status": ["failed_to_download"]}))
        shards.write(folder / f"{name}_stats.json", b"{}")
    for number in range(2):
        table = shards.hugging_face([*pictures.values(), None])
        shards.write(folder / f"tables/train-{number:05}-of-00002.parquet", table, row_group_size=3)
    shards.write(folder / "packed.tgz", pa.compress(shards.tar(members), codec="gzip", asbytes=True))
    lines = lab.make_lines(folder / "pages.jsonl").read_bytes()
    shards.write(folder / "pages.jsonl.zst", pa.compress(lines, codec="zstd", asbytes=True))
    shards.write(folder / "broken.tar", shards.tar(members)[:9_000])
    shards.write(folder / "broken.parquet", b"PAR1" + bytes(99))
    return folder


INPUTS = (
    "laion",
    "tables",
    "packed.tgz",
    "pages.jsonl",
    "pages.jsonl.zst",
    "broken.tar",
    "broken.parquet",
)


def _command(world: Path, out: Path, *more: str, workers: int = 2) -> list[str]:
    edition = json.loads((world / "vb/editions/1/lists/edition.json").read_text())
    asked = ["--purpose", "train_genai", "--policy", "eu-art4", "--at", edition["created"]]
    inputs = [str(world / name) for name in INPUTS]
    rest = ["--out", str(out), "--snapshot", str(world / "vb"), "--workers", str(workers), *more]
    return [VORBEHALT, "filter", *inputs, *asked, *rest]


@pytest.fixture(scope="module")
def run(world: Path) -> Path:
    """The run that nobody interrupts, by one worker."""
    subprocess.run(_command(world, world / "run", workers=1), check=True, capture_output=True)
    return world / "run"


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "run.json"
    }


def _manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text())
    return found


# -- what comes out ----------------------------------------------------------------------------------------
def test_every_item_has_its_verdict_and_all_counts_add_up(run: Path) -> None:
    rows = {row["key"]: row for row in pq.read_table(run / "verdicts.parquet").to_pylist()}
    reasons = {
        "laion/00000.tar/000000001": "registered.no-licence",
        "laion/00000.tar/000000002": "licence.anyone",
        "laion/00000.tar/000000003": "licence.licensee",
        "laion/00000.tar/000000101": "none-found",
        "laion/00000.tar/text": "registered.no-licence",  # the caption is a reserved work
        "laion/00000.tar/bad": "error.undecodable",
        "tables/train-00001-of-00002.parquet#0": "registered.no-licence",
        "tables/train-00001-of-00002.parquet#3": "none-found",
        "tables/train-00001-of-00002.parquet#6": "error.no-bytes",
        "packed.tgz/000050001": "registered.no-licence",
        "broken.parquet#…": "error.malformed",
    }
    assert {key: rows[key]["reason"] for key in reasons} == reasons
    counts = _manifest(run)["counts"]
    assert counts["seen"] == counts["kept"] + counts["dropped"] == sum(counts["by_reason"].values())
    assert counts["by_reason"]["error.truncated"] == 1
    for used in _manifest(run)["inputs"]:
        assert used["rows"] == sum(1 for row in rows.values() if row["key"].startswith(used["uri"])) or (
            used["format"] == "jsonl"
        )


def test_the_output_has_the_input_s_layout_and_what_describes_it(run: Path) -> None:
    names = {p.relative_to(run / "data").as_posix() for p in (run / "data").rglob("*") if p.is_file()}
    assert names == {
        *(f"laion/{n:05}.{form}" for n in range(SHARDS) for form in ("tar", "idx", "parquet")),
        *(f"tables/train-{n:05}-of-00002.parquet" for n in range(2)),
        *(INPUTS[2:6]),
    }
    assert all(pq.read_table(path).num_rows == 0 for path in (run / "data/laion").glob("*.parquet"))
    assert _manifest(run)["outputs"][0] | {"sha256": "", "bytes": 0} == {
        "uri": "data/laion/00000.idx",
        "format": "index",
        "rows": 5,
        "sha256": "",
        "bytes": 0,
    }


def test_packed_and_plain_lines_are_judged_alike(run: Path) -> None:
    packed = pa.input_stream(run / "data/pages.jsonl.zst", compression="zstd").read()
    assert packed == (run / "data/pages.jsonl").read_bytes() != b""


def test_papers_are_verified_and_explain_an_item_of_each_format(run: Path, world: Path) -> None:
    verified = subprocess.run([VORBEHALT, "verify", str(run)], check=True, capture_output=True, text=True)
    assert "✓ what was kept" in verified.stdout
    for key, word in (("00003.tar/text", "left out"), ("train-00000-of-00002.parquet#1", "kept")):
        command = [VORBEHALT, "explain", str(run), key, "--snapshot", str(world / "vb")]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert word in said
        assert "work_" in said


@pytest.mark.parametrize(
    "name", ["laion/00001.tar", "laion/00001.idx", "tables/train-00000-of-00002.parquet"]
)
def test_outputs_that_were_changed_or_added_are_found(run: Path, tmp_path: Path, name: str) -> None:
    subprocess.run(["cp", "-r", str(run), str(tmp_path / "copy")], check=True)
    command = [VORBEHALT, "verify", str(tmp_path / "copy"), "--snapshot", str(run.parent / "vb")]
    path = tmp_path / "copy/data" / name
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 8
    path.write_bytes(data)
    (path.parent / "more.tar").write_bytes(b"smuggled in")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 8


# -- kills and workers -------------------------------------------------------------------------------------
def test_a_killed_run_goes_on_to_the_same_bytes_with_any_number_of_workers(
    world: Path, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        _command(world, out, "--resume", workers=3),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None:
        if len(list((out / ".partial").glob("shard-*.json"))) >= 5:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    process.wait()
    subprocess.run(_command(world, out, "--resume", workers=2), check=True, capture_output=True)
    assert _tree(out) == _tree(run)
    assert _manifest(out)["run_id"] == _manifest(run)["run_id"]


# -- what other programs make of it ------------------------------------------------------------------------
def _said(library: str, script: str, path: Path) -> Any:
    """What a program of another library prints as JSON: in a process of its own, where its warnings are its own."""
    pytest.importorskip(library)
    command = [sys.executable, "-W", "ignore", "-c", f"import json, sys, {library}\n{script}", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_hugging_face_datasets_reads_what_is_left(run: Path) -> None:
    script = """
found = datasets.Dataset.from_parquet(sys.argv[1])
print(json.dumps([str(found.features["image"]), list(found["label"]), found[0]["image"].size]))
"""
    feature, labels, size = _said("datasets", script, run / "data/tables/train-00000-of-00002.parquet")
    assert feature.startswith("Image(")
    assert labels == [1, 2, 3, 4, 5]
    assert size == [128, 96]


def test_webdataset_reads_what_is_left(run: Path) -> None:
    script = """
found = list(webdataset.WebDataset(sys.argv[1], shardshuffle=False))
print(json.dumps([[sample["__key__"], sorted(sample)] for sample in found]))
"""
    found = _said("webdataset", script, run / "data/laion/00000.tar")
    assert [key for key, _ in found] == ["000000002", "000000003", "000000101", "000000102", "000000103"]
    assert all({"jpg", "txt", "json"} <= set(names) for _, names in found)
