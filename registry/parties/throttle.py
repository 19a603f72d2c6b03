"""Guessing passwords is slowed down, by account and by network address; counts are kept in the database.

An attempt is counted and committed *before* the password is looked at, so many at once gain nothing. Passkeys cannot
be guessed and are not counted, so nobody can be locked out of an account that has one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.base.ratelimits import network_of
from registry.parties.models import LoginAttempts

FORGET = timedelta(hours=24)
_LONGEST = timedelta(minutes=15)
#: How many attempts are free before each further one costs a wait.
FREE_BY_ACCOUNT = 5
FREE_BY_ADDRESS = 50


def wait_after(count: int, free: int) -> timedelta:
    """How long to wait after so many attempts without success: 15 s, 30 s, 1 min, … up to a quarter of an hour."""
    if count < free:
        return timedelta()
    return min(_LONGEST, timedelta(seconds=15 << min(count - free, 10)))


def count_attempt(session: Session, email: str, address: str | None, now: datetime) -> timedelta:
    """Count an attempt to sign in; the time to wait before the next one is taken, zero if this one may go on.

    Attempts that come too early are not counted: who waits gets in.
    """
    session.execute(delete(LoginAttempts).where(LoginAttempts.last_at < now - FORGET))
    counted = [(_account(email), FREE_BY_ACCOUNT)]
    if (network := network_of(address)) is not None:
        counted.append((_subject("address", network), FREE_BY_ADDRESS))
    rows = [(_row(session, subject, now), free) for subject, free in counted]
    wait = max(row.last_at + wait_after(row.count, free) - now for row, free in rows)
    if wait > timedelta():
        return wait
    for row, _ in rows:
        row.count += 1
        row.last_at = now
    return timedelta()


def forget_attempts(session: Session, email: str) -> None:
    """Signing in succeeded: the account's count begins anew."""
    session.execute(delete(LoginAttempts).where(LoginAttempts.subject == _account(email)))


def _row(session: Session, subject: bytes, now: datetime) -> LoginAttempts:
    row = session.scalar(select(LoginAttempts).where(LoginAttempts.subject == subject).with_for_update())
    if row is None:
        row = LoginAttempts(subject=subject, count=0, last_at=now)
        session.add(row)
        session.flush()
    return row


def _account(email: str) -> bytes:
    return _subject("account", email.strip().casefold())


def _subject(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind}:{text}".encode()).digest()
