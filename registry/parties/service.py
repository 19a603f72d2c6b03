"""What parties do: open an account, make and revoke keys, give and end mandates, name their models.

The functions that other rooms use: `authenticate_key`, `acting_for`, `party_by_public_id`, `parties_by_id`, `model_of`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from registry.core.ids import format_id
from registry.parties import rules
from registry.parties.models import ApiKey, Mandate, MandateVersion, Model, Party
from registry.parties.passwords import hash_password, verify_password
from registry.parties.rules import Authority, May, Repertoire, WorkRef

__all__ = [
    "CreateApiKey",
    "CreateMandate",
    "May",
    "PublicProfile",
    "RegisterParty",
    "Repertoire",
    "WorkRef",
    "acting_for",
    "actor_of",
    "authenticate_key",
    "create_api_key",
    "create_mandate",
    "create_model",
    "end_mandate",
    "list_api_keys",
    "list_mandates",
    "list_models",
    "log_in",
    "model_of",
    "models_by_id",
    "own_party",
    "parties_by_id",
    "party_by_public_id",
    "public_profile",
    "register_operator",
    "register_party",
    "revoke_api_key",
]

_ACCOUNT = frozenset({Scope.ACCOUNT})


# -- accounts ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class RegisterParty:
    """A new account. Without e-mail address and password it can only be used by keys that the operator makes."""

    role: Role
    name: str
    email: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class PublicProfile:
    """What everybody may know of a party. Creators stay unnamed: many publish under another name."""

    public_id: bytes
    role: Role
    name: str | None


def register_party(session: Session, command: RegisterParty, sources: Sources) -> Party:
    """Open an account for a creator, lab or society; open to anyone.

    `InvalidInput` for a bad name, address or password, `Conflict` if the address is taken.
    """
    if command.role is Role.OPERATOR:
        raise Forbidden("An operator's account is made on the server: vorbehalt-server account create.")
    return _add_party(session, command, sources)


def register_operator(session: Session, command: RegisterParty, sources: Sources) -> Party:
    """Open an account for an operator. For the server's command line: no view may call this."""
    if command.role is not Role.OPERATOR:
        raise InvalidInput(f"This makes operators, not a {command.role}.")
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
        if session.scalar(select(Party.id).where(Party.email == email)) is not None:
            raise Conflict("There is an account with this e-mail address already.")
    party = Party(
        public_id=sources.new_id(),
        role=command.role,
        name=name,
        email=email,
        password=password,
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
        first = register_operator(session, RegisterParty(Role.OPERATOR, "Command line"), sources)
    return actor_of(first)


def log_in(session: Session, email: str, password: str) -> Actor:
    """The party with this address and password; one `Unauthenticated` for all that can be wrong.

    It takes the same time whether or not there is such an account.
    """
    try:
        party = session.scalar(select(Party).where(Party.email == rules.normalise_email(email)))
    except InvalidInput:
        party = None
    if not verify_password(party.password if party else None, password) or party is None:
        raise Unauthenticated("E-mail address and password do not fit together.")
    return actor_of(party)


def own_party(session: Session, actor: Actor) -> Party:
    """The actor's own account, with its private fields."""
    return session.get_one(Party, actor.party_id)


def party_by_public_id(session: Session, public_id: bytes) -> Party:
    """The party with this id; `NotFound` if there is none. What of it may be shown, the caller decides."""
    party = session.scalar(select(Party).where(Party.public_id == public_id))
    if party is None:
        raise NotFound(f"There is no {format_id('party', public_id)}.")
    return party


def public_profile(session: Session, public_id: bytes) -> PublicProfile:
    """What anyone with an account may know of a party."""
    party = party_by_public_id(session, public_id)
    role = Role(party.role)
    return PublicProfile(party.public_id, role, party.name if role in rules.NAMED_IN_PUBLIC else None)


def parties_by_id(session: Session, ids: Collection[int]) -> Mapping[int, Party]:
    """Parties by private key, for rooms that refer to them; absent ones are left out."""
    return {p.id: p for p in session.scalars(select(Party).where(Party.id.in_(ids)))} if ids else {}


# -- API keys ----------------------------------------------------------------------------------------------
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


def authenticate_key(session: Session, key_text: str, now: datetime) -> Actor:
    """Whose key this is, with what it may do; the same `Unauthenticated` for every key that is not valid."""
    key = session.scalar(select(ApiKey).where(ApiKey.digest == rules.check_key(key_text)))
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Unauthenticated(rules.KEY_REFUSED)
    owner = actor_of(key.party)
    return Actor(owner.party_id, owner.public_id, owner.role, key.scopes & owner.scopes)


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


# -- mandates ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class CreateMandate:
    """The principal lets the agent act for it. Only an operator names a principal other than itself."""

    agent: bytes
    may: frozenset[May]
    repertoire: Repertoire
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    principal: bytes | None = None


def create_mandate(session: Session, actor: Actor, command: CreateMandate, sources: Sources) -> Mandate:
    """Record a mandate, given by the principal itself, or by an operator who was shown it on paper."""
    principal = _principal(session, actor, command.principal)
    agent = party_by_public_id(session, command.agent)
    if agent.id == principal.id:
        raise InvalidInput("Nobody needs a mandate to act for itself.")
    may = rules.check_mandate(Role(principal.role), Role(agent.role), command.may)
    now = sources.now()
    mandate = Mandate(public_id=sources.new_id(), principal=principal, agent=agent, created_at=now)
    mandate.versions.append(
        MandateVersion(
            may=sorted(may),
            repertoire=command.repertoire.as_json(),
            valid_from=rules.check_period(command.valid_from, command.valid_to, now),
            valid_to=command.valid_to,
            recorded_at=now,
            recorded_by=actor.party_id,
            superseded_at=None,
        )
    )
    session.add(mandate)
    session.flush()
    return mandate


def _principal(session: Session, actor: Actor, named: bytes | None) -> Party:
    check_scopes(actor, _ACCOUNT)
    if named is None or named == actor.public_id:
        return own_party(session, actor)
    if Scope.OPERATE not in actor.scopes:
        raise Forbidden("Only the principal itself can give a mandate.")
    return party_by_public_id(session, named)


def end_mandate(
    session: Session, actor: Actor, public_id: bytes, at: datetime | None, now: datetime
) -> Mandate:
    """End a mandate now or at a later time; what was recorded before stays readable as history.

    Both sides can, and an operator; for everybody else there is no such mandate.
    """
    check_scopes(actor, _ACCOUNT)
    mandate = session.scalar(select(Mandate).where(Mandate.public_id == public_id))
    sides = (mandate.principal_id, mandate.agent_id) if mandate else ()
    if mandate is None or not (actor.party_id in sides or Scope.OPERATE in actor.scopes):
        raise NotFound(f"You have no {format_id('mandate', public_id)}.")
    old = mandate.current
    end = rules.check_end(old.valid_from, old.valid_to, at, now)
    old.superseded_at = now
    session.flush()
    mandate.versions.append(
        MandateVersion(
            may=old.may,
            repertoire=old.repertoire,
            valid_from=old.valid_from,
            valid_to=end,
            recorded_at=now,
            recorded_by=actor.party_id,
            superseded_at=None,
        )
    )
    session.flush()
    return mandate


def list_mandates(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Mandate]:
    """The mandates that the actor has given or been given."""
    check_scopes(actor, _ACCOUNT)
    mine = or_(Mandate.principal_id == actor.party_id, Mandate.agent_id == actor.party_id)
    return paginate(session, select(Mandate).where(mine), Mandate, after, limit)


def acting_for(
    session: Session,
    actor: Actor,
    principal_public_id: bytes,
    may: May,
    works: Sequence[WorkRef],
    now: datetime,
) -> Actor:
    """The actor, acting for this principal: every service that takes `on_behalf_of` goes through here.

    `works` are what it acts on; none at all means everything that the principal has, which needs a mandate for its
    whole repertoire. `Forbidden` is the same for a principal that does not exist and for one without a mandate.
    """
    if principal_public_id == actor.public_id:
        return actor
    versions = session.scalars(
        select(MandateVersion)
        .join(MandateVersion.mandate)
        .join(Mandate.principal)
        .where(
            Party.public_id == principal_public_id,
            Mandate.agent_id == actor.party_id,
            MandateVersion.superseded_at.is_(None),
        )
    ).all()
    if not versions or not rules.authorised(map(_authority, versions), may, works, now):
        raise Forbidden(
            f"You have no mandate of {format_id('party', principal_public_id)} to {may} this now.", may=may
        )
    principal_id = versions[0].mandate.principal_id
    return Actor(actor.party_id, actor.public_id, actor.role, actor.scopes, principal_id)


def _authority(version: MandateVersion) -> Authority:
    may = frozenset(map(May, version.may))
    return Authority(may, Repertoire.from_json(version.repertoire), version.valid_from, version.valid_to)


# -- models ------------------------------------------------------------------------------------------------
def create_model(session: Session, actor: Actor, name: str, version: str, sources: Sources) -> Model:
    """Name a model of the acting lab, so that usage claims can point to it; `Conflict` if it is named already."""
    if actor.role is not Role.LAB:
        raise Forbidden("Only a lab has models.")
    check_scopes(actor, frozenset({Scope.CLAIMS_WRITE}))
    name, version = rules.check_name(name, longest=100), rules.check_name(version, longest=100)
    same = (Model.lab_id == actor.party_id, Model.name == name, Model.version == version)
    if session.scalar(select(Model.id).where(*same)) is not None:
        raise Conflict(f"You have named {name} {version} already.")
    model = Model(
        public_id=sources.new_id(),
        lab_id=actor.party_id,
        name=name,
        version=version,
        created_at=sources.now(),
    )
    session.add(model)
    session.flush()
    return model


def model_of(session: Session, actor: Actor, public_id: bytes) -> Model:
    """One of the acting lab's own models; `NotFound` for others'."""
    own = (Model.public_id == public_id, Model.lab_id == actor.party_id)
    model = session.scalar(select(Model).where(*own))
    if model is None:
        raise NotFound(f"You have no {format_id('model', public_id)}.")
    return model


def models_by_id(session: Session, ids: Collection[int]) -> Mapping[int, Model]:
    """Models by private key, for rooms that refer to them."""
    return {m.id: m for m in session.scalars(select(Model).where(Model.id.in_(ids)))} if ids else {}


def list_models(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Model]:
    """The acting lab's own models."""
    return paginate(session, select(Model).where(Model.lab_id == actor.party_id), Model, after, limit)
