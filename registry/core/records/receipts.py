"""Receipts: a log entry with the proof that the registry's log holds it, checkable offline by anyone for ever.

A receipt is a C2SP proof file whose `extra` is canonical JSON, so that nothing else is needed but the policy that says
which log and which witnesses one trusts. It always has the entry, as text; a receipt for one item also has what
leads from the item to the root in the entry:

    {"leaf": "<the entry>"}                                           the entry itself
    {"leaf": …, "row": "<line>", "row_index": 3, "row_proof": […]}    one row of a claim batch
    {"leaf": …, "work": {<a work proof>}}                             what a published edition says about one work

Hashes are base64, the leaf's sibling first. What is not needed for the one item is not in the receipt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.records.claims import ClaimRow, parse_row
from registry.core.records.leaves import AnyLeaf, OptOutLeaf, UseLeaf, parse_leaf
from registry.core.tlog import merkle
from registry.core.tlog.encodings import from_base64, to_base64
from registry.core.tlog.notes import Note
from registry.core.tlog.policies import Policy
from registry.core.tlog.proofs import Proof

if TYPE_CHECKING:
    from registry.core.snapshots.proofs import WorkProof

SUFFIX = ".tlog-proof"
_ROW = {"leaf", "row", "row_index", "row_proof"}
_WORK = {"leaf", "work"}


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves."""

    origin: str
    """Name of the log."""
    size: int
    root: bytes
    """The checkpoint that the entry is proved to be under."""
    index: int
    """The entry's place in the log."""
    leaf: AnyLeaf
    witnessed: Mapping[str, int]
    """Witnesses, by their name in the policy, and when each saw the checkpoint (POSIX seconds). If this is empty,
    the time in the leaf is only the registry's word."""
    row: ClaimRow | None = None
    """The one row that it is for, if it is for one."""
    row_index: int | None = None
    """That row's number in its claim, from 0."""
    work: WorkProof | None = None
    """What the edition says about the one work that it is for, if it is for one."""


def build_receipt(body: bytes, index: int, hashes: Sequence[bytes], checkpoint: Note) -> str:
    """The receipt for the entry `body` at `index`, with its inclusion proof under the signed checkpoint."""
    return _build({}, body, index, hashes, checkpoint)


def build_row_receipt(
    body: bytes, index: int, hashes: Sequence[bytes], checkpoint: Note, rows: bytes, n: int
) -> str:
    """The receipt for row `n`, counted from 0, of the claim batch that the entry `body` commits to."""
    return build_row_receipts(body, index, hashes, checkpoint, rows, [n])[0]


def build_row_receipts(
    body: bytes, index: int, hashes: Sequence[bytes], checkpoint: Note, rows: bytes, numbers: Sequence[int]
) -> list[str]:
    """The same for several rows of one batch, which is hashed once."""
    lines = rows.split(b"\n")[:-1]
    proofs = merkle.inclusion_proofs(numbers, [merkle.leaf_hash(line) for line in lines])
    found = []
    for n, proof in zip(numbers, proofs, strict=True):
        row = {"row": lines[n].decode(), "row_index": n, "row_proof": [to_base64(h) for h in proof]}
        found.append(_build(row, body, index, hashes, checkpoint))
    return found


def build_work_receipt(
    body: bytes, index: int, hashes: Sequence[bytes], checkpoint: Note, work: WorkProof
) -> str:
    """The receipt for what the edition that the entry `body` names says about one work."""
    return _build({"work": work.as_json()}, body, index, hashes, checkpoint)


def _build(extra: dict[str, Any], body: bytes, index: int, hashes: Sequence[bytes], checkpoint: Note) -> str:
    return str(Proof(index, tuple(hashes), checkpoint, canonical({"leaf": body.decode(), **extra})))


def verify_receipt(data: str | bytes, policy: Policy) -> VerifiedReceipt:
    """Check a receipt against a policy, offline; `VerificationFailed` says why it must not be relied on."""
    proof = Proof.parse(data)
    if proof.extra is None:
        raise VerificationFailed(
            "The proof file carries no log entry in its extra line: it is not a receipt."
        )
    try:
        extra = parse_canonical(proof.extra, "The extra line")
        if not isinstance(extra, dict) or not isinstance(extra.get("leaf"), str):
            raise VerificationFailed("The extra line does not carry a log entry.")
        body = extra["leaf"].encode()
        leaf = parse_leaf(body)
        row, work = _verify_item(extra, leaf)
        row_index = None if row is None else int(extra["row_index"])
    except (InvalidInput, ValueError) as problem:
        raise VerificationFailed(f"The receipt cannot be read: {problem}") from problem
    verified = proof.verify(body, policy)
    checkpoint = verified.checkpoint
    return VerifiedReceipt(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        index=proof.index,
        leaf=leaf,
        witnessed=verified.witnessed,
        row=row,
        row_index=row_index,
        work=work,
    )


def _verify_item(extra: Mapping[str, Any], leaf: AnyLeaf) -> tuple[ClaimRow | None, WorkProof | None]:
    """What the entry commits to, if the receipt is for one item of it."""
    members = set(extra)
    if members == {"leaf"}:
        return None, None
    if members == _ROW and isinstance(leaf, UseLeaf):
        line, n, hashes = extra["row"], extra["row_index"], extra["row_proof"]
        if not isinstance(line, str) or type(n) is not int or not isinstance(hashes, list):
            raise VerificationFailed("The receipt's row is malformed.")
        path = [from_base64(str(text)) for text in hashes]
        root = bytes.fromhex(leaf.root)
        merkle.verify_inclusion(n, leaf.rows, merkle.leaf_hash(line.encode()), path, root)
        return parse_row(line, n + 1), None
    if members == _WORK and isinstance(leaf, OptOutLeaf):
        from registry.core.snapshots.proofs import WorkProof  # takes long to import, and few receipts need it

        work = WorkProof.from_json(extra["work"])
        if (work.sequence, work.size) != (leaf.sequence, leaf.works):
            raise VerificationFailed("The receipt's work is of another edition than its entry.")
        work.verify(bytes.fromhex(leaf.root))
        return None, work
    raise VerificationFailed(
        "The extra line carries something that this program does not know, or that does not belong to the entry."
    )
