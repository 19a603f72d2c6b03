"""The tree as it is stored: its hashes and entries, and the proofs computed from them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.core.errors import Corrupt
from registry.core.tlog import tiles
from registry.log.models import LogEntry, LogNode


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


def receipt_proof(session: Session, index: int, size: int) -> list[bytes]:
    """The inclusion proof of entry `index` in the log's first `size` entries."""
    return tiles.inclusion_proof(stored_hashes(session), index, size)


def consistency_proof(session: Session, old_size: int, size: int) -> list[bytes]:
    """The proof that the log's first `size` entries continue its first `old_size`."""
    return tiles.consistency_proof(stored_hashes(session), old_size, size)


def read_tile(session: Session, tile: tiles.Tile) -> bytes:
    """The contents of a tile or entry bundle, all of which exists."""
    if tile.level is None:
        return tiles.bundle(entries(session, tile.start, tile.stop))
    return b"".join(stored_hashes(session)(tile.level, tile.start, tile.stop))
