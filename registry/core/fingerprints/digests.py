"""Exact digests of the original bytes: they find the very file, whatever its kind."""

from __future__ import annotations

import hashlib

from registry.core.fingerprints.algorithms import MD5, SHA256
from registry.core.fingerprints.model import WHOLE, Fingerprint


def digests(data: bytes) -> tuple[Fingerprint, Fingerprint]:
    """SHA-256, on which we rely, and MD5, by which older dataset lists name their files."""
    return sha256_of(data), Fingerprint(MD5, WHOLE, hashlib.md5(data, usedforsecurity=False).digest())


def sha256_of(data: bytes) -> Fingerprint:
    """All that is needed to look bytes up that are at hand: nothing is registered by MD5 alone."""
    return Fingerprint(SHA256, WHOLE, hashlib.sha256(data).digest())
