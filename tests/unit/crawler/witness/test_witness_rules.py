"""What a witness cosigns and what it refuses (c2sp.org/tlog-witness), and that it does not forget."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import pytest

from crawler.witness import CHECKPOINT, KEY_FILE, Witness, open_key
from registry.core import durable
from registry.core.errors import Conflict, Corrupt, InvalidInput, TrustRefused
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import KeyType, Note, Signature, SigningKey
from registry.core.tlog.policies import Policy, satisfied
from registry.core.tlog.submissions import Submission
from tests.support.witnesses import START, PaperLog

LOG_KEY = SigningKey.generate("registry.example/usage-log")
KEY = SigningKey.generate("witness.example/one", KeyType.COSIGNATURE)
LOG, FORK = PaperLog(LOG_KEY), PaperLog(LOG_KEY, "other")


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """A new witness of that log."""
    with closing(Witness(tmp_path, KEY, [LOG_KEY.verifier()], lambda: START)) as witness:
        yield witness


def test_growth_is_cosigned_and_the_cosignature_satisfies_a_policy(witness: Witness) -> None:
    policy = Policy.parse(f"log {LOG_KEY.verifier()}\nwitness one {KEY.verifier()}\nquorum one\n")
    old = 0
    for size in (0, 1, 5, 5, 8, 300):
        answer = witness.add_checkpoint(LOG.submission(old, size))
        assert answer.status == HTTPStatus.OK
        note = LOG.note(size)
        line = Signature.parse(answer.body.removesuffix("\n"))
        found = satisfied(Note(note.text, (*note.signatures, line)), policy)
        assert (found.checkpoint.size, found.witnessed) == (size, {"one": START})
        old = size
    assert witness.evidence() == []


def test_anybody_can_read_what_it_saw_last(witness: Witness) -> None:
    digest = sha256(LOG_KEY.name.encode()).hexdigest()
    assert witness.checkpoint(digest) is witness.checkpoint("0" * 64) is None
    witness.add_checkpoint(LOG.submission(0, 4))
    held = witness.checkpoint(digest)
    assert held is not None
    assert set(Note.parse(held).verified([LOG_KEY.verifier(), KEY.verifier()])) == {
        LOG_KEY.verifier(),
        KEY.verifier(),
    }


STRANGER = SigningKey.generate("stranger.example/log")
IMPOSTOR = SigningKey.generate(LOG_KEY.name)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff", 400),
        (b"old 5\n\n", 400),
        (LOG.submission(5, 8).replace(b"old 5", b"old 05"), 400),
        (LOG.submission(5, 8).replace(b"old 5", b"old -5"), 400),
        (LOG.submission(5, 8).replace(b"=\n", b"\n", 1), 400),
        (str(Submission(5, (bytes(31),), LOG.note(8))).encode(), 400),
        (LOG.submission(8, 5), 400),
        (PaperLog(STRANGER).submission(5, 8), 404),
        (PaperLog(IMPOSTOR).submission(5, 8), 403),
        (LOG.submission(5, 8).replace(b"\n8\n", b"\n9\n"), 403),
        (LOG.submission(0, 8), 409),
        (LOG.submission(4, 8), 409),
        (LOG.submission(6, 8), 409),
        (str(Submission(5, (), LOG.note(8))).encode(), 422),
        (str(Submission(5, (bytes(32),) * 3, LOG.note(8))).encode(), 422),
        (FORK.submission(5, 5), 422),
        (FORK.submission(5, 8), 422),
        (FORK.submission(0, 5), 422),
    ],
)
def test_everything_else_is_refused_and_forgets_nothing(witness: Witness, body: bytes, status: int) -> None:
    assert witness.add_checkpoint(LOG.submission(0, 5)).status == HTTPStatus.OK
    answer = witness.add_checkpoint(body)
    assert answer.status == status
    if status == 409:
        assert (answer.body, answer.media_type) == ("5\n", "text/x.tlog.size")
    assert len(witness.evidence()) == (status == 422)
    assert witness.add_checkpoint(LOG.submission(5, 8)).status == HTTPStatus.OK


def test_evidence_shows_both_histories_with_the_log_s_own_signatures(witness: Witness) -> None:
    witness.add_checkpoint(LOG.submission(0, 5))
    for _ in range(2):
        witness.add_checkpoint(FORK.submission(5, 5))
    (path,) = witness.evidence()
    seen, shown = path.read_text("utf-8").split("\nold 5\n")
    proof, _, forged = shown.partition("\n\n") if not shown.startswith("\n") else ("", "", shown[1:])
    assert not proof
    notes = [Note.parse(text) for text in (seen, forged)]
    assert all(LOG_KEY.verifier() in note.verified([LOG_KEY.verifier()]) for note in notes)
    first, second = (Checkpoint.parse(note.text) for note in notes)
    assert (first.size, first.root != second.root) == (second.size, True)


def test_it_remembers_what_it_said_across_a_restart(witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(LOG.submission(0, 5))
    with pytest.raises(Conflict, match="running"):
        Witness(tmp_path, KEY, [LOG_KEY.verifier()], lambda: START)
    witness.close()
    again = Witness(tmp_path, KEY, [LOG_KEY.verifier()], lambda: START)
    assert again.add_checkpoint(FORK.submission(0, 6)).status == HTTPStatus.CONFLICT
    assert again.add_checkpoint(LOG.submission(5, 6)).status == HTTPStatus.OK
    again.close()


def test_without_memory_it_says_nothing(
    witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk is full no cosignature leaves; if the memory is damaged, or another's, none does either."""
    witness.add_checkpoint(LOG.submission(0, 5))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "replace_file", full)
    with pytest.raises(OSError, match="No space"):
        witness.add_checkpoint(LOG.submission(5, 6))
    monkeypatch.undo()
    (memory,) = tmp_path.glob(f"*/{CHECKPOINT}")
    genuine = memory.read_bytes()
    for damaged in (b"", genuine[:-9], str(LOG.note(5)).encode(), genuine.replace(b"\n5\n", b"\n4\n")):
        memory.write_bytes(damaged)
        with pytest.raises(Corrupt):
            witness.add_checkpoint(LOG.submission(5, 6))
    memory.write_bytes(genuine)
    assert witness.add_checkpoint(LOG.submission(5, 6)).status == HTTPStatus.OK


def test_of_two_histories_at_once_only_one_is_cosigned(witness: Witness) -> None:
    bodies = [log.submission(0, size) for log in (LOG, FORK) for size in range(1, 30)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(witness.add_checkpoint, bodies))
    assert sum(answer.status == HTTPStatus.OK for answer in answers) == 1


# -- the key -----------------------------------------------------------------------------------------------
def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / KEY_FILE
    with pytest.raises(InvalidInput, match="--name"):
        open_key(path, None)
    made = open_key(path, "w.example")
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_key(path, None).verifier() == open_key(path, "w.example").verifier() == made.verifier()
    with pytest.raises(InvalidInput, match=r"not of other\.example"):
        open_key(path, "other.example")
    path.chmod(0o644)
    with pytest.raises(TrustRefused, match="chmod 600"):
        open_key(path, None)


def test_a_log_s_key_cannot_witness(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    durable.write_new(path, LOG_KEY.secret().encode(), 0o600)
    with pytest.raises(InvalidInput, match="of its own"):
        open_key(path, None)
    with pytest.raises(InvalidInput, match="type"):
        LOG_KEY.cosign("x\n", 1)
    with pytest.raises(InvalidInput, match="lists no log"):
        Witness(tmp_path, KEY, [], lambda: START)
