"""The log's key is changed while the log goes on: both keys sign in between; interrupted anywhere, it goes on."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.base.db import Database
from registry.core.errors import InvalidInput, NotReady, TrustRefused, VerificationFailed
from registry.core.records.leaves import KeyLeaf, parse_leaf
from registry.core.tlog.notes import Note, SigningKey, VerifierKey
from registry.core.tlog.policies import Policy, satisfied
from registry.core.tlog.proofs import Proof
from registry.log import key_entries, rotation, service
from registry.log.keys import HEAD_FILE, KEY_FILE, NEXT_FILE, POLICY_FILE, RETIRED_FILE, LogKey
from tests.support.witnesses import RunningWitness, serving

NOW = datetime(2026, 8, 2, tzinfo=UTC)
only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def grow(database: Database, key: LogKey, name: str) -> Note:
    """Append and sign; the note."""
    with database.writing() as session:
        service.append(session, [(service.idempotency_key(name.encode()), name.encode())])
    return service.sign(database, key, NOW).note


def signers(note: Note, *keys: VerifierKey) -> list[bool]:
    """Which of these keys signed."""
    return [key in note.verified(keys) for key in keys]


def keys_named(database: Database) -> list[tuple[int, str, str]]:
    """Index, act and key of what the log says about keys."""
    with database.reading() as session:
        bodies = service.entries(session, 0, service.head(session).size)
    leaves = [(index, parse_leaf(body)) for index, body in enumerate(bodies) if b'"t":"key"' in body]
    return [(index, leaf.act, leaf.key) for index, leaf in leaves if isinstance(leaf, KeyLeaf)]


def test_both_sign_in_between_from_a_stated_size_to_another(database: Database, log_key: LogKey) -> None:
    old = log_key.verifier
    early = grow(database, log_key, "one")
    change = rotation.begin(database, log_key, NOW)
    new = change.new
    assert (change.old, change.since, change.until) == (old, 3, None)
    assert rotation.begin(database, log_key, NOW) == change
    between = grow(database, log_key, "two")
    assert signers(between, old, new) == [True, True]
    ended = rotation.finish(database, log_key, NOW)
    assert (ended.since, ended.until) == (3, 4)
    late = grow(database, log_key, "three")
    assert signers(early, old, new) == [True, False]
    assert signers(late, old, new) == [False, True]
    assert keys_named(database) == [(1, "begin", str(old)), (2, "begin", str(new)), (4, "end", str(old))]
    for note in (early, between, late):
        satisfied(note, log_key.policy)
    satisfied(between, Policy.of_log(old))
    satisfied(between, Policy.of_log(new))
    assert log_key.policy.logs == (new, old)


def test_old_receipts_keep_verifying_and_new_ones_are_given(database: Database, log_key: LogKey) -> None:
    before = log_key.policy
    grow(database, log_key, "one")
    with database.reading() as session:
        receipt = Proof.parse(service.receipt(session, 0))
    rotation.begin(database, log_key, NOW)
    rotation.finish(database, log_key, NOW)
    with database.reading() as session:
        again = Proof.parse(service.receipt(session, 0))
    receipt.verify(b"one", before)
    receipt.verify(b"one", log_key.policy)
    again.verify(b"one", log_key.policy)
    with pytest.raises(VerificationFailed, match="No log that the policy lists"):
        again.verify(b"one", before)


def test_a_running_process_follows_the_change(database: Database, log_key: LogKey, keys_folder: Path) -> None:
    running = LogKey.load(keys_folder)
    old = running.verifier
    new = rotation.begin(database, log_key, NOW).new
    assert signers(grow(database, running, "one"), old, new) == [True, True]
    rotation.finish(database, log_key, NOW)
    assert signers(grow(database, running, "two"), old, new) == [False, True]
    assert stat.S_IMODE((keys_folder / KEY_FILE).stat().st_mode) == 0o600
    assert not (keys_folder / NEXT_FILE).exists()


# -- interruptions -----------------------------------------------------------------------------------------
class Killed(BaseException):
    """In the place of a power cut."""


STEPS = [
    (rotation, "sign"),
    (LogKey, "prepare"),
    (key_entries, "begin"),
    (key_entries, "end"),
    (LogKey, "promote"),
    (rotation, "sign_head"),
]


@only_sqlite
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
def test_an_interruption_at_any_step_leaves_a_log_that_goes_on(
    database: Database,
    log_key: LogKey,
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    step: str,
    before: bool,
) -> None:
    old = log_key.verifier
    grow(database, log_key, "one")
    real: Callable[..., object] = getattr(where, step)

    def killed(*arguments: object, **named: object) -> object:
        if not before:
            real(*arguments, **named)
        raise Killed

    for act in (rotation.begin, rotation.finish):
        monkeypatch.setattr(where, step, killed)
        try:
            act(database, log_key, NOW)
        except Killed:
            satisfied(grow(database, log_key, f"after {act.__name__}"), log_key.policy)
        monkeypatch.undo()
        try:
            act(database, log_key, NOW)
        except InvalidInput:  # the last step had been done
            assert act is rotation.finish
    new = log_key.verifier
    assert new != old
    assert signers(grow(database, log_key, "more"), old, new) == [False, True]
    acts = [(name, key) for _, name, key in keys_named(database)]
    assert acts == [("begin", str(old)), ("begin", str(new)), ("end", str(old))]


def test_a_step_that_was_rolled_back_counts_for_nothing(database: Database, log_key: LogKey) -> None:
    """The successor is there, but no entry of it: it signs nothing, and the change cannot be finished."""
    grow(database, log_key, "one")
    log_key.prepare()
    new = log_key.public.successor
    assert new is not None
    assert signers(grow(database, log_key, "two"), log_key.verifier, new) == [True, False]
    with pytest.raises(InvalidInput, match="has not begun"):
        rotation.finish(database, log_key, NOW)


# -- what is refused ---------------------------------------------------------------------------------------
def test_a_change_that_was_not_begun_cannot_be_finished(database: Database, log_key: LogKey) -> None:
    grow(database, log_key, "one")
    with pytest.raises(InvalidInput, match="not being changed"):
        rotation.finish(database, log_key, NOW)


def test_a_key_that_was_put_in_the_place_of_another_signs_nothing(
    database: Database, log_key: LogKey, keys_folder: Path
) -> None:
    grow(database, log_key, "one")
    (keys_folder / KEY_FILE).write_text(SigningKey.generate(log_key.origin).secret())
    with pytest.raises(TrustRefused, match="must not sign"):
        grow(database, log_key, "two")


def test_a_retired_key_that_comes_back_signs_nothing(
    database: Database, log_key: LogKey, keys_folder: Path
) -> None:
    grow(database, log_key, "one")
    secret = (keys_folder / KEY_FILE).read_text()
    rotation.begin(database, log_key, NOW)
    rotation.finish(database, log_key, NOW)
    head = (keys_folder / HEAD_FILE).read_text()
    (keys_folder / KEY_FILE).write_text(secret)
    with pytest.raises(TrustRefused, match="must not sign"):
        grow(database, log_key, "two")
    assert (keys_folder / HEAD_FILE).read_text() == head


def test_nothing_is_changed_on_an_older_database(
    database: Database, log_key: LogKey, keys_folder: Path, backup_of: Callable[[Database], Database]
) -> None:
    grow(database, log_key, "one")
    backup = backup_of(database)
    grow(database, log_key, "two")
    with pytest.raises(TrustRefused, match="older database"):
        rotation.begin(backup, log_key, NOW)
    assert not (keys_folder / NEXT_FILE).exists()


def test_a_retired_key_is_struck_from_the_policy_by_taking_its_line_away(
    database: Database, log_key: LogKey, keys_folder: Path
) -> None:
    grow(database, log_key, "one")
    rotation.begin(database, log_key, NOW)
    rotation.finish(database, log_key, NOW)
    (keys_folder / RETIRED_FILE).write_text("")
    assert log_key.policy.logs == (log_key.verifier,)
    (keys_folder / RETIRED_FILE).write_text("no key\n")
    with pytest.raises(InvalidInput, match=RETIRED_FILE):
        LogKey.load(keys_folder)


# -- witnesses ---------------------------------------------------------------------------------------------
@pytest.fixture
def witness(log_key: LogKey, keys_folder: Path, tmp_path: Path) -> Iterator[RunningWitness]:
    """One that knows the first key only, and must cosign."""
    with serving(tmp_path / "w", "w.example", log_key.verifier) as running:
        policy = f"log {log_key.verifier}\n{running.line('w')}quorum w\n"
        (keys_folder / POLICY_FILE).write_text(policy)
        yield running


@only_sqlite
def test_witnesses_keep_following_and_a_change_is_not_finished_without_them(
    database: Database, log_key: LogKey, tmp_path: Path, keys_folder: Path, witness: RunningWitness
) -> None:
    old = log_key.verifier
    assert service.sign_head(database, log_key, NOW)
    new = rotation.begin(database, log_key, NOW).new
    assert set(satisfied(grow_public(database, log_key, "one"), log_key.policy).witnessed) == {"w"}
    with pytest.raises(NotReady, match="w did not"):
        rotation.finish(database, log_key, NOW)
    assert signers(grow_public(database, log_key, "two"), old, new) == [True, True]
    with serving(tmp_path / "v", "v.example", old, new) as following:
        policy = f"log {old}\n{following.line('v')}quorum v\n"
        (keys_folder / POLICY_FILE).write_text(policy)
        assert service.sign_head(database, log_key, NOW)
        rotation.finish(database, log_key, NOW)
        shown = grow_public(database, log_key, "three")
        assert signers(shown, old, new) == [False, True]
        assert set(satisfied(shown, log_key.policy).witnessed) == {"v"}
        assert following.witness.evidence() == []


def grow_public(database: Database, key: LogKey, name: str) -> Note:
    """Append, sign and have it witnessed; what the public is shown then."""
    with database.writing() as session:
        service.append(session, [(service.idempotency_key(name.encode()), name.encode())])
    assert service.sign_head(database, key, NOW)
    with database.reading() as session:
        return service.latest_checkpoint(session).note
