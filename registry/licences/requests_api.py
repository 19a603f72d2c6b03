"""JSON views of requests for terms: the lab asks, the owner answers, both see theirs."""

from __future__ import annotations

from typing import Any

from registry.base.actor import Scope
from registry.base.http import Blueprint, current_actor, reading, require, sources, writing
from registry.licences import schemas, service

blueprint = Blueprint(
    "requests", __name__, url_prefix="/v1/requests", description="A lab asks for terms, the owner answers"
)


@blueprint.post("")
@require(Scope.LICENCES_WRITE)
@blueprint.arguments(schemas.NewRequest)
@blueprint.response(201, schemas.RequestList)
def ask_for_terms(data: dict[str, Any]) -> Any:
    """Ask, as a lab, for terms for some works. Each of their owners gets a request of its own."""
    lists = {name: tuple(data[name]) for name in ("works", "territories")}
    command = service.AskForTerms(**data | lists)
    with writing() as session:
        made = service.ask_for_terms(session, current_actor(), command, sources())
        return {"items": service.requests_seen(session, made), "next": None}


@blueprint.get("")
@require()
@blueprint.arguments(schemas.REQUEST_PAGE, location="query")
@blueprint.response(200, schemas.RequestList)
def list_requests(page: dict[str, Any]) -> Any:
    """What you asked for and what you were asked, oldest first; `state=open` is what waits for an answer."""
    with reading() as session:
        found = service.list_requests(session, current_actor(), **page)
        return {"items": service.requests_seen(session, found.items), "next": found.next}


@blueprint.get("/<id(request):public_id>")
@require()
@blueprint.response(200, schemas.RequestView)
def get_request(public_id: bytes) -> Any:
    """One request of yours or to you."""
    with reading() as session:
        request = service.get_request(session, current_actor(), public_id, sources())
        return service.requests_seen(session, [request])[0]


@blueprint.delete("/<id(request):public_id>")
@require(Scope.LICENCES_WRITE)
@blueprint.response(204)
def withdraw_request(public_id: bytes) -> None:
    """Withdraw a request that was not answered yet."""
    with writing() as session:
        service.withdraw_request(session, current_actor(), public_id, sources())


@blueprint.post("/<id(request):public_id>/offer")
@require(Scope.LICENCES_WRITE)
@blueprint.arguments(schemas.NewAnswer)
@blueprint.response(201, schemas.RequestView)
def answer_with_offer(data: dict[str, Any], public_id: bytes) -> Any:
    """Answer with an offer to this lab alone: what it asked for, at the price of a tariff of yours."""
    command = service.AnswerRequest(public_id, **data)
    with writing() as session:
        request = service.answer_with_offer(session, current_actor(), command, sources())
        return service.requests_seen(session, [request])[0]


@blueprint.post("/<id(request):public_id>/decline")
@require(Scope.LICENCES_WRITE)
@blueprint.arguments(schemas.Decline)
@blueprint.response(200, schemas.RequestView)
def decline_request(data: dict[str, Any], public_id: bytes) -> Any:
    """Say no. The works stay denied."""
    with writing() as session:
        request = service.decline_request(session, current_actor(), public_id, data["reason"], sources())
        return service.requests_seen(session, [request])[0]
