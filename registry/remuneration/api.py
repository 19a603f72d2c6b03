"""JSON and CSV views of statements, and of the settlements that they come from."""

from __future__ import annotations

from typing import Any

from flask import Response

from registry.base.actor import Scope
from registry.base.http import Blueprint, current_actor, reading, require, sources, writing
from registry.base.schemas import page_query
from registry.core.errors import NotFound
from registry.core.ids import format_id
from registry.remuneration import schemas, service
from registry.remuneration.export import to_csv
from registry.remuneration.statements import Statement
from registry.web.confirming import check_address_confirmed, confirm_password

blueprint = Blueprint("remuneration", __name__, url_prefix="/v1", description="Statements and settlements")


@blueprint.get("/statements")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(schemas.StatementQuery, location="query")
@blueprint.response(200, schemas.StatementView)
def get_statement(query: dict[str, Any]) -> Any:
    """What you, or somebody for whom you may collect, are owed for a period, use by use."""
    return _statement(query)


@blueprint.get("/statements.csv")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(schemas.StatementQuery, location="query")
@blueprint.response(200, content_type="text/csv", description="The lines of the statement (RFC 4180).")
def get_statement_csv(query: dict[str, Any]) -> Response:
    """The same as a table."""
    found = _statement(query)
    name = f"statement-{found.period}-{format_id('party', found.party)}.csv"
    return Response(
        to_csv(found),
        content_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@blueprint.get("/statements/held")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(schemas.HeldQuery, location="query")
@blueprint.response(200, schemas.HeldList)
def list_held(query: dict[str, Any]) -> Any:
    """What is held of the money of your works, and why; the operator sees that of all."""
    with reading() as session:
        items = service.list_held(session, current_actor(), sources(), query["on_behalf_of"])
    return {"items": items}


@blueprint.get("/settlements")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(page_query("settlement"), location="query")
@blueprint.response(200, schemas.SettlementList)
def list_settlements(page: dict[str, Any]) -> Any:
    """All settlements, oldest first."""
    with reading() as session:
        return service.list_settlements(session, current_actor(), **page)


@blueprint.get("/settlements/<id(settlement):public_id>")
@require(Scope.STATEMENTS_READ)
@blueprint.response(200, schemas.SettlementDetailsView)
def get_settlement(public_id: bytes) -> Any:
    """One settlement, with what your lab owes in it."""
    with reading() as session:
        return service.get_settlement(session, current_actor(), public_id)


@blueprint.get("/payouts")
@require(Scope.STATEMENTS_READ)
@blueprint.response(200, schemas.PayoutsView)
def list_payouts() -> Any:
    """What was paid to you, newest first, and what you are owed now."""
    with reading() as session:
        actor = current_actor()
        return {
            "owed": service.owed_to(session, actor),
            "payouts": service.payouts_to(session, actor),
        }


@blueprint.get("/bank-account")
@require(Scope.STATEMENTS_READ)
@blueprint.response(200, schemas.BankAccountView)
@blueprint.alt_response(404, description="You gave none yet.")
def get_bank_account() -> Any:
    """Where you are paid."""
    with reading() as session:
        found = service.bank_account_of(session, current_actor())
    if found is None:
        raise NotFound("You gave no bank account; send one with PUT.")
    return found


@blueprint.put("/bank-account")
@require(Scope.ACCOUNT)
@blueprint.arguments(schemas.BankAccountArguments)
@blueprint.response(200, schemas.BankAccountView)
def put_bank_account(arguments: dict[str, Any]) -> Any:
    """Be paid to this account, from two weeks on.

    Needs your password, whatever the key may do, and an address that is confirmed.
    """
    check_address_confirmed(current_actor())
    confirm_password(current_actor(), arguments["password"])
    with writing() as session:
        return service.set_bank_account(
            session, current_actor(), arguments["holder"], arguments["iban"], sources()
        )


def _statement(query: dict[str, Any]) -> Statement:
    with reading() as session:
        return service.statement(session, current_actor(), query["period"], sources(), query["on_behalf_of"])
