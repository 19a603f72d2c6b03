"""`vorbehalt filter` as a process of its own, killed without warning at any moment, or out of disk space."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sysconfig
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.crawler import lab

VORBEHALT = str(Path(sysconfig.get_path("scripts")) / "vorbehalt")
FILES = 96


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot, and a dataset of many small files and some lines."""
    folder = tmp_path_factory.mktemp("world")
    lab.make_snapshot(folder / "vb", datetime.now(UTC))
    for number in range(FILES):
        path = folder / "in" / f"{number % 7}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lab.encoded(lab.picture(number % 5 or number, side=96), "JPEG", quality=70))
    lab.make_lines(folder / "in.jsonl")
    return folder


def _command(world: Path, out: Path, *more: str, workers: int = 2) -> list[str]:
    at = datetime.fromtimestamp(_created(world), UTC).isoformat()
    asked = ["--purpose", "train_genai", "--policy", "eu-art4", "--at", at, "--deep", "--min-words", "20"]
    inputs = [str(world / "in"), str(world / "in.jsonl")]
    rest = ["--out", str(out), "--snapshot", str(world / "vb"), "--workers", str(workers)]
    return [VORBEHALT, "filter", *inputs, *asked, "--shard-size", "8", *rest, *more]


def _created(world: Path) -> int:
    edition = json.loads((world / "vb/editions/1/lists/edition.json").read_text())
    return int(datetime.fromisoformat(edition["created"]).timestamp())


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "run.json"
    }


def _run_id(out: Path) -> str:
    return str(json.loads((out / "run.json").read_text())["run_id"])


@pytest.fixture(scope="module")
def said(world: Path) -> subprocess.CompletedProcess[str]:
    """The run that nobody interrupts, by one worker, and what it printed."""
    command = _command(world, world / "undisturbed", "--json", workers=1)
    return subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def undisturbed(world: Path, said: subprocess.CompletedProcess[str]) -> Path:
    """Where that run lies."""
    del said
    return world / "undisturbed"


def _kill_after_shards(command: list[str], out: Path, shards: int) -> None:
    """Start it, and kill parent (and so, by themselves, the workers) once so many shards are finished."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None:
        if len(list((out / ".partial").glob("shard-*.json"))) >= shards:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.005)
    process.wait()


def test_a_run_killed_again_and_again_ends_as_if_undisturbed(
    world: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for shards in (1, 6):
        _kill_after_shards(_command(world, out, "--resume"), out, shards)
        assert not (out / "run.json").exists()
        assert not (out / "data").exists()
    done = subprocess.run(_command(world, out, "--resume"), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert _tree(out) == _tree(undisturbed)
    assert _run_id(out) == _run_id(undisturbed)
    assert not (out / ".partial").exists()


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_hundred_random_kills_change_nothing(world: Path, undisturbed: Path, tmp_path: Path) -> None:
    rng = random.Random(11)
    out, kills = tmp_path / "run", 0
    while kills < 100:
        process = subprocess.Popen(
            _command(world, out, "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=rng.uniform(0.3, 4.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        assert _tree(out) == _tree(undisturbed)
        out = tmp_path / f"run-{kills}"
    subprocess.run(_command(world, out, "--resume"), check=True, capture_output=True)
    assert _tree(out) == _tree(undisturbed)
    assert _run_id(out) == _run_id(undisturbed)


def test_out_of_space_is_said_and_nothing_half_written_is_used(
    world: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """A limit on the size of a file stands for a full disk: writing fails in the same place, with half a file there."""
    out = tmp_path / "run"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))

    command = _command(world, out, workers=1)
    failed = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=limited)
    assert failed.returncode == 1
    assert "File too large" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert {p.name for p in out.iterdir()} == {".partial"}
    subprocess.run(_command(world, out, "--resume", workers=1), check=True, capture_output=True)
    assert _tree(out) == _tree(undisturbed)


def test_a_pipe_gets_one_document_and_people_get_a_table(
    world: Path, undisturbed: Path, said: subprocess.CompletedProcess[str]
) -> None:
    assert json.loads(said.stdout)["run_id"] == _run_id(undisturbed)
    assert "items kept" in said.stderr
    again = subprocess.run(_command(world, undisturbed), check=False, capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (6, "")
    assert again.stderr.startswith("Error: ")
