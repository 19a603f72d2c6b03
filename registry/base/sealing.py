"""Columns that are sealed: what a stolen copy of the database does not tell, because the key is not in it.

A sealed value is AES-256-GCM under a random nonce, behind a mark and the number of its key. Services and pages work
with what is inside; the database and its backups hold what is outside. Without the key nothing is read and nothing is
written: no value ever goes into such a column as it is.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Dialect, Engine, LargeBinary, Text
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator

from registry.core.durable import write_once
from registry.core.errors import Corrupt, NotReady

MARK = b"sealed:1:"
"""How a sealed value begins; the number of the key and a colon follow."""
_NUMBER = 16
_KEY_BYTES, _NONCE_BYTES = 32, 12
_KEY = "sealing_key"


class CannotSeal(NotReady, DontWrapMixin):
    """The key is missing, damaged, or another one. Nothing was read or written."""


class SealingKey:
    """A key of 32 random bytes in a file of its own, which only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[bytes, AESGCM] | None = None

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def make(self) -> None:
        """A new key, unless there is one."""
        write_once(self.path, secrets.token_bytes(_KEY_BYTES))

    def seal(self, data: bytes) -> bytes:
        """The data, sealed; each time another text."""
        number, cipher = self._open()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = MARK + number + b":"
        return head + b64encode(nonce + cipher.encrypt(nonce, data, head))

    def unseal(self, sealed: bytes) -> bytes:
        """Inverse of `seal`; `CannotSeal` if it is not sealed or under another key, `Corrupt` if it was changed."""
        number, cipher = self._open()
        head = MARK + number + b":"
        if not sealed.startswith(MARK):
            raise CannotSeal("Bank details are not sealed yet. Run: vorbehalt-server db upgrade")
        if not sealed.startswith(head):
            theirs = sealed[len(MARK) :].partition(b":")[0].decode("ascii", "replace")[:_NUMBER]
            raise CannotSeal(
                f"Bank details are sealed with key {theirs}; {self.path} is {number.decode()}. Put the right one there."
            )
        try:
            data = _decoded(sealed[len(head) :])
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], head)
        except (InvalidTag, ValueError) as problem:
            raise Corrupt("Sealed bank details were changed; restore the database.") from problem

    def _open(self) -> tuple[bytes, AESGCM]:
        """The key's number and the cipher, read when they are first needed."""
        if self._read is None:
            try:
                if self.path.stat().st_mode & 0o077:
                    raise CannotSeal(
                        f"Others may read {self.path}. Make it readable by its owner alone (600)."
                    )
                key = self.path.read_bytes()
            except OSError as error:
                raise CannotSeal(
                    f"The key of bank details, {self.path}, cannot be read: {error.strerror}. Put it there from its "
                    "safe place; on a new registry, vorbehalt-server db upgrade makes it."
                ) from None
            if len(key) != _KEY_BYTES:
                raise CannotSeal(f"{self.path} is damaged. Put it there anew from its safe place.")
            number = sha256(b"vorbehalt sealing key\n" + key).hexdigest()[:_NUMBER].encode()
            self._read = (number, AESGCM(key))
        return self._read


def _decoded(text: bytes) -> bytes:
    """The one base64 form of bytes; `ValueError` for any other, whose last letter may have bits that nobody reads."""
    data = b64decode(text, validate=True)
    if b64encode(data) != text:
        raise ValueError("this is not the form in which it was written")
    return data


def use_key(engine: Engine, key: SealingKey | None) -> None:
    """Have this engine seal with a key."""
    setattr(engine.dialect, _KEY, key)


def _key_of(dialect: Dialect) -> SealingKey:
    key: SealingKey | None = getattr(dialect, _KEY, None)
    if key is None:
        raise CannotSeal("This program has no key for sealed columns.")
    return key


class SealedText(TypeDecorator[str]):
    """Text that is sealed in the database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal it."""
        return None if value is None else _key_of(dialect).seal(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open it."""
        return None if value is None else _key_of(dialect).unseal(value.encode()).decode()


class SealedBytes(TypeDecorator[bytes]):
    """Bytes that are sealed in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Seal them."""
        return None if value is None else _key_of(dialect).seal(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Open them."""
        return None if value is None else _key_of(dialect).unseal(value)
