"""JSON views of what labs declare: incomes and model versions, for the components that are priced by them."""

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

blueprint = Blueprint(
    "declarations", __name__, url_prefix="/v1/declarations", description="What shares and prices rest on"
)


@blueprint.post("", repeatable=True)
@require(Scope.CLAIMS_WRITE)
@blueprint.arguments(schemas.NewDeclaration)
@blueprint.response(201, schemas.DeclarationView)
def declare(data: dict[str, Any]) -> Any:
    """Declare, as a lab, a figure of a quarter that is over. It is logged, and only ever corrected by another one."""
    models = None if data["models"] is None else tuple(data["models"])
    command = service.Declare(**data | {"models": models})
    with writing() as session:
        return service.declare(session, current_actor(), command, sources())


@blueprint.get("")
@require()
@blueprint.arguments(page_query("declaration"), location="query")
@blueprint.response(200, schemas.DeclarationList)
def list_declarations(page: dict[str, Any]) -> Any:
    """What you declared and what was declared to you, oldest first; the operator sees all."""
    with reading() as session:
        return service.list_declarations(session, current_actor(), **page)


@blueprint.get("/<id(declaration):public_id>")
@require()
@blueprint.response(200, schemas.DeclarationView)
def get_declaration(public_id: bytes) -> Any:
    """One of them."""
    with reading() as session:
        return service.get_declaration(session, current_actor(), public_id)


@blueprint.get("/<id(declaration):public_id>/receipt")
@require()
@blueprint.response(200, content_type="text/plain", description="A receipt (c2sp.org/tlog-proof).")
def get_declaration_receipt(public_id: bytes) -> Response:
    """The proof that the declaration is in the usage log; it can be checked without us."""
    key = lambda: part(LogKey)  # noqa: E731 - asked for only where no checkpoint covers the entry yet
    receipt = service.declaration_receipt(database(), current_actor(), public_id, key, sources())
    name = format_id("declaration", public_id) + SUFFIX
    return Response(
        receipt,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
