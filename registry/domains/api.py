"""JSON views of domain claims: claim, prove, look, give up."""

from __future__ import annotations

from typing import Any

from registry.base.actor import Scope
from registry.base.http import (
    Blueprint,
    current_actor,
    database,
    part,
    reading,
    require,
    sources,
    writing,
)
from registry.base.schemas import page_query
from registry.domains import schemas, service
from registry.domains.rules import NOUN

blueprint = Blueprint(
    "domains",
    __name__,
    url_prefix="/v1/domains",
    description="Reserve what lies at a domain that you control",
)


@blueprint.post("")
@require(Scope.WORKS_WRITE)
@blueprint.arguments(schemas.NewDomainClaim)
@blueprint.response(201, schemas.DomainView)
def claim_domain(data: dict[str, Any]) -> Any:
    """Claim a domain. Nothing holds until it is proved; the answer says what to put where."""
    with writing() as session:
        claim = service.claim_domain(session, current_actor(), service.ClaimDomain(**data), sources())
        return service.views(session, [claim])[0]


@blueprint.get("")
@require(Scope.WORKS_READ)
@blueprint.arguments(page_query(NOUN), location="query")
@blueprint.response(200, schemas.DomainList)
def list_domains(page: dict[str, Any]) -> Any:
    """Your claims, oldest first, ended ones too."""
    with reading() as session:
        found = service.list_claims(session, current_actor(), **page)
        return {"items": service.views(session, found.items), "next": found.next}


@blueprint.get(f"/<id({NOUN}):public_id>")
@require(Scope.WORKS_READ)
@blueprint.response(200, schemas.DomainView)
def get_domain(public_id: bytes) -> Any:
    """One of your claims: what proves it, whether it holds, and what was found the last time."""
    with reading() as session:
        claim = service.own_claim(session, current_actor(), public_id, sources())
        return service.views(session, [claim])[0]


@blueprint.post(f"/<id({NOUN}):public_id>/proof")
@require(Scope.WORKS_WRITE)
@blueprint.response(200, schemas.DomainView)
def prove_domain(public_id: bytes) -> Any:
    """Look for the proof now, which takes some seconds. From then on it is looked for every day."""
    claim = service.prove(database(), current_actor(), public_id, part(service.Prober), sources())
    with reading() as session:
        return service.views(session, [claim])[0]


@blueprint.delete(f"/<id({NOUN}):public_id>")
@require(Scope.WORKS_WRITE)
@blueprint.response(204)
def end_domain(public_id: bytes) -> None:
    """Give a claim up from now on. Agreements that were concluded on it stay in force."""
    with writing() as session:
        service.end_claim(session, current_actor(), public_id, sources())
