"""What tests are made of: a clock that stands still, ids that repeat, and parties ready to act."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.parties import service as parties
from registry.parties.models import Party
from registry.parties.rules import OPEN_ROLES

START = datetime(2026, 8, 2, 9, 30, tzinfo=UTC)
PASSWORD = "seven quiet herons"


@dataclass
class Clock:
    """A clock that moves only when it is told to."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **amount: float) -> datetime:
        """Move on by a `timedelta` of these arguments."""
        self.at += timedelta(**amount)
        return self.at


@dataclass
class Ids:
    """Ids that look random and are the same in every run."""

    numbers: count[int] = field(default_factory=count)

    def __call__(self) -> bytes:
        return hashlib.sha256(b"id %d" % next(self.numbers)).digest()[:16]


def make_sources(clock: Clock | None = None) -> Sources:
    """Sources that tests control."""
    return Sources(now=clock or Clock(), new_id=Ids())


def make_party(session: Session, sources: Sources, role: Role = Role.CREATOR, name: str = "Anna") -> Party:
    """A party that never logs in: it costs no password hash."""
    command = parties.RegisterParty(role, name)
    register = parties.register_party if role in OPEN_ROLES else parties.register_on_server
    return register(session, command, sources)


def make_actor(session: Session, sources: Sources, role: Role = Role.CREATOR, name: str = "Anna") -> Actor:
    """A new party with all that its role allows."""
    return parties.actor_of(make_party(session, sources, role, name))


def make_key(
    session: Session,
    sources: Sources,
    actor: Actor,
    *scopes: Scope,
    expires_at: datetime | None = None,
) -> str:
    """The text of a new key of the actor; with all that it may do unless scopes are named."""
    command = parties.CreateApiKey("test", frozenset(scopes) or actor.scopes, expires_at)
    return parties.create_api_key(session, actor, command, sources)[1]
