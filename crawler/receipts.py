"""A maker's receipt: what everybody is told about one work, with the proof that this was published and when.

All of it is made from public files, here: the synced edition has the work and the way to its works root, the log has
the entry with that root. So nobody has to be asked for it, and the registry does not learn who keeps one.
"""

from __future__ import annotations

from crawler.audit_reading import ServedLog
from registry.core.errors import InvalidInput, NotFound, VerificationFailed
from registry.core.records.leaves import OptOutLeaf, parse_leaf
from registry.core.records.receipts import build_work_receipt
from registry.core.snapshots import Snapshot, work_proof
from registry.core.tlog import tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note


def receipt_of_work(log: ServedLog, snapshot: Snapshot, work_id: str) -> str:
    """The receipt for this work in this edition, unverified; `NotFound` if the log does not name the edition yet."""
    proof = work_proof(snapshot, snapshot.row_of(work_id))
    note = Note.parse(log.checkpoint())
    size = Checkpoint.parse(note.text).size
    index, body = _entry_of(log, size, snapshot)
    hashes = tiles.inclusion_proof(log.stored(size), index, size)
    return build_work_receipt(body, index, hashes, note, proof)


def _entry_of(log: ServedLog, size: int, snapshot: Snapshot) -> tuple[int, bytes]:
    """The log's entry about the edition, looked for from the newest on: editions are many and fresh."""
    for start in range((size - 1) // tiles.WIDTH * tiles.WIDTH, -1, -tiles.WIDTH):
        entries = log.entries(start, min(start + tiles.WIDTH, size))
        for index in reversed(range(len(entries))):
            try:
                leaf = parse_leaf(entries[index])
            except InvalidInput:
                continue
            if not isinstance(leaf, OptOutLeaf) or leaf.sequence > snapshot.sequence:
                continue
            if leaf.sequence == snapshot.sequence and leaf.root == snapshot.works_root.hex():
                return start + index, entries[index]
            raise VerificationFailed(
                f"The log names another edition {leaf.sequence} than the one that is here; run vorbehalt audit."
            )
    raise NotFound(
        f"No public checkpoint of the log covers edition {snapshot.sequence} yet; ask again later."
    )
