"""Password hashes: argon2id with the parameters of RFC 9106 section 4 (second choice: 64 MiB, 3 passes, 4 lanes)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from registry.parties.rules import PASSWORD_MAX, normalise_password

_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """The encoded hash of a password that `rules.check_password` has returned; it carries its own parameters."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, given: str) -> bool:
    """Whether this is the password. Without a stored one it takes as long, and is not."""
    password = normalise_password(given)
    if len(password) > PASSWORD_MAX:
        password = ""
    try:
        _HASHER.verify(stored if stored is not None else _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    return _HASHER.hash("the password of nobody")
