"""Have the log's head witnessed (https://c2sp.org/tlog-witness): submit it, and carry the cosignatures.

A witness cosigns only what continues all that it has seen of this log. With a quorum of them in the policies of
those who read the log, the registry cannot show two histories, even with every key that it has.
No transaction is open while a witness is asked. A witness that does not answer delays nobody for long, and one that
refuses is named in the operator's log; what is missing is asked for again with the next head.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import urllib3

from registry.base.db import Database
from registry.core.errors import NotReady, TrustRefused, VerificationFailed
from registry.core.tlog.encodings import from_decimal
from registry.core.tlog.notes import Signature, VerifierKey
from registry.core.tlog.submissions import Submission
from registry.log.keys import LogKey
from registry.log.signing import (
    SignedCheckpoint,
    add_cosignatures,
    latest_checkpoint,
    satisfies,
    sign,
)
from registry.log.tree import consistency_proof

_TIMEOUT = urllib3.Timeout(connect=3, read=5)
_MAX_ANSWER = 16 << 10
_log = logging.getLogger("registry.log")


@dataclass(frozen=True, slots=True)
class Witness:
    """One that the log's policy names with an address."""

    name: str
    key: VerifierKey
    url: str


def sign_head(database: Database, key: LogKey, now: datetime) -> bool:
    """Sign the log as it is committed and submit it; whether the log's policy is satisfied by the answers."""
    return submit(database, key, sign(database, key, now))


def accepted_by(database: Database, key: LogKey, signed: SignedCheckpoint) -> set[str]:
    """Which witnesses, by their names in the policy, cosign this checkpoint, that they have seen or that is newer."""
    asked = witnesses_of(key)
    if not asked:
        return set()
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = pool.map(lambda w: _ask(database, signed, w, signed.checkpoint.size), asked)
        return {w.name for w, line in zip(asked, answers, strict=True) if line is not None}


def submit(database: Database, key: LogKey, signed: SignedCheckpoint) -> bool:
    """Ask every witness that has not cosigned yet, all at once; whether the policy is satisfied now."""
    have = signed.note.verified(key.policy.witnesses.values())
    missing = [w for w in witnesses_of(key) if w.key not in have]
    if not missing:
        return satisfies(signed.note, key.policy)
    sizes = _cosigned_sizes(database, missing)
    with ThreadPoolExecutor(len(missing)) as pool:
        answers = pool.map(lambda w: _ask(database, signed, w, sizes.get(w.name, 0)), missing)
        lines = [line for line in answers if line is not None]
    with database.writing() as session:
        enough = add_cosignatures(session, signed.checkpoint.size, lines, key.policy)
    if not enough:
        _log.warning(
            "the log's checkpoint of %d entries is not public yet: it lacks cosignatures",
            signed.checkpoint.size,
        )
    return enough


def witnesses_of(key: LogKey) -> list[Witness]:
    """Those of the log's policy that have an address."""
    policy = key.policy
    return [Witness(name, k, policy.urls[k]) for name, k in policy.witnesses.items() if k in policy.urls]


def _cosigned_sizes(database: Database, witnesses: list[Witness]) -> Mapping[str, int]:
    """What each witness saw last, as far as the newest public checkpoint tells; it corrects us where it does not."""
    with database.reading() as session:
        try:
            last = latest_checkpoint(session)
        except NotReady:
            return {}
    have = last.note.verified([w.key for w in witnesses])
    return {w.name: last.checkpoint.size for w in witnesses if w.key in have}


def _ask(database: Database, signed: SignedCheckpoint, witness: Witness, old: int) -> Signature | None:
    """The witness's cosignature; `None`, and a line in the log, if there is none to be had."""
    try:
        return _cosignature(_answer(database, signed, witness, old), signed, witness.key)
    except (urllib3.exceptions.HTTPError, TrustRefused, VerificationFailed, ValueError) as problem:
        _log.warning(
            "the witness %s did not cosign %d entries: %s", witness.name, signed.checkpoint.size, problem
        )
        return None


def _answer(database: Database, signed: SignedCheckpoint, witness: Witness, old: int) -> bytes:
    """What it answers to a submission that starts from what it knows; `TrustRefused` if it will not cosign."""
    status, answer = _post(database, signed, witness, old)
    if status == 409:
        known = from_decimal(answer.decode("ascii").removesuffix("\n"))
        if known > signed.checkpoint.size:
            raise TrustRefused(f"it has seen {known} entries, more than there are here")
        status, answer = _post(database, signed, witness, known)
    if status != 200:
        raise TrustRefused(f"it answered with HTTP status {status}: {answer[:200]!r}")
    return answer


def _post(database: Database, signed: SignedCheckpoint, witness: Witness, old: int) -> tuple[int, bytes]:
    with database.reading() as session:
        proof = consistency_proof(session, old, signed.checkpoint.size)
    body = str(Submission(old, tuple(proof), signed.note)).encode()
    response = urllib3.request(
        "POST",
        witness.url.rstrip("/") + "/add-checkpoint",
        body=body,
        headers={"Content-Type": "text/plain; charset=utf-8"},
        timeout=_TIMEOUT,
        retries=False,
        redirect=False,
        preload_content=False,
    )
    with response:
        return response.status, response.read(_MAX_ANSWER)


def _cosignature(answer: bytes, signed: SignedCheckpoint, key: VerifierKey) -> Signature:
    """The line by this witness among those that it sent, verified."""
    for text in answer.decode().removesuffix("\n").split("\n"):
        line = Signature.parse(text)
        if key.matches(line):
            key.verify(signed.note.text, line)
            return line
    raise VerificationFailed("its answer has no cosignature by the key in the log's policy")
