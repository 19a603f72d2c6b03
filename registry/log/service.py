"""Append to the log, sign what is committed, and compute receipts and tiles from the stored hashes.

There is one append path. It takes a group, locks the head, gives the next indices to what is new, and answers a
retry with the index that the first attempt got; so a client that lost our answer may always ask again.
Signing is a transaction of its own, after the one that appended: a key does not forget a head that is rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from registry.core.errors import Conflict, Corrupt, InvalidInput, NotFound, NotReady, TrustRefused
from registry.core.records.receipts import build_receipt
from registry.core.tlog import merkle, tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note
from registry.log.keys import LogKey
from registry.log.models import HEAD_ID, LogCheckpoint, LogEntry, LogHead, LogNode

__all__ = [
    "Head",
    "LogKey",
    "SignedCheckpoint",
    "append",
    "consistency_proof",
    "current_change_seq",
    "entries",
    "head",
    "hold",
    "idempotency_key",
    "latest_checkpoint",
    "next_change_seq",
    "receipt",
    "receipt_proof",
    "root_at",
    "sign_checkpoint",
    "stored_hashes",
    "tile",
]

_GROUP = 1_000
"""Keys looked up by one query; databases limit the number of parameters."""
_APPENDED = "registry.log: transaction that appended"


@dataclass(frozen=True, slots=True)
class Head:
    """The state that a transaction sees: how long the log is, its root, and the number of the last change."""

    size: int
    root: bytes
    change_seq: int


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the note in which the log signed it."""

    checkpoint: Checkpoint
    note: Note


@dataclass(frozen=True, slots=True)
class _Locked:
    size: int
    edge: merkle.Edge
    change_seq: int


# -- the head ----------------------------------------------------------------------------------------------
def _read_head(session: Session, *, lock: bool) -> _Locked | None:
    query = select(LogHead.size, LogHead.edge, LogHead.change_seq).where(LogHead.id == HEAD_ID)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _Locked(row.size, merkle.Edge(row.size, row.edge), row.change_seq)


def _lock_head(session: Session) -> _Locked:
    """The head, nobody else's until this transaction ends. SQLite's writers exclude each other from their BEGIN."""
    head = _read_head(session, lock=True)
    if head is None:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        first = dialect.insert(LogHead).values(id=HEAD_ID, size=0, edge=b"", change_seq=0)
        session.execute(first.on_conflict_do_nothing())
        head = _read_head(session, lock=True)
    assert head is not None
    return head


def _update_head(session: Session, **values: object) -> None:
    statement = update(LogHead).where(LogHead.id == HEAD_ID).values(**values)
    session.execute(statement, execution_options={"synchronize_session": False})


def head(session: Session) -> Head:
    """How far the log reaches in this transaction's view. Takes no lock."""
    found = _read_head(session, lock=False)
    if found is None:
        return Head(0, merkle.empty_root(), 0)
    return Head(found.size, found.edge.root(), found.change_seq)


def current_change_seq(session: Session) -> int:
    """The number of the last change that this transaction sees; 0 before the first."""
    return head(session).change_seq


def hold(session: Session) -> Head:
    """The head, which nobody moves until this transaction ends: for acts that must see all that was logged before."""
    locked = _lock_head(session)
    return Head(locked.size, locked.edge.root(), locked.change_seq)


def next_change_seq(session: Session) -> int:
    """A number for a change, above that of every change committed before. Holds the head until the transaction ends.

    Numbers follow the order of commits, so a reader that has seen n has seen all up to n: no change that commits
    late, say a withdrawal, can be skipped.
    """
    number = _lock_head(session).change_seq + 1
    _update_head(session, change_seq=number)
    return number


# -- append ------------------------------------------------------------------------------------------------
def idempotency_key(*parts: bytes) -> bytes:
    """What a retry is recognised by: 32 bytes from, for example, the room, the account and the client's key."""
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def append(session: Session, bodies: Sequence[tuple[bytes, bytes]]) -> list[int]:
    """Append entries, given as (idempotency key of 32 bytes, body); their indices, in the same order.

    A key that is known gets the index it has. `Conflict` if it is known with another body, `InvalidInput` for an
    empty or too long entry; both before anything is written.
    """
    for idem, body in bodies:
        if len(idem) != merkle.HASH_BYTES:
            raise InvalidInput("An idempotency key has 32 bytes; make it with idempotency_key().")
        if not 0 < len(body) <= tiles.MAX_ENTRY_BYTES:
            raise InvalidInput(
                f"A log entry has 1 to {tiles.MAX_ENTRY_BYTES:,} bytes, this one {len(body):,}."
            )
    edge = _lock_head(session).edge
    known = _known(session, [idem for idem, _ in bodies])
    indices, entries, nodes = [], [], []
    for idem, body in bodies:
        leaf = merkle.leaf_hash(body)
        index, known_leaf = known.setdefault(idem, (edge.size, leaf))
        if known_leaf != leaf:
            raise Conflict(f"This was logged before, at index {index}, with other contents.", index=index)
        if index == edge.size:
            entries.append({"idx": index, "idem": idem, "leaf": leaf, "body": body})
            nodes += _completed_nodes(index, edge.push(leaf))
        indices.append(index)
    if entries:
        session.execute(insert(LogEntry), entries)
        if nodes:
            session.execute(insert(LogNode), nodes)
        _update_head(session, size=edge.size, edge=bytes(edge))
        session.info[_APPENDED] = session.get_transaction()
    return indices


