"""Signing keys as files: one Ed25519 key a file, PKCS #8 in PEM, readable by its owner alone."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from registry.core.durable import replace_file, write_new
from registry.core.errors import Corrupt, InvalidInput, NotReady, OutputExists

Ask = Callable[[Path], bytes]
"""Asks whoever holds this encrypted key for its passphrase."""

_ENCRYPTED = b"ENCRYPTED PRIVATE KEY"


def create_key(path: Path, passphrase: bytes | None = None) -> CryptoSigner:
    """Make a new key and write it, encrypted if a passphrase is given; `OutputExists` never replaces a key."""
    key = Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    try:
        write_new(path, pem, mode=0o600)
    except FileExistsError as problem:
        raise OutputExists(f"{path} exists; a key is never overwritten. Choose an empty folder.") from problem
    return CryptoSigner(key)


def load_key(path: Path, passphrase: bytes | None = None) -> CryptoSigner:
    """Read a key; `NotReady` if it is missing or others may read it, `Corrupt` if it is not such a key."""
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as problem:
        raise NotReady(
            f"The signing key {path} cannot be read ({problem.strerror}); run `vorbehalt-server trust init` "
            "or restore the key."
        ) from problem
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotReady(
            f"Others may read the signing key {path}; run `chmod 600` on it, and think of rotating it."
        )
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as problem:
        raise Corrupt(f"{path} is no usable signing key ({problem}); restore it from its copy.") from problem
    if not isinstance(key, Ed25519PrivateKey):
        raise Corrupt(f"{path} is not an Ed25519 key; restore it from its copy.")
    return CryptoSigner(key)


def load_offline_keys(places: Iterable[Path], ask: Ask) -> dict[str, CryptoSigner]:
    """The keys in these files and folders, by key id; as `key_files`."""
    return {signer.public_key.keyid: signer for signer in key_files(places, ask).values()}


def key_files(places: Iterable[Path], ask: Ask) -> dict[Path, CryptoSigner]:
    """The keys in these files and folders (`*.pem`), by path; the holder of an encrypted one is asked.

    `InvalidInput` for a folder without keys; else as `load_key`.
    """
    found: dict[Path, CryptoSigner] = {}
    for place in places:
        paths = sorted(place.glob("*.pem")) if place.is_dir() else [place]
        if not paths:
            raise InvalidInput(f"There is no key in {place}; keys are files that end in .pem.")
        for path in paths:
            encrypted = path.is_file() and _ENCRYPTED in path.read_bytes()
            found[path] = load_key(path, ask(path) if encrypted else None)
    return found


def write_public(path: Path, key: CryptoSigner) -> None:
    """The public half of a key, to be carried to where it is signed; replaced, since it is no secret."""
    pem = serialization.load_pem_private_key(key.private_bytes, None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    replace_file(path, pem.public_bytes(serialization.Encoding.PEM, form))


def read_public(path: Path) -> Key:
    """The public key in this file; `NotReady` if there is none, `Corrupt` if it is not of Ed25519."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError as problem:
        raise NotReady(
            f"{path} is missing: make the new key with `vorbehalt-server trust prepare` first."
        ) from problem
    except ValueError as problem:
        raise Corrupt(f"{path} is no public key ({problem}).") from problem
    if not isinstance(key, Ed25519PublicKey):
        raise Corrupt(f"{path} is not the public half of an Ed25519 key.")
    return SSlibKey.from_crypto(key)
