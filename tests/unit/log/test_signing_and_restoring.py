"""The key signs one history only: not a shorter one, not another one, not one that may still be rolled back."""

from __future__ import annotations

import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from registry.base.db import Database
from registry.core.errors import Corrupt, NotReady, OutputExists, TrustRefused
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import empty_root
from registry.core.tlog.policies import satisfied
from registry.log import service
from registry.log.keys import HEAD_FILE, KEY_FILE, LogKey
from registry.log.models import LogCheckpoint, LogEntry, LogHead

ORIGIN = "registry.example/usage-log"
NOW = datetime(2026, 8, 2, 9, 30, tzinfo=UTC)


def append(database: Database, *names: str) -> None:
    """Entries with these bodies."""
    with database.writing() as session:
        service.append(session, [(service.idempotency_key(name.encode()), name.encode()) for name in names])


def sign(database: Database, key: LogKey) -> service.SignedCheckpoint:
    """Sign what is committed."""
    with database.writing() as session:
        return service.sign_checkpoint(session, key, NOW)


# -- signing -----------------------------------------------------------------------------------------------
def test_a_checkpoint_satisfies_the_log_s_policy_and_is_kept(database: Database, log_key: LogKey) -> None:
    append(database, "a", "b", "c")
    signed = sign(database, log_key)
    assert satisfied(signed.note, log_key.policy).checkpoint == signed.checkpoint
    with database.reading() as session:
        head = service.head(session)
        assert service.latest_checkpoint(session) == signed
    assert signed.checkpoint == Checkpoint(ORIGIN, 3, head.root) == log_key.last_signed()


def test_an_empty_log_can_be_signed(database: Database, log_key: LogKey) -> None:
    assert sign(database, log_key).checkpoint == Checkpoint(ORIGIN, 0, empty_root())


def test_signing_again_gives_the_same_note(database: Database, log_key: LogKey) -> None:
    append(database, "a")
    assert sign(database, log_key) == sign(database, log_key)
    append(database, "b")
    assert sign(database, log_key).checkpoint.size == 2


def test_before_the_first_checkpoint_there_is_none(database: Database) -> None:
    with database.reading() as session, pytest.raises(NotReady):
        service.latest_checkpoint(session)


def test_what_may_still_be_rolled_back_is_not_signed(database: Database, log_key: LogKey) -> None:
    with database.writing() as session:
        service.append(session, [(bytes(32), b"a")])
        with pytest.raises(NotReady, match="committed"):
            service.sign_checkpoint(session, log_key, NOW)
    assert log_key.last_signed().size == 0
    assert sign(database, log_key).checkpoint.size == 1


def test_a_checkpoint_that_is_rolled_back_after_signing_can_be_signed_again(
    database: Database, log_key: LogKey
) -> None:
    append(database, "a")
    with suppress(ZeroDivisionError), database.writing() as session:
        service.sign_checkpoint(session, log_key, NOW)
        raise ZeroDivisionError
    assert sign(database, log_key).checkpoint.size == 1


