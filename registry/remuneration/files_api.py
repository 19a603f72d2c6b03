"""`/v1/settlements/…/inputs|outputs/…`: a settlement as files, for anyone, or only for those whom the operator chose.

Their names are in a listing each, whose root is in the log; so they never change.
"""

from __future__ import annotations

from flask import Response

from registry.base.http import Blueprint, current_actor, reading, settings
from registry.base.settings import PUBLIC
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
@blueprint.alt_response(
    403, description="The operator shows these files to societies and auditors, or auditors, only."
)
@blueprint.alt_response(404, description="There is no such file.")
def settlement_file(public_id: bytes, side: str, name: str) -> Response:
    """Read what a settlement rests on, or what came out; `listing.tsv` names all files of that side."""
    readers = settings().settlement_readers
    public = readers == PUBLIC
    if not public:
        service.check_file_reader(current_actor(), readers)
    with reading() as session:
        data = service.settlement_file(session, public_id, side, name)
    immutable = {"Cache-Control": f"{'public' if public else 'private'}, max-age=31536000, immutable"}
    return Response(data, content_type="text/plain; charset=utf-8", headers=immutable)
