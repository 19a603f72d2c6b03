"""With a quorum of witnesses the registry cannot show two histories, even with every key that it has."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.base.db import Database
from registry.core.errors import InvalidInput, NotReady, VerificationFailed
from registry.core.records.receipts import build_receipt
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.policies import Policy, satisfied
from registry.core.tlog.proofs import Proof
from registry.log import service
from registry.log.keys import HEAD_FILE, POLICY_FILE, LogKey
from registry.log.service import SignedCheckpoint
from tests.support.witnesses import RunningWitness, serving

NOW = datetime(2026, 8, 2, tzinfo=UTC)


class Quorum(NamedTuple):
    """A log whose policy asks for two of three witnesses, and how to stop one."""

    key: LogKey
    witnesses: list[RunningWitness]
    stop: list[Callable[[], None]]


@pytest.fixture
def quorum(log_key: LogKey, keys_folder: Path, tmp_path: Path) -> Iterator[Quorum]:
    """Three witnesses of one log, two of which must cosign."""
    with ExitStack() as stack:
        witnesses, stops = [], []
        for name in ("a", "b", "c"):
            one = stack.enter_context(ExitStack())
            witnesses.append(one.enter_context(serving(tmp_path / name, f"{name}.example", log_key.verifier)))
            stops.append(one.close)
        lines = "".join(w.line(name) for name, w in zip("abc", witnesses, strict=True))
        policy = f"log {log_key.verifier}\n{lines}group two 2 a b c\nquorum two\n"
        (keys_folder / POLICY_FILE).write_text(policy)
        yield Quorum(LogKey.load(keys_folder), witnesses, stops)


def grow(database: Database, key: LogKey, *names: str) -> bool:
    """Append, sign, submit; whether the checkpoint is public."""
    with database.writing() as session:
        service.append(session, [(service.idempotency_key(n.encode()), n.encode()) for n in names])
    return service.sign_head(database, key, NOW)


def public(database: Database) -> SignedCheckpoint:
    """What anybody is shown."""
    with database.reading() as session:
        return service.latest_checkpoint(session)


# -- in good faith -----------------------------------------------------------------------------------------
def test_a_checkpoint_is_public_with_its_cosignatures(database: Database, quorum: Quorum) -> None:
    for number in range(3):
        assert grow(database, quorum.key, f"claim-{number}")
        shown = public(database)
        verified = satisfied(shown.note, quorum.key.policy)
        assert (verified.checkpoint.size, set(verified.witnessed)) == (number + 2, {"a", "b", "c"})
    assert all(not w.witness.evidence() for w in quorum.witnesses)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_one_may_be_away_but_not_two(database: Database, quorum: Quorum) -> None:
    assert grow(database, quorum.key, "one")
    quorum.stop[2]()
    assert grow(database, quorum.key, "two")
    assert set(satisfied(public(database).note, quorum.key.policy).witnessed) == {"a", "b"}
    quorum.stop[1]()
    assert not grow(database, quorum.key, "three")
    assert public(database).checkpoint.size == 3
    with database.reading() as session:
        early, late = (Proof.parse(service.receipt(session, index)) for index in (0, 3))
    assert early.verify(b"one", quorum.key.policy).checkpoint.size == 3
    with pytest.raises(VerificationFailed, match="lacks cosignatures"):
        late.verify(b"three", quorum.key.policy)
    assert late.verify(b"three", Policy.of_log(quorum.key.verifier)).checkpoint.size == 4


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_was_missed_is_made_up_for(
    database: Database, quorum: Quorum, log_key: LogKey, keys_folder: Path
) -> None:
    """The log grew before it had witnesses: the first checkpoint of that size is submitted, from nothing."""
    assert grow(database, log_key, *(f"claim-{n}" for n in range(300)))
    assert public(database).checkpoint.size == 301
    assert service.sign_head(database, quorum.key, NOW)
    assert len(public(database).note.signatures) == 4
    again = LogKey.load(keys_folder)
    assert grow(database, again, "more")


# -- attacks, by somebody who has every key of the registry ------------------------------------------------
def all_keys(quorum: Quorum, keys_folder: Path, folder: Path, remembered: Checkpoint) -> LogKey:
    """The key, its policy, and a forged memory, so that it signs whatever it is asked to."""
    shutil.copytree(keys_folder, folder)
    (folder / HEAD_FILE).write_text(str(remembered))
    return LogKey.load(folder)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_an_old_backup_cannot_become_another_history(
    database: Database,
    quorum: Quorum,
    keys_folder: Path,
    tmp_path: Path,
    backup_of: Callable[[Database], Database],
) -> None:
    assert grow(database, quorum.key, *(f"claim-{n}" for n in range(5)))
    before = public(database).checkpoint
    backup = backup_of(database)
    assert grow(database, quorum.key, *(f"claim-{n}" for n in range(5, 10)))
    attacker = all_keys(quorum, keys_folder, tmp_path / "stolen", before)
    for names in (["changed"], [f"changed-{n}" for n in range(4)], [f"changed-{n}" for n in range(4, 20)]):
        assert not grow(backup, attacker, *names)
    with backup.reading() as session:
        forged = service.latest_signed(session)
        assert forged.checkpoint.size == 27
        receipt = build_receipt(
            b"changed", 6, service.receipt_proof(session, 6, forged.checkpoint.size), forged.note
        )
    assert public(backup).checkpoint == before
    satisfied(forged.note, Policy.of_log(quorum.key.verifier))  # the log's own signature is genuine
    with pytest.raises(VerificationFailed, match="lacks cosignatures"):
        Proof.parse(receipt).verify(b"changed", quorum.key.policy)
    for running in quorum.witnesses:
        shown = "".join(path.read_text() for path in running.witness.evidence())
        assert str(forged.checkpoint) in shown
        assert str(public(database).checkpoint) in shown
    assert grow(database, quorum.key, "honest work goes on")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_of_two_sequencers_at_once_one_is_heard(
    database: Database,
    quorum: Quorum,
    keys_folder: Path,
    tmp_path: Path,
    backup_of: Callable[[Database], Database],
) -> None:
    """Each with a copy of the key: what readers accept is one history, whoever of the two gets through."""
    assert grow(database, quorum.key, "common")
    other = backup_of(database)
    second = all_keys(quorum, keys_folder, tmp_path / "copy", public(database).checkpoint)
    start = threading.Barrier(2)

    def run(which: Database, key: LogKey, name: str) -> None:
        start.wait()
        for number in range(12):
            grow(which, key, f"{name}-{number}")

    threads = [
        threading.Thread(target=run, args=arguments)
        for arguments in ((database, quorum.key, "a"), (other, second, "b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = sorted(public(which).checkpoint.size for which in (database, other))
    assert sizes[0] == 2
    assert sum(len(w.witness.evidence()) for w in quorum.witnesses) > 0


# -- witnesses that do not keep to the protocol ------------------------------------------------------------
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"\xff\n"),
        (200, "— w.example AAAAAAAA\n".encode()),
        (200, bytes(100_000)),
        (302, b""),
        (409, b"five\n"),
        (409, b"99\n"),
        (409, b"0\n"),
        (500, b"no"),
    ],
)
def test_what_a_witness_says_is_not_believed(
    database: Database, log_key: LogKey, keys_folder: Path, quorum: Quorum, status: int, body: bytes
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", quorum.witnesses[0].url + "/add-checkpoint")
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        key = quorum.witnesses[0].key
        (keys_folder / POLICY_FILE).write_text(f"log {log_key.verifier}\nwitness w {key} {url}\nquorum w\n")
        assert not grow(database, LogKey.load(keys_folder), "one")
        server.shutdown()
        thread.join()
    with pytest.raises(NotReady, match="not enough witnesses"):
        public(database)


# -- the policy beside the key -----------------------------------------------------------------------------
def test_a_policy_that_cannot_be_used_stops_the_start(log_key: LogKey, keys_folder: Path) -> None:
    path = keys_folder / POLICY_FILE
    for text, fault in (
        ("quorum none\n", "does not list this log"),
        (f"log {log_key.verifier}\n", "no quorum"),
        (f"log {log_key.verifier}\nquorum two\n", "Line 2"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInput, match=fault):
            LogKey.load(keys_folder)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="cannot be used"):
        LogKey.load(keys_folder)
