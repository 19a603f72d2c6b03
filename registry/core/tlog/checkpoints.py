"""Checkpoints (https://c2sp.org/tlog-checkpoint): a log's name, its size and its root, as the text of a signed note.

We write no extension lines and refuse them: they are signed by the log but covered by no tree and no witness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from registry.core.errors import VerificationFailed
from registry.core.tlog.encodings import from_base64, from_decimal, to_base64
from registry.core.tlog.merkle import HASH_BYTES
from registry.core.tlog.notes import Note, SigningKey


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself: there are `size` entries, and this is the root over them."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a note; says nothing about who signed it."""
        lines = text.split("\n")
        if len(lines) != 4 or not lines[0] or lines[3]:
            raise VerificationFailed("A checkpoint has three lines: the log's name, its size, its root.")
        try:
            size, root = from_decimal(lines[1]), from_base64(lines[2])
        except ValueError as problem:
            raise VerificationFailed(
                f"The checkpoint of {lines[0][:80]} is malformed: {problem}."
            ) from problem
        if len(root) != HASH_BYTES:
            raise VerificationFailed(f"The checkpoint of {lines[0][:80]} has a root of {len(root)} bytes.")
        return cls(lines[0], size, root)

    def signed(self, key: SigningKey) -> Note:
        """Make it a note with the log's signature."""
        text = str(self)
        return Note(text, (key.sign(text),))
