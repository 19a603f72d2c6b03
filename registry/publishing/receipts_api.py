"""`/v1/works/<work>/receipt`: a maker's receipt, for anybody, since all of it is public."""

from __future__ import annotations

from flask import Response

from registry.base.http import Blueprint, files, reading
from registry.core.ids import format_id
from registry.core.records.receipts import SUFFIX
from registry.publishing import service

blueprint = Blueprint(
    "receipts", __name__, url_prefix="/v1/works", description="Proofs of what is published about a work"
)


@blueprint.get("/<id(work):public_id>/receipt")
@blueprint.response(200, content_type="text/plain", description="A receipt (c2sp.org/tlog-proof).")
@blueprint.alt_response(404, description="No published edition tells of this work.")
@blueprint.alt_response(503, description="It is not in a published edition yet.")
def get_receipt(public_id: bytes) -> Response:
    """The proof of what every lab is told about a work, and that it was published; it can be checked without us."""
    return answer(public_id)


def answer(public_id: bytes) -> Response:
    """The receipt as a file."""
    with reading() as session:
        text = service.receipt_of_work(session, files(), public_id)
    name = format_id("work", public_id) + SUFFIX
    return Response(
        text,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
