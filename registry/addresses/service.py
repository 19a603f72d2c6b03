"""Confirming an address, changing it, and getting in again when the password is forgotten.

Whatever is asked, the answer is the same whether or not somebody has the address: a letter to it says more. Here only
the letter is noted; what it says is looked up when it goes out, so that not even the time tells.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from registry.addresses.models import AddressLink, Letter
from registry.addresses.rules import A_DAY, ASKED, HOLDS, Kind, Purpose
from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.outbox import Mail, Waiting, ask_to_send, waiting
from registry.core.errors import InvalidInput, NotFound, RateLimited
from registry.parties import service as parties
from registry.parties.service import Party

__all__ = [
    "Purpose",
    "ask_again",
    "ask_everybody",
    "ask_to_confirm",
    "change_address",
    "confirm",
    "forget_letters",
    "forgot_password",
    "look",
    "make_link",
    "outbox",
    "password_changed",
    "pending_change",
    "set_forgotten_password",
    "take_back_change",
]

_DAY = timedelta(days=1)
_KEPT = timedelta(days=30)
_WORTHLESS = "This link was used already, has expired, or is incomplete. Ask for a new one."


# -- asking -------------------------------------------------------------------------------------------------
def ask_to_confirm(session: Session, party: Party, language: str, sources: Sources) -> None:
    """Write to the address of a new account. Five letters a day to one address are enough; more are not written."""
    if party.email is not None and party.email_confirmed_at is None:
        _ask(session, Kind.CONFIRM, party.id, party.email, language, sources)


def ask_again(session: Session, actor: Actor, language: str, sources: Sources) -> None:
    """Write to the address that waits for it once more; `RateLimited` after five letters within a day."""
    party = parties.own_party(session, actor)
    address = pending_change(session, party, sources.now())
    if address is None and party.email_confirmed_at is None:
        address = party.email
    if address is None:
        raise InvalidInput("There is no address to confirm.")
    _check_own_quota(session, party, sources.now())
    _ask(session, Kind.CONFIRM, party.id, address, language, sources)


def ask_everybody(session: Session, sources: Sources) -> int:
    """Write to all who have not confirmed an address and were not asked in the last thirty days; how many."""
    asked = select(Letter.party_id).where(
        Letter.kind == Kind.CONFIRM, Letter.asked_at > sources.now() - _KEPT, Letter.party_id.is_not(None)
    )
    waiting_for = (Party.email.is_not(None), Party.email_confirmed_at.is_(None), Party.id.not_in(asked))
    found = session.scalars(select(Party).where(*waiting_for).order_by(Party.id)).all()
    for party in found:
        ask_to_confirm(session, party, party.language, sources)
    return len(found)


def change_address(session: Session, actor: Actor, email: str, language: str, sources: Sources) -> None:
    """Write to the new address, which takes the old one's place once it is confirmed, and tell the old one.

    `InvalidInput` if it is no address or the present one, `RateLimited` after five letters within a day.
    """
    party, address = parties.own_party(session, actor), parties.normalise_email(email)
    if party.email is None:
        raise InvalidInput("This account does not log in, so it has no address.")
    if address == party.email:
        raise InvalidInput("This is your address already.")
    _check_own_quota(session, party, sources.now())
    take_back_change(session, actor)
    _ask(session, Kind.CONFIRM, party.id, address, language, sources)
    if party.email_confirmed_at is not None:
        _write(session, Kind.CHANGING, party.id, party.email, party.language, sources)


def take_back_change(session: Session, actor: Actor) -> None:
    """Nothing that went out to another address than the present one can be confirmed any more."""
    party = parties.own_party(session, actor)
    links = (AddressLink.party_id == party.id, AddressLink.purpose == Purpose.CONFIRM)
    session.execute(delete(AddressLink).where(*links, AddressLink.address != party.email))
    _call_off(session, party, Letter.address != party.email)


def pending_change(session: Session, party: Party, now: datetime) -> str | None:
    """The address that is to take the place of the present one, as long as it can still be confirmed."""
    mine = (Letter.party_id == party.id, Letter.kind == Kind.CONFIRM, Letter.address != party.email)
    recent = (Letter.asked_at > now - HOLDS[Purpose.CONFIRM], Letter.mail != Mail.NONE)
    newest = select(Letter.address).where(*mine, *recent).order_by(Letter.id.desc())
    return session.scalar(newest.limit(1))


def forgot_password(session: Session, email: str, language: str, sources: Sources) -> None:
    """Write to this address, whoever has it; `InvalidInput` if it is none."""
    _ask(session, Kind.FORGOTTEN, None, parties.normalise_email(email), language, sources)


def password_changed(session: Session, actor: Actor, sources: Sources) -> None:
    """The owner has set a new password: links that went out before are worthless, and the address is told."""
    party = parties.own_party(session, actor)
    _void_links(session, party)
    _tell_of_password(session, party, sources)


def _ask(
    session: Session, kind: Kind, party_id: int | None, address: str, language: str, sources: Sources
) -> None:
    to_it = (Letter.address == address, Letter.kind.in_(ASKED), Letter.asked_at > sources.now() - _DAY)
    if (session.scalar(select(func.count()).select_from(Letter).where(*to_it)) or 0) < A_DAY:
        _write(session, kind, party_id, address, language, sources)


def _check_own_quota(session: Session, party: Party, now: datetime) -> None:
    mine = (Letter.party_id == party.id, Letter.kind.in_(ASKED), Letter.asked_at > now - _DAY)
    times = session.scalars(select(Letter.asked_at).where(*mine).order_by(Letter.asked_at)).all()
    if len(times) >= A_DAY:
        wait = int((times[-A_DAY] + _DAY - now).total_seconds()) + 1
        raise RateLimited(
            f"{A_DAY} letters were sent within a day. Look into your mailbox, also among the unwanted mails.",
            retry_after=wait,
        )


def _write(
    session: Session, kind: Kind, party_id: int | None, address: str, language: str, sources: Sources
) -> None:
    now = sources.now()
    letter = Letter(
        party_id=party_id,
        kind=kind.value,
        address=address,
        language=language,
        asked_at=now,
        message=secrets.token_bytes(16),
        mail=Mail.DUE.value,
        mailed_at=None,
    )
    session.add(letter)
    session.flush()
    ask_to_send(session, now)


def _tell_of_password(session: Session, party: Party, sources: Sources) -> None:
    if party.email is not None and party.email_confirmed_at is not None:
        _write(session, Kind.RENEWED, party.id, party.email, party.language, sources)


# -- links --------------------------------------------------------------------------------------------------
def make_link(session: Session, party: Party, purpose: Purpose, address: str, now: datetime) -> str:
    """The secret of a new link, which goes into a letter and nowhere else."""
    # Not from `sources`: what tests may foresee must never become a secret.
    secret = secrets.token_urlsafe(32)
    session.add(
        AddressLink(
            party_id=party.id,
            purpose=purpose.value,
            address=address,
            digest=_digest(secret),
            expires_at=now + HOLDS[purpose],
            used_at=None,
        )
    )
    session.flush()
    return secret


def look(session: Session, secret: str, purpose: Purpose, now: datetime) -> tuple[Party, str]:
    """The account that a link is about, and the address that it proves; it is not used up by that.

    `NotFound` if it is worthless: used, expired, replaced, or never made.
    """
    query = select(AddressLink, Party).join(Party, Party.id == AddressLink.party_id)
    found = session.execute(query.where(*_good(secret, purpose, now))).one_or_none()
    if found is None:
        raise NotFound(_WORTHLESS)
    return found[1], found[0].address


def confirm(session: Session, secret: str, sources: Sources) -> Party:
    """The address that this link proves is the account's from now on; an old one is told.

    `NotFound` for a worthless link, `Conflict` if another account has confirmed the address meanwhile.
    """
    now = sources.now()
    party, address = _use(session, secret, Purpose.CONFIRM, now)
    before = parties.confirm_email(session, party, address, now)
    _void_links(session, party)
    if before is not None:
        _write(session, Kind.CHANGED, party.id, before, party.language, sources)
    return party


def set_forgotten_password(session: Session, secret: str, password: str, sources: Sources) -> None:
    """Give the account this password (its hash), sign everybody out, and tell its address; `NotFound` as above."""
    party, _address = _use(session, secret, Purpose.RECOVER, sources.now())
    parties.recover(session, party, password, sources.now())
    _void_links(session, party)
    _tell_of_password(session, party, sources)


def _use(session: Session, secret: str, purpose: Purpose, now: datetime) -> tuple[Party, str]:
    """One of many at the same moment has it; a password goes to an account whose address is still that one."""
    used = update(AddressLink).where(*_good(secret, purpose, now)).values(used_at=now)
    found = session.execute(used.returning(AddressLink.party_id, AddressLink.address)).one_or_none()
    if found is None:
        raise NotFound(_WORTHLESS)
    party = session.get_one(Party, found.party_id)
    if party.deleted_at is not None or (purpose is Purpose.RECOVER and party.email != found.address):
        raise NotFound(_WORTHLESS)
    return party, found.address


def _good(secret: str, purpose: Purpose, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        AddressLink.digest == _digest(secret),
        AddressLink.purpose == purpose.value,
        AddressLink.used_at.is_(None),
        AddressLink.expires_at > now,
    )


def _void_links(session: Session, party: Party) -> None:
    unused = (AddressLink.party_id == party.id, AddressLink.used_at.is_(None))
    session.execute(delete(AddressLink).where(*unused))
    _call_off(session, party)


def _call_off(session: Session, party: Party, *which: ColumnElement[bool]) -> None:
    """Letters that ask for a confirmation ask no more; they still count as written."""
    asking = (Letter.party_id == party.id, Letter.kind == Kind.CONFIRM, *which)
    session.execute(update(Letter).where(*asking).values(mail=Mail.NONE))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


# -- keeping order ------------------------------------------------------------------------------------------
def forget_letters(session: Session, now: datetime) -> int:
    """Remove letters of more than thirty days ago that are not due, and links that hold no more; how many letters."""
    session.execute(delete(AddressLink).where(AddressLink.expires_at <= now))
    old = delete(Letter).where(Letter.asked_at <= now - _KEPT, Letter.mail != Mail.DUE)
    return int(session.execute(old).rowcount)  # type: ignore[attr-defined]


def outbox(session: Session, now: datetime) -> Waiting:
    """How many letters wait to be mailed."""
    return waiting(session, Letter.mail, Letter.asked_at, now)
