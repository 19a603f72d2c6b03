"""The lab's key for runs, and the signature that it puts beside a run, `run.note`."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from crawler import durable
from crawler.runs.layout import SIGNATURE
from registry.core.durable import write_new
from registry.core.errors import InvalidInput, OutputExists, TrustRefused, VerificationFailed
from registry.core.records import run_signatures
from registry.core.tlog.notes import KeyType, SigningKey, VerifierKey


@dataclass(frozen=True, slots=True)
class RunKey:
    """The lab's key for runs, and where it lies."""

    key: SigningKey
    path: Path
    is_new: bool = False


def default_key_path() -> Path:
    """VORBEHALT_RUN_KEY, else `run.key` in the user's configuration folder."""
    return Path(
        os.environ.get("VORBEHALT_RUN_KEY") or user_config_path("vorbehalt", appauthor=False) / "run.key"
    )


def create_key(path: Path, name: str | None = None) -> RunKey:
    """A new key, readable by its owner only; `OutputExists` if there is a file already."""
    key = SigningKey.generate(name or f"run-key-{secrets.token_hex(4)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_new(path, key.secret().encode(), 0o600)
    except FileExistsError as problem:
        raise OutputExists(f"{path} exists already; a key is never overwritten.") from problem
    return RunKey(key, path, is_new=True)


def open_key(path: Path, *, create: bool = False) -> RunKey:
    """The key in this file; `TrustRefused` if others may read it. With `create`, a new one if there is none."""
    try:
        if path.stat().st_mode & 0o077:
            raise TrustRefused(f"Others may read {path}. If nobody has, run: chmod 600 {path}")
        key = SigningKey.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        if create:
            return _created_once(path)
        raise InvalidInput(f"There is no key at {path}. Make one with: vorbehalt key create") from None
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{path} is no key.") from problem
    if key.kind is not KeyType.ED25519:
        raise InvalidInput(f"{path} is a witness's key; runs need one of their own.")
    return RunKey(key, path)


def _created_once(path: Path) -> RunKey:
    """A new key, or that of another process which was quicker."""
    try:
        return create_key(path)
    except OutputExists:
        return open_key(path)


def sign_run(run: Path, run_id: str, key: SigningKey) -> Path:
    """Sign a complete run; an older signature is replaced."""
    path = run / SIGNATURE
    durable.replace_file(path, run_signatures.signed(run_id, key).encode())
    return path


def check_signature(run: Path, run_id: str, expected: VerifierKey | None = None) -> VerifierKey | None:
    """The key that signed this very run; `None` if it is not signed.

    `VerificationFailed` if the signature is not by the key that it names or is of another run; and, if a key is
    expected, if it is by another or there is none.
    """
    path = run / SIGNATURE
    if not path.is_file():
        if expected is not None:
            raise VerificationFailed(f"{run} is not signed: it has no {SIGNATURE}.")
        return None
    try:
        return run_signatures.verify(path.read_bytes(), run_id, expected=expected)
    except VerificationFailed as problem:
        raise VerificationFailed(f"{path}: {problem.message}") from problem
