"""JSON views of lists of works: send one, see how far it is, fetch what became of each row."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Response, request, url_for
from werkzeug.exceptions import UnsupportedMediaType

from registry.base.actor import Scope
from registry.base.http import Blueprint, Rate, current_actor, reading, require, sources, writing
from registry.base.schemas import PublicId, Strict
from registry.core.ids import format_id
from registry.works import schemas, service
from registry.works.bulk_rows import JSON_LINES, PARQUET

blueprint = Blueprint("bulk", __name__, url_prefix="/v1", description="Register many works at once")

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"required": True, "content": {JSON_LINES: _BINARY, PARQUET: _BINARY}}
_QUERY = Strict.from_dict({"on_behalf_of": PublicId("party", load_default=None)}, name="BulkQuery")


@blueprint.post("/works/bulk", rate=Rate.BULK)
@require(Scope.WORKS_WRITE)
@blueprint.arguments(_QUERY, location="query")
@blueprint.doc(requestBody=_BODY)
@blueprint.response(202, schemas.BulkView)
def upload_works(query: dict[str, Any]) -> Any:
    """Send up to 100,000 works by their fingerprints, as JSON lines or parquet. A job registers them."""
    if request.mimetype not in {JSON_LINES, PARQUET}:
        raise UnsupportedMediaType(f"Send a list of works as {JSON_LINES} or {PARQUET}.")
    command = service.UploadWorks(request.get_data(), request.mimetype, query["on_behalf_of"])
    with writing() as session:
        job = service.upload_works(session, current_actor(), command, sources())
        progress = service.get_bulk(session, current_actor(), job.public_id)
    return progress, 202, {"Location": url_for("bulk.get_job", public_id=job.public_id)}


@blueprint.get("/jobs/<id(job):public_id>")
@require(Scope.WORKS_READ)
@blueprint.response(200, schemas.BulkView)
def get_job(public_id: bytes) -> Any:
    """How far a list of works is, and the first hundred rows that were refused."""
    with reading() as session:
        return service.get_bulk(session, current_actor(), public_id)


@blueprint.get("/jobs/<id(job):public_id>/rows.csv")
@require(Scope.WORKS_READ)
@blueprint.response(200, content_type="text/csv", description="row, work, code, message: one line a row.")
def get_rows(public_id: bytes) -> Response:
    """What became of every row so far: its work, or why it was refused."""
    with reading() as session:
        found = service.bulk_outcomes(session, current_actor(), public_id)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(("row", "work", "code", "message"))
    for row in found:
        work = "" if row.work is None else format_id("work", row.work)
        writer.writerow((row.n, work, row.code or "", row.message or ""))
    return Response(table.getvalue(), content_type="text/csv; charset=utf-8; header=present")
