"""Change the key of a log that goes on: the origin, the tree and its witnesses stay, the signature changes.

    begin    the successor is made and entered; from the tree that holds this entry on, both keys sign
    finish   the end of the old key is entered; the trees that hold it are signed by the new one alone

Between the two, those who check the log add the new key to their policies; nobody who knows either key is locked out,
and witnesses see one log that grows. Each step may be interrupted: who may sign is decided by the entries that are
committed, and the same command goes on where it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from registry.base.db import Database
from registry.core.errors import InvalidInput, NotReady
from registry.core.tlog.notes import VerifierKey
from registry.log import key_entries
from registry.log.key_entries import LOG, Span, Use
from registry.log.keys import LogKey
from registry.log.signing import SignedCheckpoint, sign
from registry.log.witnesses import accepted_by, sign_head, witnesses_of


@dataclass(frozen=True, slots=True)
class Change:
    """Two keys of one log, and from which tree on each of them signs, or no longer does."""

    old: VerifierKey
    new: VerifierKey
    since: int
    """The size of the first tree that the new key signs."""
    until: int | None = None
    """The size of the last tree that the old key signs, once that is settled."""


def begin(database: Database, key: LogKey, now: datetime) -> Change:
    """Enter a successor of the log's key, and sign with both; if one has begun already, say so.

    Raises what `sign` does: on a database older than the log nothing is changed.
    """
    sign(database, key, now)
    key.prepare()
    old, new = key.public
    assert new is not None
    with database.writing() as session:
        (index,) = key_entries.begin(session, [Use(LOG, str(new))], now)
    sign_head(database, key, now)
    return Change(old, new, index + 1)


def finish(database: Database, key: LogKey, now: datetime) -> Change:
    """End the old key. `InvalidInput` if none is being changed, `NotReady` if too few witnesses know the new one."""
    old, new = key.public
    if new is None:
        raise InvalidInput("The log's key is not being changed. Begin with: vorbehalt-server log rotate-key")
    began = _span(database, new).begin
    if began is None:
        raise InvalidInput("The new key has not begun yet. Run once more: vorbehalt-server log rotate-key")
    if _span(database, old).in_force:
        _check_witnesses(database, key, sign(database, key, now))
    with database.writing() as session:
        (index,) = key_entries.end(session, [Use(LOG, str(old))], now)
    key.promote()
    sign_head(database, key, now)
    return Change(old, new, began + 1, index)


def _span(database: Database, key: VerifierKey) -> Span:
    with database.reading() as session:
        return key_entries.span(session, Use(LOG, str(key)))


def _check_witnesses(database: Database, key: LogKey, signed: SignedCheckpoint) -> None:
    """That checkpoints by the new key alone will become public: the present one is shown to the witnesses that way."""
    policy = key.policy
    trial = SignedCheckpoint(signed.checkpoint, key.signed_by_successor(signed.checkpoint))
    accepting = accepted_by(database, key, trial)
    if not policy.witnessed_by(policy.quorum, dict.fromkeys(accepting, 0)):
        lacking = (
            ", ".join(sorted({w.name for w in witnesses_of(key)} - accepting)) or "those without an address"
        )
        raise NotReady(
            f"Too few witnesses would cosign what the new key signs; {lacking} did not. Have them add its line to "
            "their policies, and finish then. Until then both keys sign."
        )
