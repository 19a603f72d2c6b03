"""JSON views of confirming an address, changing it, and setting a password that was forgotten."""

from __future__ import annotations

from typing import Any

from registry.addresses import schemas, service
from registry.addresses.rules import Purpose
from registry.base.actor import Scope
from registry.base.context import settings
from registry.base.http import Blueprint, Rate, current_actor, reading, require, sources, writing
from registry.core.errors import Conflict
from registry.parties import service as parties
from registry.web.confirming import confirm_password

blueprint = Blueprint(
    "addresses", __name__, url_prefix="/v1", description="Addresses and forgotten passwords"
)


@blueprint.post("/accounts/me/confirmation")
@require(Scope.ACCOUNT)
@blueprint.arguments(schemas.AnotherLetter)
@blueprint.response(204)
def ask_again(data: dict[str, Any]) -> None:
    """Send the mail that asks you to confirm your address once more; five a day at most."""
    _check_mail()
    with writing() as session:
        service.ask_again(session, current_actor(), data["language"], sources())


@blueprint.post("/accounts/me/email")
@require(Scope.ACCOUNT)
@blueprint.arguments(schemas.NewAddress)
@blueprint.response(204)
def change_address(data: dict[str, Any]) -> None:
    """Take another address, once the mail that goes there is answered. Needs your password; the old one is told."""
    _check_mail()
    confirm_password(current_actor(), data["password"])
    with writing() as session:
        service.change_address(session, current_actor(), data["email"], data["language"], sources())


@blueprint.post("/address-confirmations", rate=Rate.ANONYMOUS)
@blueprint.arguments(schemas.LinkSent)
@blueprint.response(204)
def confirm(data: dict[str, Any]) -> None:
    """Confirm an address by the secret of the link in a mail: what follows /confirm/ there. It works once."""
    with writing() as session:
        service.confirm(session, data["secret"], sources())


@blueprint.post("/forgotten-passwords", rate=Rate.ANONYMOUS)
@blueprint.arguments(schemas.Forgotten)
@blueprint.response(204)
def forgot_password(data: dict[str, Any]) -> None:
    """Ask for a mail with a link for a new password; the answer is the same whether or not there is an account."""
    _check_mail()
    with writing() as session:
        service.forgot_password(session, data["email"], data["language"], sources())


@blueprint.post("/forgotten-passwords/new", rate=Rate.ANONYMOUS)
@blueprint.arguments(schemas.NewPassword)
@blueprint.response(204)
def set_forgotten_password(data: dict[str, Any]) -> None:
    """Set a new password by the secret of the link in a mail. Whoever is signed in is signed out."""
    with reading() as session:
        party, _address = service.look(session, data["secret"], Purpose.RECOVER, sources().now())
        password = parties.hash_new_password(party, data["password"])
    with writing() as session:
        service.set_forgotten_password(session, data["secret"], password, sources())


def _check_mail() -> None:
    if not settings().sends_mail:
        raise Conflict("This registry sends no mails, so addresses are not confirmed.")
