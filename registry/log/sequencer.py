"""The sequencer: one append path that gives every entry its place, under the lock on the head.

It takes a group, locks the head, gives the next indices to what is new, and answers a retry with the index that the
first attempt got; so a client that lost our answer may always ask again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from registry.base.db import look
from registry.core.errors import Conflict, InvalidInput
from registry.core.tlog import merkle, tiles
from registry.log.models import HEAD_ID, LogEntry, LogHead, LogNode

_GROUP = 1_000
"""Keys looked up by one query; databases limit the number of parameters."""
_APPENDED = "registry.log: transaction that appended"
_CHANGE_SEQ = select(LogHead.change_seq).where(LogHead.id == HEAD_ID)
"""Built once: every check asks it, and building it takes as long as asking."""


@dataclass(frozen=True, slots=True)
class Head:
    """The state that a transaction sees: how long the log is, its root, and the number of the last change."""

    size: int
    root: bytes
    change_seq: int


@dataclass(frozen=True, slots=True)
class Locked:
    """The head's row while its lock is held."""

    size: int
    edge: merkle.Edge
    change_seq: int


# -- the head ----------------------------------------------------------------------------------------------
def _read_head(session: Session, *, lock: bool) -> Locked | None:
    query = select(LogHead.size, LogHead.edge, LogHead.change_seq).where(LogHead.id == HEAD_ID)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Locked(row.size, merkle.Edge(row.size, row.edge), row.change_seq)


def lock_head(session: Session) -> Locked:
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
    return session.scalar(_CHANGE_SEQ) or 0


def newest_change_seq(session: Session) -> int:
    """The number of the last change that is committed now; cheap, and no part of the session's consistent view."""
    return next((number for (number,) in look(session, _CHANGE_SEQ, {})), 0)


def hold(session: Session) -> Head:
    """The head, which nobody moves until this transaction ends: for acts that must see all that was logged before."""
    locked = lock_head(session)
    return Head(locked.size, locked.edge.root(), locked.change_seq)


def next_change_seq(session: Session) -> int:
    """A number for a change, above that of every change committed before. Holds the head until the transaction ends.

    Numbers follow the order of commits, so a reader that has seen n has seen all up to n: no change that commits
    late, say a withdrawal, can be skipped.
    """
    number = lock_head(session).change_seq + 1
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
    edge = lock_head(session).edge
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


def appended(session: Session) -> bool:
    """Whether the transaction that this session is in has appended, so that its entries may still be rolled back."""
    return session.in_transaction() and session.info.get(_APPENDED) is session.get_transaction()
