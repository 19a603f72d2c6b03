"""A witness (https://c2sp.org/tlog-witness): cosigns what continues all that it has seen of a log, and nothing else.

It needs no trust in anybody: it keeps the last checkpoint of each log, and asks for the proof that the next one
continues it. Two histories of one log can therefore never both have its cosignature. What it was shown is on the
disk before its answer leaves, so a power cut cannot make it forget. A checkpoint that the log signed and that does not
continue the one before is proof of a fork, against whoever holds the log's key: it is refused and kept.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import IO

from registry.core import durable
from registry.core.errors import Conflict, Corrupt, InvalidInput, TrustRefused, VerificationFailed
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import KeyType, Note, SigningKey, VerifierKey
from registry.core.tlog.submissions import SIZE_TYPE, Submission

KEY_FILE = "witness.key"
CHECKPOINT = "checkpoint"
EVIDENCE = "evidence"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the log."""

    status: HTTPStatus
    body: str
    media_type: str = TEXT


def open_key(path: Path, name: str | None) -> SigningKey:
    """The witness's key; with a name, a new one if there is none. Readable by its owner only, or refused."""
    try:
        if path.stat().st_mode & 0o077:
            raise TrustRefused(f"Others may read {path}. If nobody has, run: chmod 600 {path}")
        key = SigningKey.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        if name is None:
            raise InvalidInput(
                f"There is no key at {path}. Name the witness with --name, and one is made."
            ) from None
        key = SigningKey.generate(name, KeyType.COSIGNATURE)
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write_new(path, key.secret().encode(), 0o600)
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{path} is no key.") from problem
    if key.kind is not KeyType.COSIGNATURE:
        raise InvalidInput(f"{path} is a log's key; a witness needs one of its own.")
    if name is not None and key.name != name:
        raise InvalidInput(f"{path} is the key of {key.name}, not of {name}.")
    return key


class Witness:
    """One witness with its memory. Safe to share between threads; only one process may have the folder open."""

    def __init__(
        self, folder: Path, key: SigningKey, logs: Iterable[VerifierKey], now: Callable[[], int]
    ) -> None:
        """`now` gives the time in POSIX seconds; `Conflict` if another process is using the folder."""
        self._folder = folder
        self._key = key
        self._logs: Mapping[str, list[VerifierKey]] = _by_origin(logs)
        self._now = now
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._held = _hold(folder / "lock")

    def close(self) -> None:
        """Let another process have the folder."""
        self._held.close()

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a submission: the cosignature, or what is wrong with it."""
        try:
            submission = Submission.parse(body)
            checkpoint = Checkpoint.parse(submission.checkpoint.text)
        except VerificationFailed as problem:
            return Answer(HTTPStatus.BAD_REQUEST, f"{problem.message}\n")
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return Answer(HTTPStatus.NOT_FOUND, "This witness does not watch that log.\n")
        try:
            signed = submission.checkpoint.verified(keys)
        except VerificationFailed:
            signed = {}
        if not signed:
            return Answer(HTTPStatus.FORBIDDEN, "The checkpoint has no valid signature by the log.\n")
        if submission.old > checkpoint.size:
            return Answer(HTTPStatus.BAD_REQUEST, "A log does not shrink.\n")
        with self._lock:
            return self._compare(submission, checkpoint)

    def _compare(self, submission: Submission, new: Checkpoint) -> Answer:
        """With what was seen before; under the lock, so that nothing comes between the look and the answer."""
        last = self._last(new.origin)
        known = (
            Checkpoint(new.origin, 0, merkle.empty_root()) if last is None else Checkpoint.parse(last.text)
        )
        if new.size == known.size and new.root != known.root:
            return self._refuse(submission, last, "This log has shown another root for the same size.")
        if submission.old != known.size:
            return Answer(HTTPStatus.CONFLICT, f"{known.size}\n", SIZE_TYPE)
        try:
            merkle.verify_consistency(known.size, new.size, known.root, new.root, submission.proof)
        except VerificationFailed as problem:
            return self._refuse(submission, last, problem.message)
        note = submission.checkpoint
        line = self._key.cosign(note.text, self._now())
        cosigned = Note(note.text, (*(s for s in note.signatures if s.name == new.origin), line))
        self._keep(new.origin, CHECKPOINT, str(cosigned))
        return Answer(HTTPStatus.OK, f"{line}\n")

    def _refuse(self, submission: Submission, last: Note | None, reason: str) -> Answer:
        """Keep what was shown, beside what it contradicts; the same twice is kept once."""
        kept = f"{last or ''}\n{submission}"
        origin = submission.checkpoint.text.partition("\n")[0]
        self._keep(origin, f"{EVIDENCE}/{sha256(kept.encode()).hexdigest()}.txt", kept)
        return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{reason} What was sent is kept as evidence.\n")

    def checkpoint(self, origin_digest: str) -> bytes | None:
        """The cosigned checkpoint of the log whose name has this SHA-256 (hexadecimal), for anybody to read."""
        for origin in self._logs:
            if sha256(origin.encode()).hexdigest() == origin_digest:
                last = self._last(origin)
                return None if last is None else str(last).encode()
        return None

    def evidence(self) -> list[Path]:
        """What was kept of forks, of whatever log."""
        return sorted(self._folder.glob(f"*/{EVIDENCE}/*.txt"))

    def _place(self, origin: str) -> Path:
        return self._folder / sha256(origin.encode()).hexdigest()

    def _keep(self, origin: str, name: str, text: str) -> None:
        """On the disk when this returns."""
        path = self._place(origin) / name
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            durable.flush_folder(path.parent.parent)
            durable.flush_folder(self._folder)
        durable.replace_file(path, text.encode())

    def _last(self, origin: str) -> Note | None:
        """What was cosigned last, checked to be our own word: a damaged memory must not be taken for an empty one."""
        path = self._place(origin) / CHECKPOINT
        try:
            note = Note.parse(path.read_bytes())
            ours = self._key.verifier() in note.verified([self._key.verifier()])
        except FileNotFoundError:
            return None
        except VerificationFailed as problem:
            raise Corrupt(f"{path} is damaged: {problem.message}") from problem
        if not ours or Checkpoint.parse(note.text).origin != origin:
            raise Corrupt(f"{path} was not written with this key; restore it, or begin as a new witness.")
        return note


def _by_origin(logs: Iterable[VerifierKey]) -> dict[str, list[VerifierKey]]:
    found: dict[str, list[VerifierKey]] = {}
    for key in logs:
        found.setdefault(key.name, []).append(key)
    if not found:
        raise InvalidInput("The policy lists no log to watch.")
    return found


def _hold(path: Path) -> IO[bytes]:
    """An open file with the lock on it: the lock ends with the process, however that ends."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Conflict(f"Another witness is running on {path.parent}.") from None
    return file
