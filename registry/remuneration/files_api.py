"""`/v1/settlements/…/inputs|outputs/…`: a settlement as files, for anyone, or for societies if the operator wants.

Their names are in a listing each, whose root is in the log; so they never change.
"""

from __future__ import annotations

from flask import Response

from registry.base.actor import Role, Scope
from registry.base.http import Blueprint, current_actor, reading, settings
from registry.base.settings import PUBLIC
from registry.core.errors import Forbidden
from registry.core.settlement.files import SIDES
from registry.remuneration import service

blueprint = Blueprint(
    "settlement-files",
    __name__,
    url_prefix="/v1/settlements",
    description="Settlements, to be computed again by anyone.",
    limited=False,
)


@blueprint.get(f"/<id(settlement):public_id>/<any({', '.join(SIDES)}):side>/<name>")
@blueprint.response(
    200, content_type="text/plain", description="Lines of text: ASCII, each with its line feed."
)
@blueprint.alt_response(403, description="The operator shows these files to societies only.")
@blueprint.alt_response(404, description="There is no such file.")
def settlement_file(public_id: bytes, side: str, name: str) -> Response:
    """Read what a settlement rests on, or what came out; `listing.tsv` names all files of that side."""
    readers = settings().settlement_readers
    if readers != PUBLIC:
        _check_society()
    with reading() as session:
        data = service.settlement_file(session, public_id, side, name)
    kept = "public" if readers == PUBLIC else "private"
    immutable = {"Cache-Control": f"{kept}, max-age=31536000, immutable"}
    return Response(data, content_type="text/plain; charset=utf-8", headers=immutable)


def _check_society() -> None:
    """`Unauthenticated` without a key, `Forbidden` for whoever is neither a society nor the operator."""
    actor = current_actor()
    if actor.role is not Role.SOCIETY and Scope.OPERATE not in actor.scopes:
        raise Forbidden("The files of settlements are for societies and the operator.")