def test_the_head_is_remembered_before_the_note_is_released(
    database: Database, log_key: LogKey, keys_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk is full while remembering, nobody gets a signature."""
    append(database, "a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("registry.base.files.FolderStore.put", full)
    with pytest.raises(OSError, match="No space"):
        sign(database, log_key)
    monkeypatch.undo()
    assert Checkpoint.parse((keys_folder / HEAD_FILE).read_text()).size == 0
    with database.reading() as session, pytest.raises(NotReady):
        service.latest_checkpoint(session)
    assert sign(database, log_key).checkpoint.size == 1


# -- going back --------------------------------------------------------------------------------------------
def test_a_restored_older_database_is_not_signed(
    database: Database, log_key: LogKey, backup_of: Callable[[Database], Database]
) -> None:
    append(database, "a", "b")
    backup = backup_of(database)
    append(database, "c")
    sign(database, log_key)
    with pytest.raises(TrustRefused, match="older database restored"):
        sign(backup, log_key)


def test_nor_after_it_has_grown_past_what_was_signed(
    database: Database, log_key: LogKey, backup_of: Callable[[Database], Database]
) -> None:
    append(database, "a", "b")
    backup = backup_of(database)
    append(database, "c")
    sign(database, log_key)
    append(backup, "other")
    with pytest.raises(TrustRefused, match="not those that were signed"):
        sign(backup, log_key)
    append(backup, *(f"more-{n}" for n in range(300)))
    with pytest.raises(TrustRefused, match="not those that were signed"):
        sign(backup, log_key)
    assert log_key.last_signed().size == 3


def test_a_restored_database_that_catches_up_with_the_same_entries_is_signed(
    database: Database, log_key: LogKey, backup_of: Callable[[Database], Database]
) -> None:
    append(database, "a", "b")
    backup = backup_of(database)
    append(database, "c")
    note = sign(database, log_key).note
    append(backup, "c")
    assert sign(backup, log_key).note == note


def test_two_registries_with_one_key_cannot_both_sign(
    database: Database, log_key: LogKey, backup_of: Callable[[Database], Database]
) -> None:
    other = backup_of(database)
    append(database, "a")
    append(other, "b")
    sign(database, log_key)
    with pytest.raises(TrustRefused):
        sign(other, log_key)
    append(database, "c")
    sign(database, log_key)


def test_an_entry_that_was_changed_in_place_is_noticed(database: Database, log_key: LogKey) -> None:
    append(database, "a", "b")
    sign(database, log_key)
    append(database, "c")
    with database.writing() as session:
        session.execute(update(LogEntry).where(LogEntry.idx == 0).values(leaf=bytes(32)))
    with pytest.raises(Corrupt, match="do not add up"):
        sign(database, log_key)


def test_an_entry_that_was_deleted_is_noticed(database: Database, log_key: LogKey) -> None:
    append(database, "a", "b")
    with database.writing() as session:
        session.execute(delete(LogEntry).where(LogEntry.idx == 0))
    with pytest.raises(Corrupt, match="not all stored"):
        sign(database, log_key)


def test_a_damaged_head_is_noticed(database: Database, log_key: LogKey) -> None:
    append(database, "a", "b", "c")
    with database.writing() as session:
        session.execute(update(LogHead).values(size=2))
    with pytest.raises(Corrupt):
        append(database, "d")
    with pytest.raises(Corrupt):
        sign(database, log_key)


def test_a_second_root_for_a_published_size_is_refused(
    database: Database, log_key: LogKey, keys_folder: Path
) -> None:
    """Even if somebody takes the key's memory away, the database has its own."""
    append(database, "a")
    with database.writing() as session:
        row = LogCheckpoint(size=1, root=bytes(32), note="", published_at=NOW)
        session.add(row)
    with pytest.raises(TrustRefused, match="Another root"):
        sign(database, log_key)


# -- the key's files ---------------------------------------------------------------------------------------
def test_the_key_is_for_its_owner_only_and_is_loaded_again(log_key: LogKey, keys_folder: Path) -> None:
    assert stat.S_IMODE((keys_folder / KEY_FILE).stat().st_mode) == 0o600
    loaded = LogKey.load(keys_folder)
    assert (loaded.origin, loaded.verifier) == (ORIGIN, log_key.verifier)
    assert str(loaded.policy) == f"log {log_key.verifier}\nquorum none\n"


def test_a_key_that_others_can_read_is_refused(log_key: LogKey, keys_folder: Path) -> None:
    (keys_folder / KEY_FILE).chmod(0o640)
    with pytest.raises(TrustRefused, match="chmod 600"):
        LogKey.load(keys_folder)


def test_a_missing_or_damaged_key_is_refused(log_key: LogKey, keys_folder: Path) -> None:
    path = keys_folder / KEY_FILE
    secret = path.read_text()
    path.write_text(secret.replace("usage-log", "usage-lag"))
    with pytest.raises(TrustRefused, match="damaged"):
        LogKey.load(keys_folder)
    path.write_bytes(b"\xff")
    with pytest.raises(TrustRefused, match="damaged"):
        LogKey.load(keys_folder)
    path.unlink()
    with pytest.raises(NotReady, match="no signing key"):
        LogKey.load(keys_folder)


def test_a_log_keeps_its_key(log_key: LogKey, keys_folder: Path, database: Database) -> None:
    with pytest.raises(OutputExists):
        LogKey.generate(keys_folder, ORIGIN)
    append(database, "a")
    sign(database, log_key)
    (keys_folder / KEY_FILE).unlink()
    with pytest.raises(OutputExists, match="in silence"):
        LogKey.generate(keys_folder, ORIGIN)


def test_making_a_key_that_was_interrupted_can_be_repeated(log_key: LogKey, keys_folder: Path) -> None:
    (keys_folder / KEY_FILE).unlink()
    LogKey.generate(keys_folder, ORIGIN)


@pytest.mark.parametrize(
    "memory",
    [
        None,
        b"",
        b"\xff",
        b"registry.example/usage-log\n1\n",
        f"{Checkpoint('other.example', 0, empty_root())}".encode(),
    ],
)
def test_a_key_without_its_memory_signs_nothing(
    database: Database, log_key: LogKey, keys_folder: Path, memory: bytes | None
) -> None:
    append(database, "a")
    path = keys_folder / HEAD_FILE
    if memory is None:
        path.unlink()
    else:
        path.write_bytes(memory)
    with pytest.raises(TrustRefused):
        sign(database, log_key)
    with database.reading() as session, pytest.raises(NotReady):
        service.latest_checkpoint(session)
