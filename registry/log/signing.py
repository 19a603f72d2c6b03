"""Checkpoints: signed when all that they cover is committed, and public when the log's witnesses have cosigned.

Signing is a transaction of its own, after the one that appended: a key does not forget a head that is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.db import Database
from registry.core.errors import Corrupt, NotReady, TrustRefused, VerificationFailed
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note, Signature
from registry.core.tlog.policies import Policy, satisfied
from registry.log import key_entries
from registry.log.keys import LogKey
from registry.log.models import LogCheckpoint
from registry.log.sequencer import appended, head, lock_head
from registry.log.tree import root_at


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the note in which the log signed it."""

    checkpoint: Checkpoint
    note: Note


def sign(database: Database, key: LogKey, now: datetime) -> SignedCheckpoint:
    """Sign the log as it is committed, after it has named its key. Raises what `sign_checkpoint` does."""
    with database.reading() as session:
        named = key_entries.has_begun(session)
    if not named:
        with database.writing() as session:
            check_continues(session, key)
            key_entries.begin_first(session, key.verifier, now)
    with database.writing() as session:
        return sign_checkpoint(session, key, now)


def sign_checkpoint(session: Session, key: LogKey, now: datetime) -> SignedCheckpoint:
    """Sign the log as it is committed; signing the same size again gives the note that was stored.

    `TrustRefused` if the key signed another history, or may not sign by the log's own entries; `NotReady` if this very
    transaction appended: what might still be rolled back must not be signed.
    """
    if appended(session):
        raise NotReady(
            "The log signs only what is committed; commit the entries, then sign in a new transaction."
        )
    locked = lock_head(session)
    root = locked.edge.root()
    if root_at(session, locked.size) != root:
        raise Corrupt("The log's stored hashes do not add up to its stored head; restore the database.")
    may_sign = partial(key_entries.may_sign, session)
    note = key.sign(locked.size, lambda size: root_at(session, size), may_sign)
    stored = session.get(LogCheckpoint, locked.size)
    if stored is not None and stored.root != root:
        raise TrustRefused(
            f"Another root was published for the log's {locked.size} entries. Nothing was signed."
        )
    if stored is None:
        stored = LogCheckpoint(size=locked.size, root=root, note=str(note), published_at=now)
        session.add(stored)
    signed = _signed(stored.note)
    stored.witnessed = satisfies(signed.note, key.policy)
    session.flush()
    return signed


def check_continues(session: Session, key: LogKey) -> None:
    """`TrustRefused` if this database is older than what its log's key has signed, or another one."""
    key.check(head(session).size, lambda size: root_at(session, size))


def add_cosignatures(session: Session, size: int, lines: Iterable[Signature], policy: Policy) -> bool:
    """Add what witnesses sent to the checkpoint of this size; whether the policy is now satisfied.

    The lines were verified. A newer line of a witness takes the place of its older one.
    """
    lock_head(session)
    stored = session.get_one(LogCheckpoint, size, populate_existing=True)
    note = Note.parse(stored.note)
    new = {(line.name, line.key_id): line for line in lines}
    kept = [line for line in note.signatures if (line.name, line.key_id) not in new]
    note = Note(note.text, (*kept, *new.values()))
    stored.note, stored.witnessed = str(note), satisfies(note, policy)
    session.flush()
    return stored.witnessed


def latest_checkpoint(session: Session) -> SignedCheckpoint:
    """The newest public checkpoint: signed, and witnessed as the log's policy asks; `NotReady` before the first."""
    query = select(LogCheckpoint.note).where(LogCheckpoint.witnessed)
    text = session.scalars(query.order_by(LogCheckpoint.size.desc()).limit(1)).one_or_none()
    if text is None:
        raise NotReady(
            "The usage log has not signed a checkpoint yet, or not enough witnesses have seen one."
        )
    return _signed(text)


def latest_signed(session: Session) -> SignedCheckpoint:
    """The newest checkpoint that the log signed, whoever has witnessed it; `NotReady` before the first."""
    query = select(LogCheckpoint.note).order_by(LogCheckpoint.size.desc()).limit(1)
    text = session.scalars(query).one_or_none()
    if text is None:
        raise NotReady("The usage log has not signed a checkpoint yet.")
    return _signed(text)


def _signed(text: str) -> SignedCheckpoint:
    note = Note.parse(text)
    return SignedCheckpoint(Checkpoint.parse(note.text), note)


def satisfies(note: Note, policy: Policy) -> bool:
    """Whether a checkpoint's signatures are all that the policy asks for."""
    try:
        satisfied(note, policy)
    except VerificationFailed:
        return False
    return True
