"""JSON views of claims and their receipts."""

from __future__ import annotations

from typing import Any

from flask import Response

from registry.base.actor import Scope
from registry.base.context import database
from registry.base.http import Blueprint, current_actor, part, reading, require, sources, writing
from registry.base.schemas import page_query
from registry.core.ids import format_id
from registry.core.records.receipts import SUFFIX
from registry.log.service import LogKey
from registry.usage import schemas, service

blueprint = Blueprint("claims", __name__, url_prefix="/v1/claims", description="What labs used under licence")


@blueprint.post("", repeatable=True)
@require(Scope.CLAIMS_WRITE)
@blueprint.arguments(schemas.NewClaim)
@blueprint.response(201, schemas.ClaimReceipt)
def submit_claim(data: dict[str, Any]) -> Any:
    """Report use. The same batch again has the same answer; a wrong row is named, and then nothing is recorded."""
    part(LogKey)  # before anything is logged, know that a receipt can be signed
    command = service.SubmitClaim(data["manifest"], data["model"], data["rows"])
    with writing() as session:
        batch = service.submit_claim(session, current_actor(), command, sources())
    return {"id": batch.public_id, "log_index": batch.log_index, "receipt": _receipt(batch.public_id)}


@blueprint.get("")
@require()
@blueprint.arguments(page_query("claim"), location="query")
@blueprint.response(200, schemas.ClaimList)
def list_claims(page: dict[str, Any]) -> Any:
    """Your lab's claims, oldest first; the operator and auditors see all."""
    with reading() as session:
        found = service.list_claims(session, current_actor(), **page)
        return {"items": service.claim_details(session, found.items), "next": found.next}


@blueprint.get("/<id(claim):public_id>")
@require()
@blueprint.response(200, schemas.ClaimView)
def get_claim(public_id: bytes) -> Any:
    """One claim of your lab."""
    with reading() as session:
        batch = service.get_claim(session, current_actor(), public_id)
        return service.claim_details(session, [batch])[0]


@blueprint.get("/<id(claim):public_id>/receipt")
@require()
@blueprint.arguments(schemas.ReceiptQuery, location="query")
@blueprint.response(200, content_type="text/plain", description="A receipt (c2sp.org/tlog-proof).")
def get_receipt(query: dict[str, Any], public_id: bytes) -> Response:
    """The proof that a claim of your lab, or one row of it, is in the usage log; it can be checked without us.

    A row's is also for the maker of the work in it, and for whoever may collect for them.
    """
    name = format_id("claim", public_id) + SUFFIX
    return Response(
        _receipt(public_id, query["row"]),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _receipt(public_id: bytes, row: int | None = None) -> str:
    return service.receipt_now(database(), current_actor(), public_id, lambda: part(LogKey), sources(), row)
