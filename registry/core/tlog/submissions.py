"""What a log sends to a witness (https://c2sp.org/tlog-witness, `add-checkpoint`): what it has grown from, with proof.

old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
…

registry.example/usage-log
20852163
…
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from registry.core.errors import VerificationFailed
from registry.core.tlog.encodings import from_base64, from_decimal, to_base64
from registry.core.tlog.merkle import HASH_BYTES
from registry.core.tlog.notes import Note, decode

SIZE_TYPE = "text/x.tlog.size"
"""Media type of the answer to a stale submission: the size that the witness knows."""
MAX_BYTES = 1 << 16
"""No honest submission is longer: 63 proof lines and a checkpoint with a hundred signatures."""
_MAX_HASHES = 63
_OLD = "old "


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint with the proof that it continues the one of `old` entries."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Note

    def __str__(self) -> str:
        """The body of the request."""
        head = [f"{_OLD}{self.old}", *(to_base64(h) for h in self.proof)]
        return "\n".join(head) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read the body of a request; `VerificationFailed` if it is malformed."""
        head, blank, checkpoint = decode(data).partition("\n\n")
        first, *hash_lines = head.split("\n")
        if not blank or not first.startswith(_OLD):
            raise VerificationFailed("A submission begins with `old <size>`, proof lines and a blank line.")
        try:
            old = from_decimal(first.removeprefix(_OLD))
            proof = tuple(from_base64(line) for line in hash_lines)
        except ValueError as problem:
            raise VerificationFailed(f"The submission is malformed: {problem}.") from problem
        if len(proof) > _MAX_HASHES or any(len(h) != HASH_BYTES for h in proof):
            raise VerificationFailed("The submission has hashes that no tree can have.")
        return cls(old, proof, Note.parse(checkpoint))
