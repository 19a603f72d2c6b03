"""The log as static files: complete at every moment, and the same bytes however often they are written anew."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.base.db import Database
from registry.base.files import FolderStore, open_store
from registry.core.errors import NotReady, TrustRefused
from registry.core.tlog import merkle, tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note
from registry.log import service
from registry.log.keys import LogKey

NOW = datetime(2026, 8, 2, tzinfo=UTC)


def grow(database: Database, key: LogKey, size: int) -> None:
    """Append until the log has so many entries, and sign."""
    with database.writing() as session:
        start = service.head(session).size
        bodies = [b"claim-%d" % n for n in range(start, size)]
        service.append(session, [(service.idempotency_key(body), body) for body in bodies])
    with database.writing() as session:
        service.sign_checkpoint(session, key, NOW)


def published(root: Path) -> dict[str, bytes]:
    """Every file below the log's address."""
    log = root / "log"
    return {str(p.relative_to(log)): p.read_bytes() for p in log.rglob("*") if p.is_file()}


def check_files(root: Path) -> int:
    """Read the log from its files alone, as an outsider does; its size."""
    checkpoint = Checkpoint.parse(Note.parse((root / "log/checkpoint").read_bytes()).text)
    files = published(root)
    entries = [
        entry
        for tile in tiles.tiles_of(checkpoint.size)
        if tile.level is None
        for entry in tiles.unbundle(files[tile.path])
    ]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    assert merkle.root(leaves) == checkpoint.root
    for tile in tiles.tiles_of(checkpoint.size):
        if tile.level is not None:
            span = tiles.WIDTH**tile.level
            wanted = [merkle.root(leaves[i * span : (i + 1) * span]) for i in range(tile.start, tile.stop)]
            assert files[tile.path] == b"".join(wanted)
    return checkpoint.size


def test_the_files_follow_the_log_and_are_rebuilt_byte_for_byte(
    database: Database, log_key: LogKey, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "files")
    for size in (0, 3, 256, 300, 600):
        grow(database, log_key, size)
        assert service.project(database, store).size == check_files(store.root) == size
    grown = published(store.root)
    shutil.rmtree(store.root / "log")
    service.project(database, store)
    rebuilt = published(store.root)
    assert rebuilt == {name: grown[name] for name in rebuilt}
    assert {name for name in grown if ".p/" not in name} <= set(rebuilt)


def test_what_is_there_is_not_written_again_unless_asked(
    database: Database, log_key: LogKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "files")
    grow(database, log_key, 300)
    service.project(database, store)
    original = published(store.root)
    (store.root / "log/tile/entries/000").write_bytes(b"damaged")
    grow(database, log_key, 301)
    written: list[str] = []
    put = FolderStore.put

    def remember(self: FolderStore, path: str, data: bytes) -> None:
        written.append(path)
        put(self, path, data)

    monkeypatch.setattr(FolderStore, "put", remember)
    service.project(database, store)
    assert written == ["log/tile/entries/001.p/45", "log/tile/0/001.p/45", "log/checkpoint"]
    service.project(database, store, recreate=True)
    assert published(store.root)["tile/entries/000"] == original["tile/entries/000"]


def test_an_interruption_leaves_the_older_checkpoint_with_all_that_it_covers(
    database: Database, log_key: LogKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any number of files: what is readable is whole, and the next attempt completes it."""
    store = FolderStore(tmp_path / "files")
    grow(database, log_key, 200)
    service.project(database, store)
    grow(database, log_key, 700)
    put, after = FolderStore.put, 0

    def fail(self: FolderStore, path: str, data: bytes) -> None:
        nonlocal after
        after -= 1
        if after < 0:
            raise OSError(28, "No space left on device")
        put(self, path, data)

    for n in range(8):
        after = n
        monkeypatch.setattr(FolderStore, "put", fail)
        with pytest.raises(OSError, match="No space"):
            service.project(database, store)
        monkeypatch.undo()
        assert check_files(store.root) == 200
    service.project(database, store)
    assert check_files(store.root) == 700


def test_files_of_a_longer_or_other_log_are_left_alone(
    database: Database, log_key: LogKey, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "files")
    with pytest.raises(NotReady):
        service.project(database, store)
    grow(database, log_key, 5)
    service.project(database, store)
    path = store.root / "log/checkpoint"
    genuine = path.read_bytes()
    text = Note.parse(genuine).text
    other_root = Checkpoint(log_key.origin, 5, bytes(32))
    for forged in (text.replace("\n5\n", "\n6\n"), str(other_root), text.replace("registry", "elsewhere")):
        path.write_bytes(genuine.replace(text.encode(), forged.encode()))
        with pytest.raises(TrustRefused):
            service.project(database, store)
        assert path.read_bytes() != genuine
    path.write_bytes(b"nobody can read this")
    service.project(database, store)
    assert path.read_bytes() == genuine


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_bucket_holds_the_same_files(
    database: Database, log_key: LogKey, tmp_path: Path, bucket_url: str
) -> None:
    grow(database, log_key, 300)
    folder, bucket = FolderStore(tmp_path / "files"), open_store(bucket_url)
    service.project(database, folder)
    service.project(database, bucket)
    assert {path: bucket.get(f"log/{path}") for path in published(folder.root)} == published(folder.root)
