"""The log's signing key, and the memory beside it of what it last signed.

Signing two trees that do not continue each other is the one thing a log must never do. The usual way into it is an
accident: a database restored from a backup, or two registries run with one key. So the key refuses by itself, from
a file that is no part of the database or its backups: it signs a checkpoint only if the tree still contains, at its
old size, exactly the tree that was signed last.

`log.key` holds the secret (mode 0600), `log.head` the last checkpoint, written durably before its note is released.
Keep both out of the backups of the database, and never restore `log.head`. `log.policy`, if the operator has written
one, names the witnesses that checkpoints are submitted to, and the quorum that makes one public.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.base.files import FolderStore
from registry.core.durable import write_new
from registry.core.errors import InvalidInput, NotReady, OutputExists, TrustRefused, VerificationFailed
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import empty_root
from registry.core.tlog.notes import Note, SigningKey, VerifierKey
from registry.core.tlog.policies import Policy

KEY_FILE = "log.key"
HEAD_FILE = "log.head"
POLICY_FILE = "log.policy"


class LogKey:
    """The signer of one log. Safe to share between threads and, through its files, between processes."""

    def __init__(self, folder: Path, key: SigningKey) -> None:
        self._store = FolderStore(folder)
        self._key = key
        self.policy = _read_policy(folder / POLICY_FILE, key.verifier())
        """What makes a checkpoint public: this log's signature, and the quorum of witnesses in `log.policy`, if any.
        Its file is what a lab stores once, on the first day."""

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
        return cls(folder, key)

    @classmethod
    def load(cls, folder: Path) -> LogKey:
        """The key in this folder; `NotReady` if there is none, `TrustRefused` if others could have read it.

        `InvalidInput` if there is a policy beside it that cannot be used.
        """
        path = folder / KEY_FILE
        try:
            if path.stat().st_mode & 0o077:
                raise TrustRefused(f"Others may read {path}. If nobody has, run: chmod 600 {path}")
            key = SigningKey.parse(path.read_text("utf-8"))
        except FileNotFoundError as problem:
            raise NotReady(
                f"The usage log has no signing key at {path}. Make one with: vorbehalt-server trust init"
            ) from problem
        except (InvalidInput, UnicodeDecodeError) as problem:
            raise TrustRefused(f"{path} is damaged; restore it from where the key is kept safe.") from problem
        return cls(folder, key)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._key.name

    @property
    def verifier(self) -> VerifierKey:
        """The public key; as text, the vkey that policies list."""
        return self._key.verifier()

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

    def sign(self, size: int, root_at: Callable[[int], bytes]) -> Note:
        """Sign the tree of this size. `TrustRefused` if it does not continue the one that was signed last."""
        with self._locked():
            last = self.check(size, root_at)
            checkpoint = Checkpoint(self.origin, size, root_at(size))
            if checkpoint != last:
                self._store.put(HEAD_FILE, str(checkpoint).encode())
            return checkpoint.signed(self._key)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One signature at a time among all processes that use this folder."""
        with self._store.path(KEY_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read_policy(path: Path, key: VerifierKey) -> Policy:
    """The operator's policy for this log; trust in its key alone if there is no file."""
    try:
        policy = Policy.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return Policy.of_log(key)
    except (InvalidInput, UnicodeDecodeError) as problem:
        raise InvalidInput(f"{path} cannot be used: {problem}") from problem
    if key not in policy.logs:
        raise InvalidInput(f"{path} does not list this log. Add the line: log {key}")
    return policy
