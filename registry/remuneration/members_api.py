"""What a society's members got, as files for the society's own systems."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields, validate

from registry.base.actor import Scope
from registry.base.context import settings
from registry.base.http import Blueprint, current_actor, reading, require, sources
from registry.base.schemas import PublicId, Strict
from registry.remuneration.members import MembersReport, members_report
from registry.remuneration.society_files import dsr_like, members_csv

blueprint = Blueprint("members", __name__, url_prefix="/v1/statements", description="Statements of members")


class MembersQuery(Strict):
    """Which period; the operator names a society."""

    period = fields.String(required=True, metadata={"example": "2026-Q4"})
    society = PublicId("party", load_default=None)


class MembersCsvQuery(MembersQuery):
    """And for which program."""

    separator = fields.String(
        load_default="comma",
        validate=validate.OneOf(["comma", "semicolon"]),
        metadata={"description": "semicolon for a German Excel, with a comma in amounts"},
    )


@blueprint.get("/members.csv")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(MembersCsvQuery, location="query")
@blueprint.response(200, content_type="text/csv", description="One line for each use and member (RFC 4180).")
def get_members_csv(query: dict[str, Any]) -> Response:
    """All lines of all members for whom your society collects, as a table."""
    found = _report(query)
    data = members_csv(found, german_excel=query["separator"] == "semicolon")
    return _file(found, data, "csv", "text/csv; charset=utf-8; header=present")


@blueprint.get("/members.tsv")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(MembersQuery, location="query")
@blueprint.response(200, content_type="text/tab-separated-values", description="A DSR-like usage report.")
def get_members_tsv(query: dict[str, Any]) -> Response:
    """The same as a usage report in the shape of DDEX DSR. It is DSR-like, not a licensed implementation of DDEX."""
    found = _report(query)
    return _file(
        found,
        dsr_like(found, f"{settings().origin}/usage-log"),
        "tsv",
        "text/tab-separated-values; charset=utf-8",
    )


def _report(query: dict[str, Any]) -> MembersReport:
    with reading() as session:
        return members_report(session, current_actor(), query["period"], sources(), query["society"])


def _file(found: MembersReport, data: bytes, ending: str, content_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="members-{found.period}.{ending}"'}
    return Response(data, content_type=content_type, headers=headers)
