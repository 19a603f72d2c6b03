"""Whose an e-mail address is: anybody can name one, and it belongs to the account that has proved it.

Until then it may stand in several accounts, so that nobody can keep others out by naming their address first, and
nobody learns from us who has an account.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from registry.core.errors import Conflict
from registry.parties import rules
from registry.parties.models import ApiKey, LoginSession, Party, Passkey
from registry.parties.passwords import hash_password


def holder(session: Session, email: str) -> Party | None:
    """The one account that has confirmed this address."""
    return session.scalar(select(Party).where(Party.email == email, Party.email_confirmed_at.is_not(None)))


def unconfirmed(session: Session, email: str, limit: int) -> Sequence[Party]:
    """The newest accounts that name this address and have not confirmed it."""
    query = select(Party).where(Party.email == email, Party.email_confirmed_at.is_(None))
    return session.scalars(query.order_by(Party.id.desc()).limit(limit)).all()


def confirm_email(session: Session, party: Party, email: str, now: datetime) -> str | None:
    """Make this address the account's from now on; returns the confirmed one that it takes the place of, if any.

    `Conflict` if another account has confirmed it.
    """
    other = holder(session, email)
    if other is not None and other.id != party.id:
        raise Conflict("This address has been confirmed for another account.")
    before = party.email if party.email_confirmed_at is not None and party.email != email else None
    if other is None:
        party.email, party.email_confirmed_at = email, now
        session.flush()
    return before


def hash_new_password(party: Party, password: str) -> str:
    """The hash of a password that this account may take; `InvalidInput` for one that would be guessed first.

    It takes long, so it is done before anything is written.
    """
    personal = (party.name, party.email or "", (party.email or "").partition("@")[0])
    return hash_password(rules.check_password(password, personal=filter(None, personal)))


def recover(session: Session, party: Party, password: str, now: datetime) -> None:
    """Give the account to whoever reads its mail: a new password (its hash), and nobody is signed in any more.

    Where the address is confirmed by this, keys and passkeys end, too: somebody else may have opened the account in
    this name, and be waiting.
    """
    party.password = password
    mine = (LoginSession.party_id == party.id, LoginSession.ended_at.is_(None))
    session.execute(update(LoginSession).where(*mine).values(ended_at=now))
    if party.email_confirmed_at is None and party.email is not None:
        confirm_email(session, party, party.email, now)
        keys = (ApiKey.party_id == party.id, ApiKey.revoked_at.is_(None))
        session.execute(update(ApiKey).where(*keys).values(revoked_at=now))
        session.execute(delete(Passkey).where(Passkey.party_id == party.id))
    session.flush()
