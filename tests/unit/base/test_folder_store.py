"""The folder store: whole objects or none, durable before it says so, and never outside its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.base.files import FolderStore, check_path, open_store
from registry.core.errors import InvalidInput


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def everything(store: FolderStore) -> list[Path]:
    return sorted(p for p in store.root.rglob("*") if p.is_file())


def test_what_was_put_is_got(store: FolderStore) -> None:
    """Replaced by what is put later; an empty object is an object."""
    store.put("a/b/c.json", b"one")
    store.put("a/b/c.json", b"two")
    store.put("a/empty", b"")
    assert store.get("a/b/c.json") == b"two"
    assert store.get("a/empty") == b""
    assert store.exists("a/empty")
    stream = store.open("a/b/c.json")
    assert stream is not None
    with stream:
        assert stream.read() == b"two"


@pytest.mark.parametrize("path", ["missing", "folder", "folder/missing", "folder/file/below"])
def test_what_is_not_there_is_none(store: FolderStore, path: str) -> None:
    """A folder is no object, and neither is what would lie under one."""
    store.put("folder/file", b"x")
    assert store.get(path) is None
    assert store.open(path) is None
    assert not store.exists(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/..",
        "a/./b",
        "a//b",
        "a/",
        ".hidden",
        "a/.b.tmp",
        "a\\b",
        "C:x",
        "a\x00b",
        "a b",
        "ä",
        "-rf",
        "a\n",
        "x" * 202,
        "/".join(["x"] * 300),
    ],
)
def test_no_path_leaves_the_store(store: FolderStore, path: str) -> None:
    """Nor names what differs between file systems."""
    for use in (store.get, store.exists, store.open, lambda p: store.put(p, b"x")):
        with pytest.raises(InvalidInput):
            use(path)
    assert everything(store) == []


@given(st.text())
def test_every_path_that_passes_stays_inside(path: str) -> None:
    """Whatever is asked for."""
    try:
        segments = check_path(path)
    except InvalidInput:
        return
    assert Path("/store").joinpath(*segments).resolve().is_relative_to("/store")
    assert "/".join(segments) == path


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_nothing(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """A full disk while writing: the old object stands, no rubbish lies beside it."""
    store.put("a", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.put("a", b"new")
    monkeypatch.undo()
    assert store.get("a") == b"old"
    assert len(everything(store)) == 1


def test_a_write_is_flushed_before_it_appears(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, then its new name, then the folder: else a power cut leaves an empty object or none."""
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watch_flush(descriptor: int) -> None:
        order.append(
            "flush folder" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "flush file"
        )
        fsync(descriptor)

    def watch_rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watch_flush)
    monkeypatch.setattr(Path, "replace", watch_rename)
    store.put("new/object", b"x")
    assert order == ["flush folder", "flush file", "rename", "flush folder"]


def test_a_store_by_its_address(tmp_path: Path) -> None:
    """Spaces and all."""
    folder = tmp_path / "my files"
    open_store(folder.as_uri()).put("a", b"x")
    assert (folder / "a").read_bytes() == b"x"


@pytest.mark.parametrize("url", ["", "/srv", "file:relative", "file://host/srv", "http://x/y"])
def test_other_addresses_are_refused(url: str) -> None:
    """A typing error must not make a folder somewhere."""
    with pytest.raises(InvalidInput):
        open_store(url)
