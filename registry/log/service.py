"""The log as the other rooms see it: append, sign and have witnessed, prove, hand out.

Appending belongs into the transaction of the fact that is logged. `sign_head` comes after it, because what might
still be rolled back must not be signed, and asks the witnesses outside any transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from registry.core.errors import InvalidInput, NotFound, NotReady
from registry.core.records.receipts import build_receipt, build_row_receipts, build_work_receipt
from registry.core.snapshots.proofs import WorkProof
from registry.core.tlog import tiles
from registry.core.tlog.notes import Note
from registry.log import key_entries, rotation
from registry.log.keys import LogKey
from registry.log.projection import project
from registry.log.sequencer import (
    Head,
    append,
    current_change_seq,
    head,
    hold,
    idempotency_key,
    newest_change_seq,
    next_change_seq,
)
from registry.log.signing import (
    SignedCheckpoint,
    check_continues,
    latest_checkpoint,
    latest_signed,
    sign,
    sign_checkpoint,
)
from registry.log.tree import consistency_proof, entries, read_tile, receipt_proof, root_at, stored_hashes
from registry.log.witnesses import sign_head

__all__ = [
    "Head",
    "LogKey",
    "SignedCheckpoint",
    "append",
    "check_continues",
    "consistency_proof",
    "current_change_seq",
    "entries",
    "head",
    "hold",
    "idempotency_key",
    "key_entries",
    "latest_checkpoint",
    "latest_signed",
    "newest_change_seq",
    "next_change_seq",
    "project",
    "receipt",
    "receipt_proof",
    "root_at",
    "rotation",
    "row_receipt",
    "row_receipts",
    "sign",
    "sign_checkpoint",
    "sign_head",
    "stored_hashes",
    "tile",
    "work_receipt",
]


def receipt(session: Session, index: int) -> str:
    """The receipt of an entry under the newest public checkpoint that covers it.

    An entry that no witnessed checkpoint covers yet is proved under the newest signed one: who asks for witnesses
    then sees that they are missing, and asks again later. `NotFound` if there is no such entry, `NotReady` if no
    checkpoint covers it at all.
    """
    return build_receipt(*_proved(session, index))


def row_receipt(session: Session, index: int, rows: bytes, n: int) -> str:
    """The same for one row of the claim batch that the entry commits to; `rows` is the batch in its written form."""
    return row_receipts(session, index, rows, [n])[0]


def row_receipts(session: Session, index: int, rows: bytes, numbers: Sequence[int]) -> list[str]:
    """The same for several rows of that batch."""
    return build_row_receipts(*_proved(session, index), rows, numbers)


def work_receipt(session: Session, index: int, work: WorkProof) -> str:
    """The receipt for one work of the edition that the entry names."""
    return build_work_receipt(*_proved(session, index), work)


def _proved(session: Session, index: int) -> tuple[bytes, int, list[bytes], Note]:
    if not 0 <= index < head(session).size:
        raise NotFound(f"The usage log has no entry {index}.")
    signed = covering(session, index)
    (body,) = entries(session, index, index + 1)
    return body, index, receipt_proof(session, index, signed.checkpoint.size), signed.note


def covering(session: Session, index: int) -> SignedCheckpoint:
    """The checkpoint under which entry `index` is proved; `NotReady` if it is in none yet."""
    signed = latest_signed(session)
    if index >= signed.checkpoint.size:
        raise NotReady(f"Entry {index} is not covered by a signed checkpoint yet; ask again in a moment.")
    try:
        public = latest_checkpoint(session)
    except NotReady:
        return signed
    return public if index < public.checkpoint.size else signed


def tile(session: Session, path: str) -> bytes:
    """The tile or entry bundle at a path of C2SP tlog-tiles; `NotFound` for what no signed checkpoint covers."""
    try:
        address = tiles.Tile.parse(path)
        size = latest_signed(session).checkpoint.size
    except (InvalidInput, NotReady) as problem:
        raise NotFound(f"The usage log has no “{path[:100]}”.") from problem
    if not address.exists_in(size):
        raise NotFound(f"The usage log, signed up to {size} entries, has no “{path[:100]}” yet.")
    return read_tile(session, address)
