"""The log's signing key, and the memory beside it of what it last signed.

Signing two trees that do not continue each other is the one thing a log must never do. The usual way into it is an
accident: a database restored from a backup, or two registries run with one key. So the key refuses by itself, from
a file that is no part of the database or its backups: it signs a checkpoint only if the tree still contains, at its
old size, exactly the tree that was signed last.

`log.key` holds the secret (mode 0600), `log.head` the last checkpoint, written durably before its note is released.
Keep both out of the backups of the database, and never restore `log.head`. `log.policy`, if the operator has written
one, names the witnesses that checkpoints are submitted to, and the quorum that makes one public.

While the key is changed (`rotation`) its successor waits in `log.next.key`; of keys that were changed the public halves
stay in `log.retired`. The files are read anew for each signature, so that a change reaches every process at once.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from registry.base.files import FolderStore
from registry.core.durable import flush_folder, replace_file, write_new
from registry.core.errors import InvalidInput, NotReady, OutputExists, TrustRefused, VerificationFailed
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import empty_root
from registry.core.tlog.notes import Note, SigningKey, VerifierKey
from registry.core.tlog.policies import Policy

KEY_FILE = "log.key"
NEXT_FILE = "log.next.key"
RETIRED_FILE = "log.retired"
HEAD_FILE = "log.head"
POLICY_FILE = "log.policy"
_LOCK_FILE = "log.lock"

MaySign = Callable[[VerifierKey], bool]
"""Whether the log's own entries let this key sign the tree that is about to be signed."""


class Public(NamedTuple):
    """The public halves of a log's keys."""

    current: VerifierKey
    successor: VerifierKey | None


@dataclass(frozen=True, slots=True)
class _Files:
    """What lies in the folder."""

    current: SigningKey
    successor: SigningKey | None
    policy: Policy

    @property
    def signers(self) -> list[SigningKey]:
        """The older first."""
        return [self.current] if self.successor is None else [self.current, self.successor]