def _known(session: Session, idems: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
    """Index and leaf hash of those keys that are in the log."""
    known = {}
    for start in range(0, len(idems), _GROUP):
        query = select(LogEntry.idem, LogEntry.idx, LogEntry.leaf)
        for row in session.execute(query.where(LogEntry.idem.in_(idems[start : start + _GROUP]))):
            known[row.idem] = (row.idx, row.leaf)
    return known


def _completed_nodes(index: int, completed: Sequence[bytes]) -> list[dict[str, object]]:
    """Of the subtrees that this entry completed, those that are hashes of a tile's level above 0."""
    return [
        {"level": height // tiles.HEIGHT, "idx": index >> height, "hash": completed[height]}
        for height in range(tiles.HEIGHT, len(completed), tiles.HEIGHT)
    ]


# -- read --------------------------------------------------------------------------------------------------
def stored_hashes(session: Session) -> tiles.Hashes:
    """The stored tree, as `registry.core.tlog.tiles` reads it. `Corrupt` where a hash is missing."""

    def read(level: int, start: int, stop: int) -> Sequence[bytes]:
        column, place = (LogNode.hash, LogNode.idx) if level else (LogEntry.leaf, LogEntry.idx)
        query = select(column).where(place >= start, place < stop).order_by(place)
        found = session.scalars(query.where(LogNode.level == level) if level else query).all()
        if len(found) != stop - start:
            raise Corrupt(f"The log's hashes {start} to {stop} of level {level} are not all stored.")
        return found

    return read


def entries(session: Session, start: int, stop: int) -> list[bytes]:
    """The entries [start, stop), all of which exist."""
    query = select(LogEntry.body).where(LogEntry.idx >= start, LogEntry.idx < stop).order_by(LogEntry.idx)
    found = list(session.scalars(query))
    if len(found) != stop - start:
        raise Corrupt(f"The log's entries {start} to {stop} are not all stored.")
    return found


def root_at(session: Session, size: int) -> bytes:
    """The root over the first `size` entries, from the stored hashes."""
    return tiles.subtree_root(stored_hashes(session), 0, size)


# -- sign --------------------------------------------------------------------------------------------------
def sign_checkpoint(session: Session, key: LogKey, now: datetime) -> SignedCheckpoint:
    """Sign the log as it is committed; signing the same size again gives the note that was stored.

    `TrustRefused` if the key signed another history, `NotReady` if this very transaction appended: what might still
    be rolled back must not be signed.
    """
    if session.in_transaction() and session.info.get(_APPENDED) is session.get_transaction():
        raise NotReady(
            "The log signs only what is committed; commit the entries, then sign in a new transaction."
        )
    locked = _lock_head(session)
    root = locked.edge.root()
    if root_at(session, locked.size) != root:
        raise Corrupt("The log's stored hashes do not add up to its stored head; restore the database.")
    note = key.sign(locked.size, lambda size: root_at(session, size))
    query = select(LogCheckpoint.root, LogCheckpoint.note).where(LogCheckpoint.size == locked.size)
    stored = session.execute(query).one_or_none()
    if stored is None:
        row = {"size": locked.size, "root": root, "note": str(note), "published_at": now}
        session.execute(insert(LogCheckpoint), [row])
    elif stored.root != root:
        raise TrustRefused(
            f"Another root was published for the log's {locked.size} entries. Nothing was signed."
        )
    else:
        note = Note.parse(stored.note)
    return SignedCheckpoint(Checkpoint.parse(note.text), note)


def latest_checkpoint(session: Session) -> SignedCheckpoint:
    """The last checkpoint that was signed; `NotReady` before the first."""
    query = select(LogCheckpoint.note).order_by(LogCheckpoint.size.desc()).limit(1)
    text = session.scalars(query).one_or_none()
    if text is None:
        raise NotReady("The usage log has not signed a checkpoint yet.")
    note = Note.parse(text)
    return SignedCheckpoint(Checkpoint.parse(note.text), note)


# -- prove -------------------------------------------------------------------------------------------------
def receipt_proof(session: Session, index: int, size: int) -> list[bytes]:
    """The inclusion proof of entry `index` in the log's first `size` entries."""
    return tiles.inclusion_proof(stored_hashes(session), index, size)


def consistency_proof(session: Session, old_size: int, size: int) -> list[bytes]:
    """The proof that the log's first `size` entries continue its first `old_size`."""
    return tiles.consistency_proof(stored_hashes(session), old_size, size)


def receipt(session: Session, index: int) -> str:
    """The receipt of an entry under the latest checkpoint.

    `NotFound` if there is no such entry, `NotReady` if no checkpoint covers it yet.
    """
    if not 0 <= index < head(session).size:
        raise NotFound(f"The usage log has no entry {index}.")
    signed = latest_checkpoint(session)
    size = signed.checkpoint.size
    if index >= size:
        raise NotReady(f"Entry {index} is not covered by a signed checkpoint yet; ask again in a moment.")
    (body,) = entries(session, index, index + 1)
    return build_receipt(body, index, receipt_proof(session, index, size), signed.note)


def tile(session: Session, path: str) -> bytes:
    """The tile or entry bundle at a path of C2SP tlog-tiles; `NotFound` for what no signed checkpoint covers."""
    try:
        address = tiles.Tile.parse(path)
        size = latest_checkpoint(session).checkpoint.size
    except (InvalidInput, NotReady) as problem:
        raise NotFound(f"The usage log has no “{path[:100]}”.") from problem
    if not address.exists_in(size):
        raise NotFound(f"The usage log, signed up to {size} entries, has no “{path[:100]}” yet.")
    if address.level is None:
        return tiles.bundle(entries(session, address.start, address.stop))
    return b"".join(stored_hashes(session)(address.level, address.start, address.stop))
