"""JSON and PDF views of invoices, and of whom a lab wants them addressed to."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields, validate

from registry.base.actor import Scope
from registry.base.http import Blueprint, current_actor, reading, require, sources, writing
from registry.base.schemas import PublicId, Strict, Time, line, page_of, page_query
from registry.core.errors import NotFound
from registry.remuneration import billing, invoicing
from registry.remuneration.billing import Side

blueprint = Blueprint("invoices", __name__, url_prefix="/v1", description="Invoices to labs")


class BillingArguments(Strict):
    """To whom invoices are addressed."""

    name = line(200, required=True, metadata={"example": "Example Labs GmbH"})
    address = fields.List(
        line(70),
        required=True,
        validate=validate.Length(1, 5),
        metadata={"example": ["Beispielweg 1", "10115 Berlin"]},
    )
    country = fields.String(required=True, metadata={"description": "ISO 3166-1.", "example": "DE"})
    vat_id = fields.String(
        load_default=None, allow_none=True, metadata={"description": "Of a member state of the Union."}
    )


class BillingView(Strict):
    """As it is printed."""

    name = fields.String()
    address = fields.List(fields.String())
    country = fields.String()
    vat_id = fields.String(allow_none=True)


class InvoiceView(Strict):
    """What a list has of an invoice."""

    id = PublicId("invoice", attribute="public_id")
    kind = fields.String(metadata={"description": "invoice or credit-note"})
    number = fields.String(metadata={"example": "INV-2026-000001"})
    currency = fields.String()
    net_minor = fields.Integer()
    tax_minor = fields.Integer()
    issued_at = Time()


InvoiceList = page_of("invoice", InvoiceView)


@blueprint.get("/billing-details")
@require(Scope.STATEMENTS_READ)
@blueprint.response(200, BillingView)
@blueprint.alt_response(404, description="You gave none yet.")
def get_billing_details() -> Any:
    """To whom your invoices are addressed."""
    with reading() as session:
        found = billing.own_billing_details(session, current_actor())
    if found is None:
        raise NotFound("You gave no billing details; send them with PUT.")
    return _view(found)


@blueprint.put("/billing-details")
@require(Scope.ACCOUNT)
@blueprint.arguments(BillingArguments)
@blueprint.response(200, BillingView)
def put_billing_details(given: dict[str, Any]) -> Any:
    """Have invoices that are issued from now on addressed so; for labs."""
    side = billing.check_side(given["name"], tuple(given["address"]), given["country"], given["vat_id"])
    with writing() as session:
        return _view(billing.set_billing_details(session, current_actor(), side, sources()))


@blueprint.get("/invoices")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(page_query("invoice"), location="query")
@blueprint.response(200, InvoiceList)
def list_invoices(page: dict[str, Any]) -> Any:
    """Invoices and credit notes to your lab, oldest first."""
    with reading() as session:
        return invoicing.list_invoices(session, current_actor(), **page)


@blueprint.get("/invoices/<id(invoice):public_id>")
@require(Scope.STATEMENTS_READ)
@blueprint.response(200, content_type="application/json", description="The document, as it was issued.")
def get_invoice(public_id: bytes) -> Response:
    """Read all that an invoice says, as canonical JSON; the same bytes each time."""
    with reading() as session:
        found = invoicing.get_invoice(session, current_actor(), public_id)
    return Response(found.document, content_type="application/json")


@blueprint.get("/invoices/<id(invoice):public_id>/document.pdf")
@require(Scope.STATEMENTS_READ)
@blueprint.response(200, content_type="application/pdf", description="The letter, as it was issued.")
def get_invoice_pdf(public_id: bytes) -> Response:
    """Read the same as a letter, to print and to keep; the same bytes each time."""
    with reading() as session:
        found = invoicing.get_invoice(session, current_actor(), public_id)
    headers = {"Content-Disposition": f'attachment; filename="{found.number}.pdf"'}
    return Response(found.pdf, content_type="application/pdf", headers=headers)


def _view(side: Side) -> dict[str, Any]:
    return side.stated()
