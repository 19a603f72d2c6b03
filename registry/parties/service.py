"""What parties do, for their views, the command line and other rooms: accounts, keys, mandates, models.

What other rooms use: `authenticate_key`, `acting_for`, `party_by_public_id`, `parties_by_id`, `model_of`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.core.errors import Conflict, Forbidden, NotFound
from registry.core.ids import format_id
from registry.parties.accounts import (
    NewPassword,
    PublicProfile,
    RegisterParty,
    accept_password,
    actor_of,
    command_line,
    log_in,
    own_party,
    parties_by_id,
    party_by_public_id,
    public_ids,
    public_names,
    public_profile,
    register_on_server,
    register_party,
    set_password,
)
from registry.parties.emails import (
    confirm_email,
    hash_new_password,
    holder,
    recover,
    unconfirmed,
)
from registry.parties.keys import (
    CreateApiKey,
    authenticate_key,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)
from registry.parties.mandates import (
    CreateMandate,
    acting_for,
    agents,
    create_mandate,
    end_mandate,
    given_mandates,
    held_mandates,
    list_mandates,
    principals,
    repertoires,
)
from registry.parties.models import LoginSession, Model, Party
from registry.parties.rules import (
    OPEN_ROLES,
    PASSWORD_MAX,
    PASSWORD_MIN,
    May,
    Repertoire,
    WorkRef,
    check_name,
    normalise_email,
)
from registry.parties.sessions import (
    SESSION_LONGEST,
    SESSION_SEEN_EVERY,
    end_other_sessions,
    end_session,
    forget_sessions,
    list_sessions,
    note_use,
    open_session,
    session_of,
)
from registry.parties.throttle import count_attempt, forget_attempts

__all__ = [
    "OPEN_ROLES",
    "PASSWORD_MAX",
    "PASSWORD_MIN",
    "SESSION_LONGEST",
    "SESSION_SEEN_EVERY",
    "CreateApiKey",
    "CreateMandate",
    "LoginSession",
    "May",
    "Model",
    "NewPassword",
    "Party",
    "PublicProfile",
    "RegisterParty",
    "Repertoire",
    "WorkRef",
    "accept_password",
    "acting_for",
    "actor_of",
    "agents",
    "authenticate_key",
    "command_line",
    "confirm_email",
    "count_attempt",
    "create_api_key",
    "create_mandate",
    "create_model",
    "end_mandate",
    "end_other_sessions",
    "end_session",
    "forget_attempts",
    "forget_sessions",
    "given_mandates",
    "hash_new_password",
    "held_mandates",
    "holder",
    "list_api_keys",
    "list_mandates",
    "list_models",
    "list_sessions",
    "log_in",
    "model_of",
    "models_by_id",
    "normalise_email",
    "note_use",
    "open_session",
    "own_party",
    "parties_by_id",
    "party_by_public_id",
    "principals",
    "public_ids",
    "public_names",
    "public_profile",
    "recover",
    "register_on_server",
    "register_party",
    "repertoires",
    "revoke_api_key",
    "session_of",
    "set_password",
    "unconfirmed",
]


def create_model(session: Session, actor: Actor, name: str, version: str, sources: Sources) -> Model:
    """Name a model of the acting lab, so that usage claims can point to it; `Conflict` if it is named already."""
    if actor.role is not Role.LAB:
        raise Forbidden("Only a lab has models.")
    check_scopes(actor, frozenset({Scope.CLAIMS_WRITE}))
    name, version = check_name(name, longest=100), check_name(version, longest=100)
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
