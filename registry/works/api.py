"""JSON views of works: register, read, change, withdraw, further versions, shares, reservations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from registry.base.actor import Scope
from registry.base.http import (
    Blueprint,
    Rate,
    current_actor,
    reading,
    require,
    require_match,
    sources,
    spend,
    writing,
)
from registry.base.periods import whole_second
from registry.base.schemas import PublicId, page_query
from registry.works import schemas, service
from registry.works.uploads import read_upload

blueprint = Blueprint(
    "works", __name__, url_prefix="/v1/works", description="Register works and say whose they are"
)


def _body(schema: type[schemas.NewFile]) -> dict[str, Any]:
    """The two ways to send a work, for the OpenAPI description; `uploads` reads them."""
    file = {"type": "string", "format": "binary"}
    multipart = {"type": "object", "properties": {"file": file, "metadata": schema}, "required": ["file"]}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schema},
            "multipart/form-data": {"schema": multipart},
        },
    }


def _now() -> datetime:
    return whole_second(sources().now())


_LIST = page_query("work").from_dict({"owner": PublicId("party", load_default=None)}, name="work-page")


@blueprint.post("")
@require(Scope.WORKS_WRITE)
@blueprint.doc(requestBody=_body(schemas.NewWork))
@blueprint.response(201, schemas.WorkView)
def register() -> Any:
    """Register a work by its file, which is not kept, or by its fingerprints alone."""
    spend(Rate.REGISTER)
    data, content = read_upload(schemas.NewWork)
    command = service.RegisterWork(
        content=content,
        **data
        | {
            "identifiers": tuple((i["scheme"], i["value"]) for i in data["identifiers"]),
            "source_urls": tuple(data["source_urls"]),
            "shares": tuple(service.NewShare(**line) for line in data["shares"]),
        },
    )
    with writing() as session:
        done = service.register_work(session, current_actor(), command, sources())
        return service.details(session, done.work, _now())


@blueprint.get("")
@require(Scope.WORKS_READ)
@blueprint.arguments(_LIST, location="query")
@blueprint.response(200, schemas.WorkList)
def list_works(page: dict[str, Any]) -> Any:
    """Your works, oldest first; with `owner`, those of a principal whose whole repertoire you represent."""
    with reading() as session:
        return service.list_works(session, current_actor(), sources(), **page)


@blueprint.get("/<id(work):public_id>")
@require(Scope.WORKS_READ)
@blueprint.response(200, schemas.WorkView)
def get_work(public_id: bytes) -> Any:
    """One of your works, with all that is on record about it."""
    with reading() as session:
        return service.get_work(session, current_actor(), public_id, sources())


@blueprint.patch("/<id(work):public_id>")
@require(Scope.WORKS_WRITE)
@blueprint.arguments(schemas.WorkChange)
@blueprint.response(200, schemas.WorkView)
def change(data: dict[str, Any], public_id: bytes) -> Any:
    """State anew what you say about a work, as you have read it (If-Match). What was stated before stays on record."""
    with writing() as session:
        opened = service.open_work(session, current_actor(), public_id, sources())
        require_match(schemas.WorkView().dump(opened.details))
        work = service.change_work(session, opened, data)
        return service.details(session, work, opened.now)


@blueprint.get("/<id(work):public_id>/revisions")
@require(Scope.WORKS_READ)
@blueprint.response(200, schemas.RevisionList)
def list_revisions(public_id: bytes) -> Any:
    """What was stated about a work before, oldest first, and from when to when."""
    with reading() as session:
        return {"items": service.revisions(session, current_actor(), public_id, sources())}


@blueprint.delete("/<id(work):public_id>")
@require(Scope.WORKS_WRITE)
@blueprint.response(204)
def withdraw(public_id: bytes) -> None:
    """Withdraw a work from now on: it is no longer matched. Agreements that were concluded stay in force."""
    with writing() as session:
        service.withdraw_work(session, current_actor(), public_id, sources())


@blueprint.post("/<id(work):public_id>/versions")
@require(Scope.WORKS_WRITE)
@blueprint.doc(requestBody=_body(schemas.NewFile))
@blueprint.response(201, schemas.WorkView)
def add_version(public_id: bytes) -> Any:
    """Add a further file of the work, such as another edition; its codes are matched beside the others."""
    spend(Rate.REGISTER)
    _, content = read_upload(schemas.NewFile)
    with writing() as session:
        command = service.AddVersion(public_id, content)
        done = service.add_version(session, current_actor(), command, sources())
        return service.details(session, done.work, _now())


@blueprint.post("/<id(work):public_id>/file")
@require(Scope.WORKS_WRITE)
@blueprint.doc(requestBody=_body(schemas.NewFile))
@blueprint.response(200, schemas.WorkView)
def complete(public_id: bytes) -> Any:
    """Show the file of a picture that was registered by its fingerprints, so that parts of it are recognised, too.

    Its codes are added that are not on record yet: those of its places, and of the frame inside a border. The file is
    not kept. It has to be the registered picture: at most 12 of 256 bits of their fingerprints may differ. Again is no
    error.
    """
    spend(Rate.REGISTER)
    _, content = read_upload(schemas.NewFile)
    with writing() as session:
        command = service.CompleteWork(public_id, content)
        done = service.complete_work(session, current_actor(), command, sources())
        return service.details(session, done.work, _now())


@blueprint.put("/<id(work):public_id>/shares")
@require(Scope.WORKS_WRITE)
@blueprint.arguments(schemas.NewShares)
@blueprint.response(200, schemas.WorkView)
def set_shares(data: dict[str, Any], public_id: bytes) -> Any:
    """State anew who holds which share; money for past use still goes to those who held it then."""
    stated = [service.NewShare(**line) for line in data["shares"]]
    with writing() as session:
        work = service.set_shares(session, current_actor(), public_id, stated, sources())
        return service.details(session, work, _now())


@blueprint.put("/<id(work):public_id>/reservations")
@require(Scope.WORKS_WRITE)
@blueprint.arguments(schemas.NewReservations)
@blueprint.response(200, schemas.WorkView)
def set_reservations(data: dict[str, Any], public_id: bytes) -> Any:
    """State anew which purposes are denied even where a licence to anyone would permit them."""
    stated = [service.NewReservation(**line) for line in data["reservations"]]
    with writing() as session:
        work = service.set_reservations(session, current_actor(), public_id, stated, sources())
        return service.details(session, work, _now())
