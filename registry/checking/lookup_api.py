"""`GET /v1/lookup`: is this code on record, and if the work is yours, who used it?"""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from registry.base.actor import Scope
from registry.base.http import Blueprint, Rate, current_actor, part, reading, require, sources
from registry.base.schemas import PublicId, Strict, Time, line
from registry.checking import hidden
from registry.checking.lookup import lookup
from registry.checking.service import LiveIndex
from registry.core.errors import InvalidInput

blueprint = Blueprint(
    "lookup", __name__, url_prefix="/v1/lookup", description="Was this used?", rate=Rate.CHECK
)


class LookupQuery(Strict):
    """One code."""

    algorithm = line(40, required=True)
    hash = line(2_000, required=True, metadata={"description": "The code, in hexadecimal."})


class UseView(Strict):
    """A use of your work, as a lab claimed it."""

    claim = PublicId("claim")
    lab = PublicId("party")
    lab_name = fields.String(allow_none=True)
    model = fields.String()
    run = fields.String()
    purpose = fields.String()
    licence = fields.String()
    units = fields.Integer()
    unit = fields.String()
    submitted_at = Time()
    log_index = fields.Integer()
    receipt = fields.String(allow_none=True, metadata={"description": "The proof that it is in the log."})


class OwnWorkView(Strict):
    """A work of yours that the code matches."""

    work = fields.String()
    grade = fields.Function(lambda own: own.match.grade.name.lower(), metadata={"type": "string"})
    distance = fields.Integer(attribute="match.distance")
    uses = fields.List(
        fields.Nested(UseView), metadata={"description": "The newest hundred claims that name it."}
    )


class LookupView(Strict):
    """What is known of a code. Of other people's works only that they are there."""

    registered = fields.Boolean()
    matches = fields.Integer()
    yours = fields.List(fields.Nested(OwnWorkView))


@blueprint.get("")
@require(Scope.CHECK)
@blueprint.arguments(LookupQuery, location="query")
@blueprint.response(200, LookupView)
def look_up(query: dict[str, str]) -> Any:
    """Look one code up in everything on record. For a work of yours you see the claims that name it, with receipts."""
    try:
        code = bytes.fromhex(query["hash"])
    except ValueError:
        raise InvalidInput("The hash is not hexadecimal.") from None
    budget = hidden.budget()
    with reading() as session:
        return lookup(
            session, part(LiveIndex), current_actor(), query["algorithm"], code, sources().now(), budget
        )
