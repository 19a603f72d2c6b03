"""Proof files (https://c2sp.org/tlog-proof, suffix `.tlog-proof`): all that shows an entry to be in a log, offline.

    c2sp.org/tlog-proof@v1
    extra eyJsZWFmIjoi…
    index 3
    jg6PxN+GRCPaW5UVn8DZeE33PLar/rPRFAbOO7Mk5ew=

    registry.example/usage-log
    7
    …

`extra` is not authenticated by the format; a reader may rely on it only where it can be hashed into the leaf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from registry.core.errors import VerificationFailed
from registry.core.tlog import merkle
from registry.core.tlog.encodings import from_base64, from_decimal, to_base64
from registry.core.tlog.notes import Note, decode
from registry.core.tlog.policies import Policy, VerifiedCheckpoint, satisfied

MAGIC = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63
_EXTRA, _INDEX = "extra ", "index "


@dataclass(frozen=True, slots=True)
class Proof:
    """The place of an entry, its inclusion proof, and the checkpoint that the proof leads to."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes | None = None

    def __str__(self) -> str:
        """The file."""
        extra = [] if self.extra is None else [_EXTRA + to_base64(self.extra)]
        head = [MAGIC, *extra, f"{_INDEX}{self.index}", *(to_base64(h) for h in self.hashes)]
        return "\n".join(head) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read a file; `VerificationFailed` if a single byte of it is out of place."""
        text = decode(data)
        head, blank, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines[0] != MAGIC:
            raise VerificationFailed(f"This is no proof file: it must begin with {MAGIC}.")
        extra_lines = [line for line in lines[1:2] if line.startswith(_EXTRA)]
        index_line, *hash_lines = lines[1 + len(extra_lines) :] or [""]
        if not index_line.startswith(_INDEX):
            raise VerificationFailed("The proof file has no index line.")
        try:
            extra = from_base64(extra_lines[0].removeprefix(_EXTRA)) if extra_lines else None
            index = from_decimal(index_line.removeprefix(_INDEX))
            hashes = tuple(from_base64(line) for line in hash_lines)
        except ValueError as problem:
            raise VerificationFailed(f"The proof file is malformed: {problem}.") from problem
        if len(hashes) > _MAX_HASHES or any(len(h) != merkle.HASH_BYTES for h in hashes):
            raise VerificationFailed("The proof file has hashes that no tree can have.")
        return cls(index, hashes, Note.parse(checkpoint), extra)

    def verify(self, entry: bytes, policy: Policy) -> VerifiedCheckpoint:
        """Check that a log that the policy trusts holds `entry` at `index`; `VerificationFailed` otherwise."""
        verified = satisfied(self.checkpoint, policy)
        checkpoint = verified.checkpoint
        leaf = merkle.leaf_hash(entry)
        merkle.verify_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)
        return verified
