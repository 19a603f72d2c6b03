"""JSON views of filter runs."""

from __future__ import annotations

from typing import Any

from registry.base.actor import Scope
from registry.base.http import Blueprint, current_actor, reading, require, sources, writing
from registry.base.schemas import page_query
from registry.usage import schemas, service

blueprint = Blueprint("runs", __name__, url_prefix="/v1/runs", description="What labs filtered, and how")


@blueprint.post("")
@require(Scope.CLAIMS_WRITE)
@blueprint.arguments(schemas.NewRun)
@blueprint.response(201, schemas.RunView)
def submit_run(data: dict[str, Any]) -> Any:
    """Put a run of yours on record, whether or not anything is claimed for it. The same run again is no error."""
    with writing() as session:
        run = service.submit_run(session, current_actor(), data["manifest"], sources())
        return service.runs_seen(session, [run])[0]


@blueprint.get("")
@require()
@blueprint.arguments(schemas.RunPage, location="query")
@blueprint.response(200, schemas.RunList)
def list_runs(page: dict[str, Any]) -> Any:
    """Your lab's runs, oldest first; the operator sees all."""
    with reading() as session:
        found = service.list_runs(session, current_actor(), **page)
        return {"items": service.runs_seen(session, found.items), "next": found.next}


@blueprint.get("/<run:run_id>")
@require()
@blueprint.response(200, schemas.RunView)
def get_run(run_id: str) -> Any:
    """One run of your lab, with its manifest."""
    with reading() as session:
        return service.runs_seen(session, [service.get_run(session, current_actor(), run_id)])[0]


@blueprint.get("/<run:run_id>/changes")
@require()
@blueprint.arguments(page_query("work"), location="query")
@blueprint.response(200, schemas.ChangeList)
def changes_of_run(page: dict[str, Any], run_id: str) -> Any:
    """What your lab reported as used in this run and may use no longer: withdrawn since, or no longer covered.

    Ask again with `If-None-Match`: while nothing has changed, the answer is 304.
    """
    with reading() as session:
        return service.changes_of_run(session, current_actor(), run_id, sources().now(), **page)