class LogKey:
    """The signer of one log. Safe to share between threads and, through its files, between processes."""

    def __init__(self, folder: Path) -> None:
        self.origin = _read_key(folder / KEY_FILE).name
        """The log's name."""
        self._folder = folder
        self._store = FolderStore(folder)
        self._files()

    @classmethod
    def generate(cls, folder: Path, origin: str) -> LogKey:
        """Make the key of a new log. `OutputExists` if the folder has one, or the memory of one, already."""
        key = SigningKey.generate(origin)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = FolderStore(folder)
        if store.exists(KEY_FILE):
            raise OutputExists(f"{folder / KEY_FILE} is there already; a log keeps its key.")
        remembered = store.get(HEAD_FILE)
        nothing = Checkpoint(origin, 0, empty_root())
        if remembered not in {None, str(nothing).encode()}:
            raise OutputExists(
                f"{folder / HEAD_FILE} remembers a log whose key is missing. Restore {KEY_FILE}, or choose another "
                "origin and folder: a new key must not continue an old log in silence."
            )
        store.put(HEAD_FILE, str(nothing).encode())
        write_new(folder / KEY_FILE, key.secret().encode(), 0o600)
        return cls(folder)

    @classmethod
    def load(cls, folder: Path) -> LogKey:
        """The key in this folder; `NotReady` if there is none, `TrustRefused` if others could have read it.

        `InvalidInput` if there is a policy beside it that cannot be used.
        """
        return cls(folder)

    @property
    def public(self) -> Public:
        """The public halves of the key that is here, and of the one that waits to take its place."""
        files = self._files()
        return Public(
            files.current.verifier(), None if files.successor is None else files.successor.verifier()
        )

    @property
    def verifier(self) -> VerifierKey:
        """The public key; as text, the vkey that policies list."""
        return self.public.current

    @property
    def policy(self) -> Policy:
        """What makes a checkpoint public: a signature by this log, and the quorum of witnesses in `log.policy`, if any.

        Its file is what a lab stores once, on the first day.
        """
        return self._files().policy

    def last_signed(self) -> Checkpoint:
        """What the key remembers; `TrustRefused` if the memory is gone or belongs to another log."""
        data = self._store.get(HEAD_FILE)
        path = self._store.path(HEAD_FILE)
        if data is None:
            raise TrustRefused(
                f"{path} is missing, so nobody knows what this key signed last. Write the last published checkpoint's "
                "three lines into it; never an older one."
            )
        try:
            checkpoint = Checkpoint.parse(data.decode())
        except (VerificationFailed, UnicodeDecodeError) as problem:
            raise TrustRefused(
                f"{path} is damaged; write the last published checkpoint's lines into it."
            ) from problem
        if checkpoint.origin != self.origin:
            raise TrustRefused(f"{path} belongs to the log {checkpoint.origin}, the key to {self.origin}.")
        return checkpoint

    def check(self, size: int, root_at: Callable[[int], bytes]) -> Checkpoint:
        """What was signed last, if a tree of this size continues it. `root_at(n)` is the root over its first n entries.

        `TrustRefused` if the tree is smaller, or its beginning is not what was signed.
        """
        last = self.last_signed()
        if size < last.size:
            raise TrustRefused(
                f"The log has {size} entries, but {last.size} were signed already. Was an older database restored? "
                "Recover the newer one; signing now would fork the log.",
                size=size,
                signed=last.size,
            )
        if root_at(last.size) != last.root:
            raise TrustRefused(
                f"The first {last.size} entries are not those that were signed. Was an older database restored and "
                "written to, or another registry run with this key? Nothing was signed.",
                size=size,
                signed=last.size,
            )
        return last

    def sign(self, size: int, root_at: Callable[[int], bytes], may_sign: MaySign = lambda _: True) -> Note:
        """Sign the tree of this size, with each key here that may.

        `TrustRefused` if none may, or if the tree does not continue the one that was signed last.
        """
        with self._locked(fcntl.LOCK_EX):
            signers = [key for key in self._read().signers if may_sign(key.verifier())]
            if not signers:
                raise TrustRefused(
                    f"By the log's own entries the key in {self._folder / KEY_FILE} must not sign: it was retired, or "
                    "has taken the place of another one without a word. Put the log's present key there."
                )
            last = self.check(size, root_at)
            checkpoint = Checkpoint(self.origin, size, root_at(size))
            if checkpoint != last:
                self._store.put(HEAD_FILE, str(checkpoint).encode())
            return _signed(checkpoint, signers)

    # -- changing the key ----------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Make the successor, unless it waits already."""
        with self._locked(fcntl.LOCK_EX):
            if self._read().successor is None:
                secret = SigningKey.generate(self.origin).secret()
                replace_file(self._folder / NEXT_FILE, secret.encode(), 0o600)

    def signed_by_successor(self, checkpoint: Checkpoint) -> Note:
        """What was signed last, by the successor alone, to be tried on witnesses; `TrustRefused` for anything else."""
        with self._locked(fcntl.LOCK_EX):
            successor = self._read().successor
            if successor is None or checkpoint != self.last_signed():
                raise TrustRefused("Only what the log has signed already may be signed to try a new key.")
            return checkpoint.signed(successor)

    def promote(self) -> None:
        """The successor takes the place of the key, of which the public half is kept; nothing if there is none."""
        with self._locked(fcntl.LOCK_EX):
            files = self._read()
            if files.successor is None:
                return
            retired = _read_retired(self._folder / RETIRED_FILE)
            lines = [str(key) for key in dict.fromkeys((*retired, files.current.verifier()))]
            self._store.put(RETIRED_FILE, "".join(f"{line}\n" for line in lines).encode())
            (self._folder / NEXT_FILE).replace(self._folder / KEY_FILE)
            flush_folder(self._folder)

    # -- the files -----------------------------------------------------------------------------------------
    def _files(self) -> _Files:
        with self._locked(fcntl.LOCK_SH):
            return self._read()

    def _read(self) -> _Files:
        """All that is there, under the lock, so that nobody is replacing it."""
        current = _read_key(self._folder / KEY_FILE)
        successor = _read_key(self._folder / NEXT_FILE) if (self._folder / NEXT_FILE).exists() else None
        keys = [key for key in (current, successor) if key is not None]
        if len({key.name for key in keys}) > 1:
            raise TrustRefused(f"{NEXT_FILE} in {self._folder} is the key of another log; take it away.")
        own = [key.verifier() for key in keys]
        own += [key for key in _read_retired(self._folder / RETIRED_FILE) if key not in own]
        return _Files(current, successor, _read_policy(self._folder / POLICY_FILE, own))

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """One signature, or change of the key, at a time among all processes that use this folder."""
        with (self._folder / _LOCK_FILE).open("ab") as file:
            fcntl.flock(file, how)
            yield


def _signed(checkpoint: Checkpoint, signers: list[SigningKey]) -> Note:
    text = str(checkpoint)
    return Note(text, tuple(key.sign(text) for key in signers))


def _read_key(path: Path) -> SigningKey:
    try:
        if path.stat().st_mode & 0o077:
            raise TrustRefused(f"Others may read {path}. If nobody has, run: chmod 600 {path}")
        return SigningKey.parse(path.read_text("utf-8"))
    except FileNotFoundError as problem:
        raise NotReady(
            f"The usage log has no signing key at {path}. Make one with: vorbehalt-server trust init"
        ) from problem
    except (InvalidInput, UnicodeDecodeError) as problem:
        raise TrustRefused(f"{path} is damaged; restore it from where the key is kept safe.") from problem


def _read_retired(path: Path) -> list[VerifierKey]:
    """Public keys, one a line; the operator may take lines away."""
    try:
        lines = path.read_text("utf-8").split("\n")
        return [VerifierKey.parse(line) for line in lines if line]
    except FileNotFoundError:
        return []
    except (InvalidInput, UnicodeDecodeError) as problem:
        raise InvalidInput(f"{path} cannot be used: {problem}") from problem


def _read_policy(path: Path, own: list[VerifierKey]) -> Policy:
    """The operator's policy for this log, with all of its keys; trust in them alone if there is no file."""
    keys = tuple(own)
    try:
        policy = Policy.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return replace(Policy.of_log(own[0]), logs=keys)
    except (InvalidInput, UnicodeDecodeError) as problem:
        raise InvalidInput(f"{path} cannot be used: {problem}") from problem
    if not set(own) & set(policy.logs):
        raise InvalidInput(f"{path} does not list this log. Add the line: log {own[0]}")
    return replace(policy, logs=tuple(dict.fromkeys((*keys, *policy.logs))))
