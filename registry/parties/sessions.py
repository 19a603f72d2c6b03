"""Browser sessions: opened by signing in, recognised by the digest of a cookie, listed and ended by their owner.

They end after a week without use and after a month in any case.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, joinedload

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.core.errors import NotFound
from registry.core.ids import format_id
from registry.parties.models import LoginSession

SESSION_IDLE = timedelta(days=7)
SESSION_LONGEST = timedelta(days=30)
#: How stale `seen_at` may get: a page is read far more often than it is worth a write.
SESSION_SEEN_EVERY = timedelta(minutes=10)


def open_session(
    session: Session, actor: Actor, how: str, device: str, sources: Sources
) -> tuple[LoginSession, str]:
    """A new session of this party and the text of its cookie, which is never to be had again."""
    # Not from `sources`: what tests may foresee must never become a secret.
    token = secrets.token_urlsafe(32)
    now = sources.now()
    row = LoginSession(
        public_id=sources.new_id(),
        party_id=actor.party_id,
        digest=_digest(token),
        device="".join(c for c in device if c.isprintable())[:200],
        how=how,
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION_LONGEST,
        ended_at=None,
    )
    session.add(row)
    session.flush()
    return row, token


def session_of(session: Session, token: str, now: datetime) -> LoginSession | None:
    """The session that this cookie stands for, if it still holds."""
    query = select(LoginSession).where(LoginSession.digest == _digest(token))
    row = session.scalar(query.options(joinedload(LoginSession.party)))
    return row if row is not None and _holds(row, now) else None


def note_use(session: Session, session_id: int, now: datetime) -> None:
    """Keep a session from ending for lack of use."""
    session.execute(update(LoginSession).where(LoginSession.id == session_id).values(seen_at=now))


def list_sessions(session: Session, actor: Actor, now: datetime) -> Sequence[LoginSession]:
    """The actor's sessions that hold now, last used first."""
    query = select(LoginSession).where(LoginSession.party_id == actor.party_id)
    rows = session.scalars(query.order_by(LoginSession.seen_at.desc(), LoginSession.id.desc()))
    return [row for row in rows if _holds(row, now)]


def end_session(session: Session, actor: Actor, public_id: bytes, now: datetime) -> None:
    """Make one of the actor's sessions worthless; again is no error. `NotFound` for others'."""
    own = (LoginSession.public_id == public_id, LoginSession.party_id == actor.party_id)
    row = session.scalar(select(LoginSession).where(*own))
    if row is None:
        raise NotFound(f"You have no {format_id('session', public_id)}.")
    if row.ended_at is None:
        row.ended_at = now


def end_other_sessions(session: Session, actor: Actor, kept: bytes, now: datetime) -> None:
    """Make all of the actor's sessions worthless but the one with this public id."""
    others = (LoginSession.party_id == actor.party_id, LoginSession.public_id != kept)
    open_ones = update(LoginSession).where(*others, LoginSession.ended_at.is_(None))
    session.execute(open_ones.values(ended_at=now))


def forget_sessions(session: Session, now: datetime) -> int:
    """Remove sessions that hold no more, with what their browsers called themselves; how many."""
    over = or_(
        LoginSession.ended_at.is_not(None),
        LoginSession.expires_at <= now,
        LoginSession.seen_at <= now - SESSION_IDLE,
    )
    return int(session.execute(delete(LoginSession).where(over)).rowcount)  # type: ignore[attr-defined]


def _holds(row: LoginSession, now: datetime) -> bool:
    return row.ended_at is None and now < row.expires_at and now < row.seen_at + SESSION_IDLE


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
