"""Prove to anyone what an edition says about one work, without the edition.

The proof carries the work's terms and codes and the path from its leaf to the works root. The root is in signed
metadata, in the usage log, and the same for everybody; so a maker can check what labs are told about their work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry.core.decisions import Terms
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.ids import format_id, parse_id
from registry.core.records.canonical import canonical
from registry.core.snapshots import works
from registry.core.tlog import merkle

if TYPE_CHECKING:
    from registry.core.snapshots.snapshot import Snapshot

FORMAT = "vorbehalt.work-proof.v1"


@dataclass(frozen=True, slots=True)
class WorkProof:
    """One row of the works table with its way to the root."""

    sequence: int
    row: int
    size: int
    """Rows of the works table."""
    work_id: bytes
    terms: Terms
    records: tuple[bytes, ...]
    """The work's code records, sorted; see `works`."""
    path: tuple[bytes, ...]
    """Sibling hashes from the leaf upwards (RFC 6962)."""

    def verify(self, works_root: bytes) -> None:
        """`VerificationFailed` unless exactly this is what the edition with this root says about the work."""
        terms = sha256(canonical(self.terms.as_json())).digest()
        leaf = works.leaf(self.work_id, terms, works.codes_digest(self.records))
        merkle.verify_inclusion(self.row, self.size, leaf, self.path, works_root)

    def as_json(self) -> dict[str, Any]:
        """For a file or an answer."""
        return {
            "format": FORMAT,
            "path": [h.hex() for h in self.path],
            "records": [r.hex() for r in self.records],
            "row": self.row,
            "sequence": self.sequence,
            "size": self.size,
            "terms": self.terms.as_json(),
            "work": format_id("work", self.work_id),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WorkProof:
        """Inverse of `as_json`; `VerificationFailed` if it is no such proof."""
        try:
            proof = cls(
                sequence=int(data["sequence"]),
                row=int(data["row"]),
                size=int(data["size"]),
                work_id=parse_id("work", data["work"]),
                terms=Terms.from_json(data["terms"]),
                records=tuple(bytes.fromhex(r) for r in data["records"]),
                path=tuple(bytes.fromhex(h) for h in data["path"]),
            )
            complete = proof.as_json() == data
        except (InvalidInput, KeyError, TypeError, ValueError, AttributeError) as problem:
            raise VerificationFailed(f"This is not a proof about a work: {problem}.") from problem
        if not complete:
            raise VerificationFailed(f"This is not a proof of the format {FORMAT}.")
        return proof


def work_proof(snapshot: Snapshot, row: int) -> WorkProof:
    """Prove what `snapshot` says about the work in `row`. Hashes the whole table: seconds for a million works."""
    if not 0 <= row < len(snapshot):
        raise InvalidInput(f"Edition {snapshot.sequence} has no work row {row}.")
    leaves = snapshot.leaves()
    return WorkProof(
        sequence=snapshot.sequence,
        row=row,
        size=len(snapshot),
        work_id=parse_id("work", snapshot.work_id(row)),
        terms=snapshot.terms(row),
        records=tuple(works.records_of(snapshot.lists, row)),
        path=tuple(merkle.inclusion_proof(row, leaves)),
    )
