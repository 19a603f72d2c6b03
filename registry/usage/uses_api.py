# ruff: noqa: ARG002 - marshmallow names the arguments of a field's methods
"""JSON views of the uses of one's own works: what a maker or a society audits the registry with."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from registry.base.actor import Scope
from registry.base.http import Blueprint, current_actor, reading, require, sources
from registry.base.paging import DEFAULT_LIMIT, MAX_LIMIT
from registry.base.schemas import PublicId, Strict, Time, line
from registry.core.records.samples import Place
from registry.usage import own

blueprint = Blueprint(
    "uses", __name__, url_prefix="/v1/uses", description="The uses of your works, row by row"
)

_INDEX = validate.Range(0, 2**53 - 1)


class PlaceField(fields.Field[Place]):
    """A row's place in the log, `17.3`: row 3, counted from 0, of the claim in entry 17."""

    def __init__(self, **kwargs: Any) -> None:
        shape = validate.Regexp(
            r"^(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,8})\Z", error="A place is written as 17.3."
        )
        super().__init__(metadata={"type": "string", "example": "17.3"}, **kwargs)
        self._shape = shape

    def _serialize(self, value: Place | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value.log_index}.{value.row}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Place:
        if not isinstance(value, str):
            raise ValidationError("A place is a text.")
        return Place(*map(int, self._shape(value).split(".")))


class SpanQuery(Strict):
    """Which claims: those with a log index in [from, to)."""

    start = fields.Integer(
        data_key="from", load_default=0, validate=_INDEX, metadata={"description": "The first log index"}
    )
    stop = fields.Integer(
        data_key="to",
        load_default=None,
        validate=_INDEX,
        metadata={"description": "The log index after the last; without it, the size of the public log"},
    )


class UsesQuery(SpanQuery):
    """The query of the list."""

    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    after = PlaceField(load_default=None)


class SampleQuery(SpanQuery):
    """The query of a sample."""

    seed = line(
        200, required=True, metadata={"description": "A text that you choose, and nobody knew before"}
    )
    n = fields.Integer(required=True, validate=validate.Range(1, own.MAX_SAMPLE))


class OwnUseView(Strict):
    """One row of a claim that names a work of yours, or of somebody for whom you may collect."""

    claim = PublicId("claim")
    log_index = fields.Integer()
    row = fields.Integer(metadata={"description": "Its number in the claim, from 0."})
    lab = PublicId("party")
    work = PublicId("work")
    licence = fields.String()
    units = fields.Integer()
    unit = fields.String()
    how = fields.Integer(metadata={"description": "1 exact, 2 near, 3 declared."})
    submitted_at = Time()


class OwnUseList(Strict):
    """A page of uses."""

    items = fields.List(fields.Nested(OwnUseView))
    next = PlaceField(allow_none=True)


class SampledUse(OwnUseView):
    """A use with the proof that it is in the log."""

    receipt = fields.String(metadata={"description": "A proof file (c2sp.org/tlog-proof) for this row."})


class SampleView(Strict):
    """A sample of the uses of your works."""

    start = fields.Integer(data_key="from")
    stop = fields.Integer(data_key="to")
    rows = fields.Integer(metadata={"description": "From how many it was drawn."})
    items = fields.List(fields.Nested(SampledUse))


@blueprint.get("")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(UsesQuery, location="query")
@blueprint.response(200, OwnUseList)
def list_uses(query: dict[str, Any]) -> Any:
    """All claim rows that name your works, or works of those for whom you may collect, in the order of the log."""
    span = own.Span(query.pop("start"), query.pop("stop"))
    with reading() as session:
        return own.list_uses(session, current_actor(), span, sources(), **query)


@blueprint.get("/sample")
@require(Scope.STATEMENTS_READ)
@blueprint.arguments(SampleQuery, location="query")
@blueprint.response(200, SampleView)
def sample_uses(query: dict[str, Any]) -> Any:
    """Some of them with their proofs, drawn by your seed, so that we cannot choose what you audit."""
    span = own.Span(query["start"], query["stop"])
    with reading() as session:
        return own.sample_uses(session, current_actor(), span, sources(), query["seed"], query["n"])
