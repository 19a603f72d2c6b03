"""The JSON view of a society's repertoire, sent as a CWR file."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from registry.base.actor import Scope
from registry.base.http import Blueprint, Rate, current_actor, require, sources, writing
from registry.base.schemas import PublicId, Strict
from registry.works import service

blueprint = Blueprint("repertoire", __name__, url_prefix="/v1", description="A society's repertoire")


class MemberArguments(Strict):
    """Whose account somebody is that the file names."""

    ipi = fields.String(required=True, metadata={"description": "IPI name number.", "example": "00014107338"})
    party = PublicId("party", required=True)


class RepertoireArguments(Strict):
    """A CWR 2.1 or 2.2 file, and who of those that it names are members."""

    cwr = fields.String(required=True, metadata={"description": "The file's text."})
    members = fields.List(fields.Nested(MemberArguments), required=True, validate=validate.Length(1, 10_000))
    dry_run = fields.Boolean(
        load_default=False, metadata={"description": "Say what would change, and change nothing."}
    )


class ImportedWorkView(Strict):
    """What the file says of a registered work."""

    work = PublicId("work")
    iswc = fields.String()
    title = fields.String(metadata={"description": "As registered."})
    changed = fields.Boolean()
    unclaimed_ppm = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "By right: what belongs to nobody among the members."},
    )


class NotRegisteredView(Strict):
    """A musical work without a registered work under its ISWC."""

    line = fields.Integer()
    number = fields.String(metadata={"description": "The sender's own."})
    title = fields.String()
    iswc = fields.String(allow_none=True)


class RepertoireView(Strict):
    """What became of a file, in its order."""

    works = fields.List(fields.Nested(ImportedWorkView))
    not_registered = fields.List(fields.Nested(NotRegisteredView))


@blueprint.post("/works/cwr", rate=Rate.BULK)
@require(Scope.WORKS_WRITE)
@blueprint.arguments(RepertoireArguments)
@blueprint.response(200, RepertoireView)
def import_repertoire(given: dict[str, Any]) -> Any:
    """Take over the shares of your members' works from a CWR file: all of it, or nothing."""
    members = tuple((member["ipi"], member["party"]) for member in given["members"])
    command = service.ImportRepertoire(given["cwr"], members, given["dry_run"])
    with writing() as session:
        return service.import_repertoire(session, current_actor(), command, sources())
