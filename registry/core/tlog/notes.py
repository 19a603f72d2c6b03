"""Signed notes (https://c2sp.org/signed-note): text, a blank line, and one line for each signature.

Two types of key: Ed25519 (0x01), with which a log signs, and timestamped Ed25519 cosignatures (0x04,
https://c2sp.org/tlog-cosignature), with which a witness states that it saw this log grow and never shrink or fork.
A note that cannot be read or verified raises `VerificationFailed`; a key that cannot be read, `InvalidInput`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.tlog.encodings import from_base64, to_base64

MAX_SIGNATURES = 100
_DASH = "— "
_SECRET_PREFIX = "PRIVATE+KEY+"  # noqa: S105 - how such a key begins, not a key


class KeyType(IntEnum):
    """Signature type bytes that we understand."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


def key_id(name: str, kind: KeyType, public: bytes) -> bytes:
    """The four bytes that tell keys of one name apart. Not a digest to rely on."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def cosigned(text: str, time: int) -> bytes:
    """What a cosignature signs: the note's text under a line with the time (POSIX seconds)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def check_key_name(name: str) -> str:
    """A key name: not empty, no spaces of any script, no plus, nothing unprintable; else `InvalidInput`."""
    if not name or len(name) > 255 or "+" in name or not name.isprintable() or any(c.isspace() for c in name):
        raise InvalidInput(
            f"“{name[:80]}” is no key name; it is like a URL without https://, no spaces, no plus."
        )
    return name


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: bytes
    value: bytes
    """What follows the key id: 64 bytes for Ed25519, time and 64 bytes for a cosignature."""

    def __str__(self) -> str:
        """The line, without its line feed."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.value)}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read one line."""
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            data = from_base64(encoded)
        except ValueError as problem:
            raise VerificationFailed("The note has a malformed signature line.") from problem
        if not line.startswith(_DASH) or len(data) < 5:
            raise VerificationFailed("The note has a malformed signature line.")
        try:
            check_key_name(name)
        except InvalidInput as problem:
            raise VerificationFailed(
                f"The note has a malformed signature line: {problem.message}"
            ) from problem
        return cls(name, data[:4], data[4:])


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name, written `name+8 hex digits+base64(type || key)`."""

    name: str
    kind: KeyType
    public: bytes

    @property
    def id(self) -> bytes:
        """The key id, 4 bytes."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        """The verifier key string (vkey)."""
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey; `InvalidInput` if it is damaged or of a type that we do not verify."""
        name, _, rest = text.partition("+")
        digits, _, encoded = rest.partition("+")
        try:
            data = from_base64(encoded)
        except ValueError:
            data = b""
        if not data:
            raise InvalidInput(f"“{text[:120]}” is no verifier key (name+id+base64).")
        if len(data) != 33 or data[0] not in set(KeyType):
            raise InvalidInput(f"The key “{name[:80]}” is of a type that this program does not verify.")
        key = cls(check_key_name(name), KeyType(data[0]), data[1:])
        if key.id.hex() != digits:
            raise InvalidInput(f"The key “{name[:80]}” is damaged: its id does not belong to it.")
        return key

    def matches(self, signature: Signature) -> bool:
        """Whether the line claims to be by this key."""
        return signature.name == self.name and signature.key_id == self.id

    def verify(self, text: str, signature: Signature) -> int | None:
        """Check a signature over a note's text; the time that a cosignature states, in POSIX seconds, else `None`."""
        message, value, time = text.encode(), signature.value, None
        if self.kind is KeyType.COSIGNATURE:
            time, value = int.from_bytes(value[:8], "big"), value[8:]
            if time >= 2**63:
                raise VerificationFailed(f"The cosignature by {self.name} states an impossible time.")
            message = cosigned(text, time)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
        except InvalidSignature as problem:
            raise VerificationFailed(f"The signature by {self.name} does not verify.") from problem
        return time


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The secret half of a log's key, or of a witness's. Never printed: only `secret()` gives it away."""

    name: str
    _seed: bytes
    kind: KeyType = KeyType.ED25519

    @classmethod
    def generate(cls, name: str, kind: KeyType = KeyType.ED25519) -> Self:
        """A new random key."""
        return cls(check_key_name(name), Ed25519PrivateKey.generate().private_bytes_raw(), kind)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `secret` gave, the form of golang.org/x/mod/sumdb/note: PRIVATE+KEY+name+id+base64."""
        name, _, rest = text.strip("\n").removeprefix(_SECRET_PREFIX).partition("+")
        digits, _, encoded = rest.partition("+")
        try:
            data = from_base64(encoded)
        except ValueError:
            data = b""
        if not text.startswith(_SECRET_PREFIX) or len(data) != 33 or data[0] not in set(KeyType):
            raise InvalidInput("This is no signing key for notes (PRIVATE+KEY+name+id+base64).")
        key = cls(check_key_name(name), data[1:], KeyType(data[0]))
        if key.verifier().id.hex() != digits:
            raise InvalidInput(f"The signing key “{name[:80]}” is damaged: its id does not belong to it.")
        return key

    def secret(self) -> str:
        """The text that is kept in the key file."""
        encoded = to_base64(bytes([self.kind]) + self._seed)
        return f"{_SECRET_PREFIX}{self.name}+{self.verifier().id.hex()}+{encoded}\n"

    def verifier(self) -> VerifierKey:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self._seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.kind, public)

    def sign(self, text: str) -> Signature:
        """Sign a note's text, which ends with a line feed, as the log whose key this is."""
        return self._line(KeyType.ED25519, b"", text.encode())

    def cosign(self, text: str, time: int) -> Signature:
        """State, as a witness, to have seen this checkpoint at this time (POSIX seconds), and nothing that forks it."""
        return self._line(KeyType.COSIGNATURE, time.to_bytes(8, "big"), cosigned(text, time))

    def _line(self, kind: KeyType, head: bytes, message: bytes) -> Signature:
        if self.kind is not kind:
            raise InvalidInput(f"The key “{self.name}” is of type {self.kind:#04x}; this needs {kind:#04x}.")
        value = Ed25519PrivateKey.from_private_bytes(self._seed).sign(message)
        return Signature(self.name, self.verifier().id, head + value)

    def __repr__(self) -> str:
        """Without the secret, so that no log or traceback shows it."""
        return f"SigningKey({self.name!r})"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of which has been verified yet."""

    text: str
    """With its final line feed, without the blank line."""
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """The note as it is stored and sent."""
        return self.text + "\n" + "".join(f"{signature}\n" for signature in self.signatures)

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read a note; every byte of it must have its place."""
        text, blank, lines = decode(data).rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise VerificationFailed(
                "A signed note is a text, a blank line and signature lines; this is not."
            )
        signatures = lines[:-1].split("\n")
        if len(signatures) > MAX_SIGNATURES:
            raise VerificationFailed(f"The note has more than {MAX_SIGNATURES} signatures.")
        return cls(text + "\n", tuple(Signature.parse(line) for line in signatures))

    def verified(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int | None]:
        """Which of these keys signed, and when if they say so. Lines by other keys are ignored, as they must be.

        A line that claims to be by one of the keys and fails spoils the whole note.
        """
        found: dict[VerifierKey, int | None] = {}
        for key in keys:
            for signature in self.signatures:
                if key.matches(signature):
                    found[key] = key.verify(self.text, signature)
        return found


def decode(data: str | bytes) -> str:
    """A note or proof as text: UTF-8, no control characters but line feeds; else `VerificationFailed`."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        text.encode()
    except UnicodeError as problem:
        raise VerificationFailed("This is not UTF-8 text.") from problem
    if any(character < " " and character != "\n" for character in text):
        raise VerificationFailed("Control characters other than line feeds are not allowed here.")
    return text
