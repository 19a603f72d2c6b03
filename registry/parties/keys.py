"""API keys: made once and shown once, recognised by their digest, revoked for good."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.db import look
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.core.errors import InvalidInput, NotFound, Unauthenticated
from registry.core.ids import format_id
from registry.parties import rules
from registry.parties.models import ApiKey, Party

_ACCOUNT = frozenset({Scope.ACCOUNT})


@dataclass(frozen=True, slots=True)
class CreateApiKey:
    """A new key of the actor."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None


def create_api_key(
    session: Session, actor: Actor, command: CreateApiKey, sources: Sources
) -> tuple[ApiKey, str]:
    """A key for the actor itself, and its text, which is never to be had again.

    The new key can do no more than the credential that asks for it.
    """
    check_scopes(actor, _ACCOUNT)
    scopes = rules.check_key_scopes(actor.role, actor.scopes, command.scopes)
    now = sources.now()
    if command.expires_at is not None and command.expires_at <= now:
        raise InvalidInput("A key must expire in the future.")
    # Not from `sources`: what tests may foresee must never become a secret.
    text = rules.format_key(secrets.token_bytes(32))
    key = ApiKey(
        public_id=sources.new_id(),
        party_id=actor.party_id,
        name=rules.check_name(command.name, longest=100),
        digest=rules.check_key(text),
        scope_names=sorted(scopes),
        created_at=now,
        expires_at=command.expires_at,
        revoked_at=None,
    )
    session.add(key)
    session.flush()
    return key, text


_BY_DIGEST = (
    select(ApiKey.scope_names, ApiKey.expires_at, ApiKey.revoked_at, Party.id, Party.public_id, Party.role)
    .join(Party, Party.id == ApiKey.party_id)
    .where(ApiKey.digest == bindparam("key"))
)
"""Plain columns, built once: every request of a program asks this, and building it takes as long as asking."""


def authenticate_key(session: Session, key_text: str, now: datetime) -> Actor:
    """Whose key this is, with what it may do; the same `Unauthenticated` for every key that is not valid.

    Asked anew for every request, so that a revoked key ends with the next one.
    """
    key = next(iter(look(session, _BY_DIGEST, {"key": rules.check_key(key_text)})), None)
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Unauthenticated(rules.KEY_REFUSED)
    role = Role(key.role)
    scopes = frozenset(map(Scope, key.scope_names)) & rules.SCOPES_OF_ROLE[role]
    return Actor(key.id, key.public_id, role, scopes)


def list_api_keys(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[ApiKey]:
    """The actor's own keys, revoked ones too."""
    check_scopes(actor, _ACCOUNT)
    query = select(ApiKey).where(ApiKey.party_id == actor.party_id)
    return paginate(session, query, ApiKey, after, limit)


def revoke_api_key(session: Session, actor: Actor, public_id: bytes, now: datetime) -> ApiKey:
    """Make one of the actor's own keys worthless from now on; again is no error. `NotFound` for others' keys."""
    check_scopes(actor, _ACCOUNT)
    own = (ApiKey.public_id == public_id, ApiKey.party_id == actor.party_id)
    key = session.scalar(select(ApiKey).where(*own))
    if key is None:
        raise NotFound(f"You have no {format_id('key', public_id)}.")
    if key.revoked_at is None:
        key.revoked_at = now
    return key
