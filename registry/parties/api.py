"""JSON views of accounts, API keys, mandates and models."""

from __future__ import annotations

from typing import Any

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import API_KEY_SCHEME
from registry.base.http import (
    Blueprint,
    Rate,
    current_actor,
    optional_actor,
    reading,
    require,
    sources,
    writing,
)
from registry.base.schemas import page_query
from registry.core.errors import InvalidInput
from registry.parties import logging_in, schemas, service
from registry.parties.rules import May

blueprint = Blueprint("parties", __name__, url_prefix="/v1", description="Accounts, keys, mandates, models")


@blueprint.post("/accounts", rate=Rate.ANONYMOUS)
@blueprint.arguments(schemas.NewAccount)
@blueprint.response(201, schemas.OwnAccount)
def open_account(data: dict[str, Any]) -> Any:
    """Open an account as a creator, lab or society.

    It works at once. Where the registry sends mails, a mail with a link goes to the address, and the answer is the
    same whether or not somebody has that address already.
    """
    language = data["language"]
    who = service.RegisterParty(Role(data["role"]), data["name"], data["email"], data["password"], language)
    return logging_in.open_account(who, language)


@blueprint.get("/accounts/me")
@require(Scope.ACCOUNT)
@blueprint.response(200, schemas.OwnAccount)
def own_account() -> Any:
    """Your own account."""
    with reading() as session:
        return service.own_party(session, current_actor())


@blueprint.get("/accounts/<id(party):public_id>")
@require()
@blueprint.response(200, schemas.PublicAccount)
def public_account(public_id: bytes) -> Any:
    """What may be known of somebody else's account."""
    with reading() as session:
        return service.public_profile(session, public_id)


@blueprint.post("/keys", rate=Rate.ANONYMOUS)
@blueprint.doc(security=[{API_KEY_SCHEME: [Scope.ACCOUNT.value]}, {}])
@blueprint.arguments(schemas.NewKey)
@blueprint.response(201, schemas.KeyOnce)
def create_key(data: dict[str, Any]) -> Any:
    """Make an API key, by e-mail address and password or by a key with the scope account. It is shown once."""
    actor = _by_password_or_key(data.get("email"), data.get("password"))
    command = service.CreateApiKey(data["name"], frozenset(map(Scope, data["scopes"])), data["expires_at"])
    with writing() as session:
        key, text = service.create_api_key(session, actor, command, sources())
        return {"row": key, "key": text}


def _by_password_or_key(email: str | None, password: str | None) -> Actor:
    if email is None and password is None:
        return current_actor()
    if email is None or password is None or optional_actor() is not None:
        raise InvalidInput("Send either email and password, both, or an API key.")
    return logging_in.log_in_counted(email, password)


@blueprint.get("/keys")
@require(Scope.ACCOUNT)
@blueprint.arguments(page_query("key"), location="query")
@blueprint.response(200, schemas.KeyList)
def list_keys(page: dict[str, Any]) -> Any:
    """Your keys, oldest first, without their texts."""
    with reading() as session:
        return service.list_api_keys(session, current_actor(), **page)


@blueprint.delete("/keys/<id(key):public_id>")
@require(Scope.ACCOUNT)
@blueprint.response(204)
def revoke_key(public_id: bytes) -> None:
    """Revoke one of your keys, at once and for good."""
    with writing() as session:
        service.revoke_api_key(session, current_actor(), public_id, sources().now())


@blueprint.post("/mandates")
@require(Scope.ACCOUNT)
@blueprint.arguments(schemas.NewMandate)
@blueprint.response(201, schemas.MandateView)
def create_mandate(data: dict[str, Any]) -> Any:
    """Let a society or another creator act for you."""
    command = service.CreateMandate(**data | {"may": frozenset(map(May, data["may"]))})
    with writing() as session:
        return service.create_mandate(session, current_actor(), command, sources())


@blueprint.get("/mandates")
@require(Scope.ACCOUNT)
@blueprint.arguments(page_query("mandate"), location="query")
@blueprint.response(200, schemas.MandateList)
def list_mandates(page: dict[str, Any]) -> Any:
    """The mandates that you have given or been given."""
    with reading() as session:
        return service.list_mandates(session, current_actor(), **page)


@blueprint.post("/mandates/<id(mandate):public_id>/end")
@require(Scope.ACCOUNT)
@blueprint.arguments(schemas.EndMandate)
@blueprint.response(200, schemas.MandateView)
def end_mandate(data: dict[str, Any], public_id: bytes) -> Any:
    """End a mandate now or later; either side can."""
    with writing() as session:
        return service.end_mandate(session, current_actor(), public_id, data["at"], sources().now())


@blueprint.post("/models")
@require(Scope.CLAIMS_WRITE)
@blueprint.arguments(schemas.NewModel)
@blueprint.response(201, schemas.ModelView)
def create_model(data: dict[str, Any]) -> Any:
    """Name one of your lab's models, for usage claims to point to."""
    with writing() as session:
        return service.create_model(session, current_actor(), data["name"], data["version"], sources())


@blueprint.get("/models")
@require(Scope.CLAIMS_WRITE)
@blueprint.arguments(page_query("model"), location="query")
@blueprint.response(200, schemas.ModelList)
def list_models(page: dict[str, Any]) -> Any:
    """Your lab's models."""
    with reading() as session:
        return service.list_models(session, current_actor(), **page)
