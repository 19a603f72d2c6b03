"""Receipts: a log entry with the proof that the registry's log holds it, checkable offline by anyone for ever.

A receipt is a C2SP proof file whose `extra` is the JSON `{"leaf": "<the entry>"}`, so that nothing else is needed but
the policy that says which log and which witnesses one trusts. The entry is canonical JSON, carried as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.records.leaves import AnyLeaf, parse_leaf
from registry.core.tlog.notes import Note
from registry.core.tlog.policies import Policy
from registry.core.tlog.proofs import Proof

SUFFIX = ".tlog-proof"


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


def build_receipt(body: bytes, index: int, hashes: Sequence[bytes], checkpoint: Note) -> str:
    """The receipt for the entry `body` at `index`, with its inclusion proof under the signed checkpoint."""
    extra = canonical({"leaf": body.decode()})
    return str(Proof(index, tuple(hashes), checkpoint, extra))


def verify_receipt(data: str | bytes, policy: Policy) -> VerifiedReceipt:
    """Check a receipt against a policy, offline; `VerificationFailed` says why it must not be relied on."""
    proof = Proof.parse(data)
    if proof.extra is None:
        raise VerificationFailed(
            "The proof file carries no log entry in its extra line: it is not a receipt."
        )
    try:
        extra = parse_canonical(proof.extra, "The extra line")
        if not isinstance(extra, dict) or set(extra) != {"leaf"} or not isinstance(extra["leaf"], str):
            raise VerificationFailed("The extra line does not carry a log entry, and only that.")
        body = extra["leaf"].encode()
        leaf = parse_leaf(body)
    except InvalidInput as problem:
        raise VerificationFailed(f"The receipt cannot be read: {problem.message}") from problem
    verified = proof.verify(body, policy)
    checkpoint = verified.checkpoint
    return VerifiedReceipt(
        checkpoint.origin, checkpoint.size, checkpoint.root, proof.index, leaf, verified.witnessed
    )
