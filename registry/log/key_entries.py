"""Which keys the registry uses, said in the log itself: an entry when one comes into force, another when it ends.

So nobody can use a key that the public has not been told of, and an auditor finds it out. The first key of a log enters
itself. Each later one is entered under the one before it: a key that has merely been put in its place signs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.core.records.leaves import KeyLeaf, parse_leaf
from registry.core.tlog.notes import VerifierKey
from registry.log.models import LogEntry
from registry.log.sequencer import append, idempotency_key, lock_head

LOG = "log"
_FIRST = idempotency_key(b"key", b"first")


class Use(NamedTuple):
    """A key and what for: `log` with its verifier key, else a role of the signed metadata with the key's id."""

    role: str
    key: str


class Span(NamedTuple):
    """Where the log says that a key begins and ends: indices of entries, `None` where there is none."""

    begin: int | None
    end: int | None

    @property
    def in_force(self) -> bool:
        """Whether it has begun and not ended."""
        return self.begin is not None and self.end is None


def begin(session: Session, uses: Iterable[Use], now: datetime) -> list[int]:
    """Enter that these keys come into force; the indices. What was entered before is not entered again."""
    return _enter(session, "begin", uses, now)


def end(session: Session, uses: Iterable[Use], now: datetime) -> list[int]:
    """Enter that these keys have ended; those that never began are passed over."""
    return _enter(session, "end", [use for use in uses if span(session, use).begin is not None], now)


def begin_first(session: Session, key: VerifierKey, now: datetime) -> None:
    """Enter the log's very first key, or nothing if the log has had one."""
    lock_head(session)
    if not has_begun(session):
        append(session, [(_FIRST, _body("begin", Use(LOG, str(key)), now))])


def has_begun(session: Session) -> bool:
    """Whether the log has named any key of its own."""
    return bool(_found(session, _FIRST))


def span(session: Session, use: Use) -> Span:
    """From where to where the log says that this key is used."""
    began, ended = _idem("begin", use), _idem("end", use)
    found = _found(session, began, ended, *([_FIRST] if use.role == LOG else []))
    if _FIRST in found:
        index, body = found[_FIRST]
        leaf = parse_leaf(body)
        if isinstance(leaf, KeyLeaf) and leaf.key == use.key:
            found[began] = index, body
    return Span(*(found[idem][0] if idem in found else None for idem in (began, ended)))


def may_sign(session: Session, key: VerifierKey) -> bool:
    """Whether the log, as this transaction sees it, lets this key sign it; any may that has named none yet."""
    return span(session, Use(LOG, str(key))).in_force or not has_begun(session)


def _enter(session: Session, act: str, uses: Iterable[Use], now: datetime) -> list[int]:
    lock_head(session)
    indices = []
    for use in sorted(set(uses)):
        idem = _idem(act, use)
        known = _found(session, idem).get(idem)
        indices.append(append(session, [(idem, _body(act, use, now))])[0] if known is None else known[0])
    return indices


def _body(act: str, use: Use, now: datetime) -> bytes:
    return KeyLeaf(act=act, role=use.role, key=use.key, at=int(now.timestamp())).body()


def _idem(act: str, use: Use) -> bytes:
    return idempotency_key(b"key", act.encode(), use.role.encode(), use.key.encode())


def _found(session: Session, *idems: bytes) -> dict[bytes, tuple[int, bytes]]:
    """Index and entry, by idempotency key, of those that are in the log."""
    query = select(LogEntry.idem, LogEntry.idx, LogEntry.body).where(LogEntry.idem.in_(idems))
    return {row.idem: (row.idx, row.body) for row in session.execute(query)}
