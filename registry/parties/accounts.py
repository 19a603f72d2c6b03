"""Accounts: open one, log in, look one up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.locks import queue_up
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from registry.core.ids import format_id
from registry.parties import emails, rules
from registry.parties.models import Party
from registry.parties.passwords import hash_password, verify_password

_CHUNK = 5_000
"""Keys in one query."""


@dataclass(frozen=True, slots=True)
class RegisterParty:
    """A new account. Without e-mail address and password it can only be used by keys that the operator makes."""

    role: Role
    name: str
    email: str | None = None
    password: str | None = None
    language: str = "en"
    silently: bool = False
    """Take an address that somebody else has, too, and say nothing: where mails to it tell its owner."""


@dataclass(frozen=True, slots=True)
class PublicProfile:
    """What everybody may know of a party. Creators stay unnamed: many publish under another name."""

    public_id: bytes
    role: Role
    name: str | None


def register_party(session: Session, command: RegisterParty, sources: Sources) -> Party:
    """Open an account for a creator, lab or society; open to anyone.

    `InvalidInput` for a bad name, address or password, `Conflict` if the address is taken and that may be said.
    """
    if command.role not in rules.OPEN_ROLES:
        raise Forbidden(
            f"{command.role.one}'s account is made on the server: vorbehalt-server account create."
        )
    return _add_party(session, command, sources)


def register_on_server(session: Session, command: RegisterParty, sources: Sources) -> Party:
    """Open an account for an operator or an auditor. For the server's command line: no view may call this."""
    if command.role in rules.OPEN_ROLES:
        raise InvalidInput(f"This makes operators and auditors, no {command.role}.")
    return _add_party(session, command, sources)


def _add_party(session: Session, command: RegisterParty, sources: Sources) -> Party:
    if (command.email is None) != (command.password is None):
        raise InvalidInput("An account that can log in needs an e-mail address and a password, both.")
    name = rules.check_name(command.name)
    email = password = None
    if command.email is not None and command.password is not None:
        email = rules.normalise_email(command.email)
        # Hashed before the first query: it takes long, and the transaction's lock is taken with that query.
        password = hash_password(
            rules.check_password(command.password, personal=(name, email, email.partition("@")[0]))
        )
        if not command.silently:
            queue_up(session, f"sign-up {email}")
            if session.scalar(select(Party.id).where(Party.email == email).limit(1)) is not None:
                raise Conflict("There is an account with this e-mail address already.")
    party = Party(
        public_id=sources.new_id(),
        role=command.role,
        name=name,
        email=email,
        password=password,
        language=command.language,
        created_at=sources.now(),
    )
    session.add(party)
    session.flush()
    return party


def actor_of(party: Party) -> Actor:
    """The party itself, with all that its role allows: after a log-in, or on the operator's own command line."""
    role = Role(party.role)
    return Actor(party.id, party.public_id, role, rules.SCOPES_OF_ROLE[role])


def command_line(session: Session, sources: Sources) -> Actor:
    """Who acts when a command runs on the server itself: its first operator, made if there is none yet."""
    first = session.scalar(select(Party).where(Party.role == Role.OPERATOR).order_by(Party.id).limit(1))
    if first is None:
        first = register_on_server(session, RegisterParty(Role.OPERATOR, "Command line"), sources)
    return actor_of(first)


def log_in(session: Session, email: str, password: str) -> Actor:
    """The party with this address and password; one `Unauthenticated` for all that can be wrong.

    Of the accounts with this address two are looked at, the one that has confirmed it and the newest that has not.
    So it takes the same time, and who has just opened an account gets in, whether or not somebody has the address.
    """
    try:
        address = rules.normalise_email(email)
    except InvalidInput:
        candidates: tuple[Party | None, ...] = (None, None)
    else:
        candidates = (
            emails.holder(session, address),
            next(iter(emails.unconfirmed(session, address, limit=1)), None),
        )
    found = [p for p in candidates if verify_password(p.password if p else None, password)]
    party = next(filter(None, found), None)
    if party is None:
        raise Unauthenticated("E-mail address and password do not fit together.")
    return actor_of(party)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that may take another's place, both as hashes."""

    old: str
    new: str


def accept_password(session: Session, actor: Actor, current: str, new: str) -> NewPassword:
    """The new password, for `set_password`: checking and hashing take long, so nothing is locked meanwhile.

    `Unauthenticated` if `current` is not the actor's password, `InvalidInput` if the new one would be guessed first
    or is the same.
    """
    party = own_party(session, actor)
    if not verify_password(party.password, current) or party.password is None:
        raise Unauthenticated("This is not the current password.")
    if rules.normalise_password(current) == rules.normalise_password(new):
        raise InvalidInput("The new password is the current one.")
    personal = (party.name, party.email or "", (party.email or "").partition("@")[0])
    return NewPassword(
        party.password, hash_password(rules.check_password(new, personal=filter(None, personal)))
    )


def set_password(session: Session, actor: Actor, password: NewPassword) -> None:
    """Put the new password in the old one's place; `Conflict` if somebody else was quicker."""
    same = (Party.id == actor.party_id, Party.password == password.old)
    changed = session.scalar(update(Party).where(*same).values(password=password.new).returning(Party.id))
    if changed is None:
        raise Conflict("The password was changed meanwhile.")


def own_party(session: Session, actor: Actor) -> Party:
    """The actor's own account, with its private fields."""
    return session.get_one(Party, actor.party_id)


def party_by_public_id(session: Session, public_id: bytes, *, deleted_too: bool = False) -> Party:
    """The party with this id; `NotFound` if there is none. What of it may be shown, the caller decides."""
    party = session.scalar(select(Party).where(Party.public_id == public_id))
    if party is None or (party.deleted_at is not None and not deleted_too):
        raise NotFound(f"There is no {format_id('party', public_id)}.")
    return party


def public_profile(session: Session, public_id: bytes) -> PublicProfile:
    """What anyone with an account may know of a party."""
    party = party_by_public_id(session, public_id)
    role = Role(party.role)
    return PublicProfile(party.public_id, role, party.name if role in rules.NAMED_IN_PUBLIC else None)


def public_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """The names of those that are shown by name, by private key: organisations. Makers are left out."""
    found = parties_by_id(session, ids)
    return {key: party.name for key, party in found.items() if Role(party.role) in rules.NAMED_IN_PUBLIC}


def public_ids(session: Session, ids: Iterable[int]) -> dict[int, bytes]:
    """Public ids by private key, of any number of parties; absent ones are left out."""
    wanted = sorted(set(ids))
    found: dict[int, bytes] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = select(Party.id, Party.public_id).where(Party.id.in_(wanted[start : start + _CHUNK]))
        found.update((key, public_id) for key, public_id in session.execute(query))
    return found


def parties_by_id(session: Session, ids: Collection[int]) -> Mapping[int, Party]:
    """Parties by private key, for rooms that refer to them; absent ones are left out."""
    return {p.id: p for p in session.scalars(select(Party).where(Party.id.in_(ids)))} if ids else {}
