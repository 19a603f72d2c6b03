"""Signing keys as files: one Ed25519 key a file, PKCS #8 in PEM, readable by its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from registry.core.durable import write_new
from registry.core.errors import Corrupt, NotReady, OutputExists


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
