"""The base that processes share: mapped, not made again; and nothing damaged, or of others, is answered from."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.checking import live
from registry.checking.base_files import FORMAT, BaseFiles
from registry.checking.live import LiveIndex
from registry.core.errors import NotReady
from registry.core.fingerprints import SHA256
from registry.core.matching import storage
from registry.works import service as works
from tests.factories import Clock, make_actor
from tests.support.market import Market
from tests.support.works import image


@pytest.fixture
def market(session: Session, sources: Sources, clock: Clock) -> Market:
    """Makers and labs in one session."""
    roles = (Role.CREATOR, Role.CREATOR, Role.SOCIETY, Role.LAB, Role.LAB, Role.OPERATOR)
    return Market(session, sources, clock, *(make_actor(session, sources, role) for role in roles))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where processes have their files."""
    return tmp_path / "cache" / "check-index"


def process(folder: Path) -> LiveIndex:
    """The index of one more process, for which even one work is worth files."""
    return LiveIndex(BaseFiles(folder, worth=1))


def rows_of(index: LiveIndex, session: Session, name: str) -> list[int]:
    """The works that this file is found to be."""
    return [match.work_row for match in index.current(session)[0].match([image(name).fingerprints])[0]]


def bases(folder: Path) -> list[Path]:
    return [place for place in folder.iterdir() if place.is_dir()]


def is_mapped(array: NDArray[Any]) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def fail(*_: object) -> Any:
    raise AssertionError("the codes are read from the database again")


def test_a_second_process_maps_what_the_first_has_made(
    market: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.work(name="a work")
    assert rows_of(process(folder), market.session, "a work") == [0]
    monkeypatch.setattr(live, "_all_lists", fail)
    second = process(folder)
    assert rows_of(second, market.session, "a work") == [0]
    base = second.current(market.session)[0].base
    assert is_mapped(base.lists[SHA256].codes)
    assert [place.name for place in bases(folder)] == [str(base.change_seq)]


def test_a_process_that_starts_later_adds_what_came_since(
    market: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.work(name="first")
    process(folder).current(market.session)
    work = market.work(name="second")
    monkeypatch.setattr(live, "_all_lists", fail)
    assert rows_of(process(folder), market.session, "second") == [1]
    works.withdraw_work(market.session, market.anna, work.public_id, market.sources)
    assert rows_of(process(folder), market.session, "second") == []
    assert rows_of(process(folder), market.session, "first") == [0]


def test_a_merge_is_made_once_and_the_old_base_goes(
    market: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LEAST", 0)
    market.work(name="first")
    one, other = process(folder), process(folder)
    for index in (one, other):
        index.current(market.session)
    market.work(name="second")
    merged, change_seq = one.current(market.session)
    assert merged.base.change_seq == change_seq
    assert [place.name for place in bases(folder)] == [str(change_seq)]
    monkeypatch.setattr(live, "_merged_lists", fail)
    assert other.current(market.session)[0].base.change_seq == change_seq
    assert rows_of(other, market.session, "first") == [0]


def test_nobody_waits_for_a_merge_that_can_wait(
    market: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LEAST", 0)
    market.work(name="first")
    index = process(folder)
    before = index.current(market.session)[0].base
    market.work(name="second")
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert rows_of(index, market.session, "second") == [1]
        assert index.current(market.session)[0].base is before


def test_any_damaged_file_leads_to_a_new_base(market: Market, folder: Path) -> None:
    market.work(name="a work")
    process(folder).current(market.session)
    (place,) = bases(folder)
    names = sorted(path.name for path in place.iterdir() if path.is_file())
    assert {"index.json", f"{SHA256}.codes.npy"} <= set(names)
    for name in names:
        for damage in (flip, cut, Path.unlink) if "codes" in name or "index" in name else (flip,):
            damage(place / name)
            assert rows_of(process(folder), market.session, "a work") == [0], (name, damage)
            storage.read(place, FORMAT, None, storage.names(place), verify=True)


def flip(path: Path) -> None:
    """A bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    """The last byte."""
    os.truncate(path, path.stat().st_size - 1)


def test_the_base_of_another_history_is_not_used(market: Market, folder: Path, tmp_path: Path) -> None:
    """As after a backup was restored: the same number of changes, other works."""
    aside = market.session.begin_nested()
    market.work(name="of another time")
    process(folder).current(market.session)
    shutil.copytree(folder, tmp_path / "kept")
    aside.rollback()
    market.session.expire_all()
    assert rows_of(process(tmp_path / "kept"), market.session, "of another time") == []
    market.work(name="a work")
    assert rows_of(process(folder), market.session, "of another time") == []
    assert rows_of(process(folder), market.session, "a work") == [0]


def test_without_a_place_for_files_it_answers_from_memory(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.work(name="a work")
    (tmp_path / "file").touch()
    assert rows_of(process(tmp_path / "file" / "index"), market.session, "a work") == [0]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "_reserve", full)
    assert rows_of(process(tmp_path / "full"), market.session, "a work") == [0]
    assert bases(tmp_path / "full") == []


def test_few_codes_are_not_worth_files(market: Market, folder: Path) -> None:
    market.work()
    LiveIndex(BaseFiles(folder)).current(market.session)
    assert bases(folder) == []


def test_it_is_ready_when_it_is_there_and_keeps_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_PATIENCE_SECONDS", 0.01)
    index = LiveIndex()
    with index._lock, pytest.raises(NotReady, match="not there yet"):  # as while it is being made
        index.check_ready(database)
    monkeypatch.setattr(live, "_PATIENCE_SECONDS", 10)
    index.check_ready(database)
    monkeypatch.setattr(live, "_PATIENCE_SECONDS", 0.01)
    with index._lock:
        index.check_ready(database)
        monkeypatch.setattr(live, "LAG_SECONDS", -1)
        with pytest.raises(NotReady, match="not been brought up to date"):
            index.check_ready(database)
    assert index._following is not None
    index._following.join()
