"""A sync in a process of its own, killed at any moment, or out of disk space: the old copy stays as it was."""

from __future__ import annotations

import multiprocessing
import random
import resource
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.sync import open_snapshot, sync
from registry.core.errors import NotReady
from tests.support.snapshots import Registry, Served, growing_content, serve

VORBEHALT = str(Path(sysconfig.get_path("scripts")) / "vorbehalt")
WORKS = 4000
KILLS = 20


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """With an edition of some size."""
    now = datetime.now(UTC)
    registry = Registry.create(tmp_path / "registry", now)
    registry.publish(growing_content(1, WORKS, created=int(now.timestamp())), now)
    return registry


@pytest.fixture
def served(registry: Registry) -> Iterator[Served]:
    with serve(registry.store) as served:
        yield served


def _sync(url: str, folder: Path) -> None:
    sync(url, folder, now=datetime.now(UTC))


def _sequence(folder: Path) -> int:
    """The edition in use, verified as if it had just come; 0 before the first."""
    try:
        snapshot = open_snapshot(folder, now=datetime.now(UTC))
    except NotReady:
        return 0
    snapshot.check_works_root()
    return snapshot.sequence


def test_killed_at_random_points_the_copy_in_use_is_always_whole(
    registry: Registry, served: Served, tmp_path: Path
) -> None:
    folder, chance = tmp_path / "lab", random.Random(5)
    begin = time.monotonic()
    _sync(served.url, tmp_path / "undisturbed")
    whole = time.monotonic() - begin
    newest, killed = 1, 0
    for _ in range(KILLS):
        before = _sequence(folder)
        process = multiprocessing.get_context("fork").Process(target=_sync, args=(served.url, folder))
        process.start()
        process.join(chance.uniform(0.1, 1.2) * whole)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        after = _sequence(folder)
        assert after in {before, newest}
        if after == newest:
            newest += 1
            now = datetime.now(UTC)
            content = growing_content(newest, WORKS + newest, {newest}, int(now.timestamp()))
            registry.publish(content, now)
    assert killed
    _sync(served.url, folder)
    assert _sequence(folder) == newest
    assert not list((folder / "downloads").iterdir())
    assert not list((folder / "editions").glob("*.tmp"))


def _small_disk() -> None:
    """As much as this process may write to one file: less than the edition has."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_a_full_disk_leaves_the_old_copy(registry: Registry, served: Served, tmp_path: Path) -> None:
    """A limit on the size of a file stands for a full disk: writing fails in the middle."""
    folder, now = tmp_path / "lab", datetime.now(UTC)
    _sync(served.url, folder)
    registry.publish(growing_content(2, WORKS + 2000, created=int(now.timestamp())), now)
    command = [VORBEHALT, "sync", "--server", served.url, "--snapshot", str(folder)]
    full = subprocess.run(command, capture_output=True, text=True, preexec_fn=_small_disk, check=False)
    assert full.returncode == 1
    assert "File too large" in full.stderr
    assert "Traceback" not in full.stderr
    assert _sequence(folder) == 1
    _sync(served.url, folder)
    assert _sequence(folder) == 2
