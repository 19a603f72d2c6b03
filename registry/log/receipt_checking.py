"""Verify a receipt for whoever holds the file, by the function that `vorbehalt receipt verify` calls.

Where it fails, the same parts are tried one by one, so that people can be told which of them failed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.receipts import VerifiedReceipt, verify_receipt
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.policies import NO_QUORUM, Policy, satisfied
from registry.core.tlog.proofs import Proof

MAX_BYTES = 1 << 18


class Fault(StrEnum):
    """The first thing that is wrong with a receipt."""

    UNREADABLE = "unreadable"
    OTHER_LOG = "other-log"
    UNSIGNED = "unsigned"
    UNWITNESSED = "unwitnessed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Refused:
    """A receipt that must not be relied on."""

    fault: Fault
    said: str
    """By the verifier, in English."""
    origin: str | None = None
    """The log that it names, if it can be read."""


def examine(data: bytes, policy: Policy) -> VerifiedReceipt | Refused:
    """What the receipt proves under this policy, or what is wrong with it."""
    try:
        return verify_receipt(data, policy)
    except VerificationFailed as problem:
        said = problem.message
    try:
        note = Proof.parse(data).checkpoint
        origin = Checkpoint.parse(note.text).origin
    except VerificationFailed:
        return Refused(Fault.UNREADABLE, said)
    if origin not in {key.name for key in policy.logs}:
        return Refused(Fault.OTHER_LOG, said, origin)
    for fault, asked in (
        (Fault.UNSIGNED, replace(policy, quorum=NO_QUORUM)),
        (Fault.UNWITNESSED, policy),
    ):
        try:
            satisfied(note, asked)
        except (VerificationFailed, InvalidInput):
            return Refused(fault, said, origin)
    return Refused(Fault.CHANGED, said, origin)
