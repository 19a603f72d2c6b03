"""`lists/edition.tlog-proof`: that what an edition says stands in the usage log, as witnesses have seen it.

Signatures say who made an edition, not that everybody gets the same one: with all its keys a registry could sign one
for each lab. But each edition's number and works root are an entry of the usage log. The proof leads from that entry to
a checkpoint, and with a quorum of witnesses under it there is one log only; two truths for two labs would both stand
in it, for everybody to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.core.errors import InvalidInput, TrustRefused, VerificationFailed
from registry.core.records.leaves import OptOutLeaf
from registry.core.records.receipts import verify_receipt
from registry.core.snapshots.times import from_text
from registry.core.tlog.policies import NO_QUORUM, Policy

PROOF = "lists/edition.tlog-proof"
MAX_PROOF = 64 << 10
"""Bytes; a proof from a log of 2^63 entries with a hundred witnesses has less."""


def read_witness_policy(data: bytes) -> Policy:
    """The policy in this file; `InvalidInput` if it cannot be read, or asks for no witness at all."""
    try:
        policy = Policy.parse(data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise InvalidInput("The witness policy is no text in UTF-8.") from problem
    if policy.quorum == NO_QUORUM or not policy.logs:
        raise InvalidInput(
            "A witness policy names the log and a quorum of witnesses; this one asks for none."
        )
    return policy


def check_witnessed(proof: bytes, summary: Mapping[str, Any], policy: Policy) -> Mapping[str, int]:
    """Who has seen that the log holds this edition, by name in the policy, and when (POSIX seconds).

    `summary` is what the signed metadata says about the edition. `TrustRefused` if the proof is of another edition, or
    its checkpoint lacks what the policy asks for.
    """
    try:
        verified = verify_receipt(proof, policy)
        expected = OptOutLeaf(
            sequence=summary["sequence"],
            works=summary["works"]["rows"],
            root=summary["works"]["root"],
            change_seq=summary["change_seq"],
            at=from_text(summary["created"]),
        )
    except VerificationFailed as problem:
        raise TrustRefused(
            f"It is not proved that your witnesses have seen this edition: {problem.message}"
        ) from problem
    except (InvalidInput, KeyError, TypeError, ValueError) as problem:
        raise TrustRefused(f"The signed summary of the edition cannot be read: {problem}.") from problem
    if verified.leaf != expected or verified.work is not None:
        raise TrustRefused(
            f"The log's entry {verified.index} is not about this edition: the registry shows you something else "
            "than it has logged."
        )
    return verified.witnessed
