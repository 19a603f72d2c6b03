"""Power cut, kill, full disk, at any point of a sync: the old copy answers as before, and the next sync goes on."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.core.decisions import Terms
from registry.core.errors import Corrupt
from registry.core.snapshots import Snapshot
from tests.support.snapshots import KEY, NOW, Registry, flip, make_content, make_licences
from tests.unit.crawler.sync.conftest import Lab


class Killed(BaseException):
    """As sudden as a signal: nothing in the program expects it."""


LATER = NOW + timedelta(hours=6)


def _count_down(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, good: int, error: BaseException
) -> None:
    """Let `owner.name` work `good` times, then fail for ever."""
    original = getattr(owner, name)
    left = [good]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if left[0] == 0:
            raise error
        left[0] -= 1
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


POINTS: list[tuple[Any, str, int]] = [
    (os, "fsync", 4),
    (os, "replace", 1),
    (Path, "rename", 2),
    (Path, "replace", 1),
    (Path, "symlink_to", 1),
    (shutil, "copyfile", 1),
    (shutil, "rmtree", 1),
    (Snapshot, "check_works_root", 1),
]
"""Operations on which a sync stands, and at every how manieth of them it is interrupted."""


@pytest.mark.parametrize(("owner", "name", "step"), POINTS, ids=[name for _, name, _ in POINTS])
@pytest.mark.parametrize(
    "error", [Killed(), OSError(errno.ENOSPC, "No space left on device")], ids=["killed", "disk full"]
)
def test_interrupted_at_any_point(
    lab: Lab,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    step: int,
    error: BaseException,
) -> None:
    """At one occurrence of this operation after the other, until a sync gets through."""
    lab.sync(api_key=KEY)
    registry.publish(make_content(2, works=6), licences=(make_licences(2),))
    lab.sync(api_key=KEY)
    sequence = 2
    for good in range(0, 100, step):
        before = lab.open().sequence
        if before == sequence:
            sequence += 1
            registry.publish(make_content(sequence, works=4 + sequence), LATER, (make_licences(sequence),))
        try:
            with monkeypatch.context() as patch:
                _count_down(patch, owner, name, good, error)
                lab.sync(LATER, api_key=KEY)
            break
        except (Killed, OSError):
            snapshot = lab.open()
        assert snapshot.sequence in {before, sequence}
        snapshot.check_works_root()
    assert good
    assert lab.sync(LATER, api_key=KEY).sequence == sequence
    assert lab.open(LATER).personal(1) != Terms()
    assert not list((lab.folder / "editions").glob("*.tmp"))
    assert not list((lab.folder / "downloads").iterdir())


def test_a_full_disk_while_downloading(lab: Lab, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.sync()
    registry.publish(make_content(2, works=8))
    with monkeypatch.context() as patch:
        _fill_disk_after(patch, files=3)
        with pytest.raises(OSError, match="No space"):
            lab.sync()
    assert lab.open().sequence == 1
    assert [p.name for p in (lab.folder / "editions").iterdir()] == ["1"]
    assert lab.sync().sequence == 2


def _fill_disk_after(patch: pytest.MonkeyPatch, files: int) -> None:
    original = Path.open
    left = [files]

    def opened(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if self.parent.name == "downloads" and mode in {"wb", "ab"}:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, mode, *args, **kwargs)

    patch.setattr(Path, "open", opened)


def test_what_a_killed_sync_left_behind_is_cleared(lab: Lab) -> None:
    lab.sync()
    left = lab.folder / "editions/2.tmp/lists"
    left.mkdir(parents=True)
    (left / "works.arrow").write_bytes(b"half")
    (lab.folder / ".current.tmp").symlink_to("editions/2")
    lab.sync()
    assert [p.name for p in (lab.folder / "editions").iterdir()] == ["1"]


def test_the_current_link_is_never_missing(
    lab: Lab, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever anything in the folder is renamed, `current` leads to a whole edition before and after."""
    lab.sync()
    registry.publish(make_content(2))
    seen = []

    def watch(name: str) -> Callable[..., Any]:
        original = getattr(Path, name)

        def wrapped(self: Path, *args: Any) -> Any:
            seen.append((lab.folder / "current").resolve(strict=True).name)
            result = original(self, *args)
            seen.append((lab.folder / "current").resolve(strict=True).name)
            return result

        return wrapped

    for name in ("rename", "replace", "symlink_to"):
        monkeypatch.setattr(Path, name, watch(name))
    lab.sync()
    assert seen == sorted(seen)
    assert set(seen) == {"1", "2"}


def _installed_files(lab: Lab) -> list[str]:
    """What is judged by; that all of it was found whole once is only a note, and nothing is believed for it."""
    edition = lab.folder / "editions/1"
    files = (p for p in edition.rglob("*") if p.is_file() and p.name != "verified.json")
    return sorted(p.relative_to(edition).as_posix() for p in files)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9])
def test_one_flipped_bit_in_any_local_file(lab: Lab, share: float) -> None:
    lab.sync()
    files = _installed_files(lab)
    assert len(files) == 8
    for name in files:
        path = lab.folder / "editions/1" / name
        intact = path.read_bytes()
        flip(path, int(len(intact) * share))
        with pytest.raises(Corrupt, match="vorbehalt sync"):
            lab.open()
        path.write_bytes(intact)
    lab.open()


def test_any_missing_local_file(lab: Lab) -> None:
    lab.sync()
    for name in _installed_files(lab):
        path = lab.folder / "editions/1" / name
        intact = path.read_bytes()
        path.unlink()
        with pytest.raises(Corrupt):
            lab.open()
        path.write_bytes(intact)
