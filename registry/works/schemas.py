# ruff: noqa: ARG002 - marshmallow names the arguments of a field's methods
"""The JSON of works. Everything here is private to the owner, its agents and the operator."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from registry.base import jobs
from registry.base.schemas import PublicId, Strict, Time, line, page_of
from registry.core.decisions import Purpose
from registry.core.decisions.terms import WORLD
from registry.core.ids import format_id
from registry.works.contests import SeenContest
from registry.works.identifiers import Scheme
from registry.works.rules import MOST_PIXELS, Disclosure, Kind, MadeBy, how_to_object
from registry.works.shares import WHOLE, Right

_MAX_FINGERPRINTS = 32
_MAX_SHARES = 1_000
_MAX_LINKS = 100


class Code(fields.Field[bytes]):
    """A code: hexadecimal in JSON, bytes inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": "string", "pattern": "^([0-9a-f]{2})+$"}, **kwargs)

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.hex()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes:
        try:
            return bytes.fromhex(value)
        except (TypeError, ValueError):
            raise ValidationError("Write the code in hexadecimal.") from None


# -- in -----------------------------------------------------------------------------------------------------
class NewFingerprint(Strict):
    """A code that the sender computed."""

    algorithm = line(40, required=True)
    kind = line(16, required=True)
    code = Code(required=True)


class NewShareLine(Strict):
    """A share of a right: from now on and without end, unless it says otherwise."""

    party = PublicId("party", required=True)
    ppm = fields.Integer(required=True, strict=True, validate=validate.Range(1, WHOLE))
    right = fields.Enum(Right, by_value=True, load_default=Right.REPRODUCTION)
    territory = line(8, load_default=WORLD)
    valid_from = Time(load_default=None, allow_none=True)
    valid_to = Time(load_default=None, allow_none=True)


class IdentifierLine(Strict):
    """A number that the work has elsewhere."""

    scheme = fields.Enum(Scheme, by_value=True, required=True)
    value = line(200, required=True)


class NewFile(Strict):
    """What goes with a file; without the file, its fingerprints."""

    fingerprints = fields.List(
        fields.Nested(NewFingerprint), load_default=None, validate=validate.Length(1, _MAX_FINGERPRINTS)
    )
    media_type = line(100, load_default=None)
    size = fields.Integer(load_default=None, strict=True, validate=validate.Range(1, 2**53 - 1))
    width = fields.Integer(
        load_default=None,
        strict=True,
        validate=validate.Range(1, MOST_PIXELS),
        metadata={"description": "Of a picture, in pixels, upright; with `height`, or neither."},
    )
    height = fields.Integer(load_default=None, strict=True, validate=validate.Range(1, MOST_PIXELS))


class NewWork(NewFile):
    """What a maker states about a work."""

    title = line(500, required=True)
    kind = fields.Enum(Kind, by_value=True, load_default=None)
    made_by = fields.Enum(MadeBy, by_value=True, load_default=MadeBy.HUMAN)
    tool = line(200, load_default=None)
    prompt = fields.String(load_default=None, validate=validate.Length(1, 10_000))
    disclosure = fields.Enum(Disclosure, by_value=True, load_default=None)
    persons_depicted = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    identifiers = fields.List(
        fields.Nested(IdentifierLine), load_default=[], validate=validate.Length(max=_MAX_LINKS)
    )
    source_urls = fields.List(line(2_000), load_default=[], validate=validate.Length(max=_MAX_LINKS))
    shares = fields.List(
        fields.Nested(NewShareLine), load_default=[], validate=validate.Length(max=_MAX_SHARES)
    )
    on_behalf_of = PublicId("party", load_default=None)


class NewShares(Strict):
    """All shares that hold from the first moment stated on."""

    shares = fields.List(fields.Nested(NewShareLine), required=True, validate=validate.Length(1, _MAX_SHARES))


class WorkChange(Strict):
    """What is stated anew; what is left out stays as it is."""

    title = line(500)
    made_by = fields.Enum(MadeBy, by_value=True)
    tool = line(200, allow_none=True)
    prompt = fields.String(allow_none=True, validate=validate.Length(1, 10_000))
    disclosure = fields.Enum(Disclosure, by_value=True)
    persons_depicted = fields.Boolean(truthy={True}, falsy={False})
    identifiers = fields.List(fields.Nested(IdentifierLine), validate=validate.Length(max=_MAX_LINKS))
    source_urls = fields.List(line(2_000), validate=validate.Length(max=_MAX_LINKS))


class NewReservationLine(Strict):
    """An explicit denial: from now on and without end, unless it says otherwise."""

    purpose = fields.Enum(Purpose, by_value=True, required=True)
    valid_from = Time(load_default=None, allow_none=True)
    valid_to = Time(load_default=None, allow_none=True)


class NewReservations(Strict):
    """All explicit denials that hold from now on."""

    reservations = fields.List(
        fields.Nested(NewReservationLine), required=True, validate=validate.Length(max=_MAX_LINKS)
    )


# -- out ----------------------------------------------------------------------------------------------------
class FingerprintView(Strict):
    """A stored code, and whether this server or the client computed it."""

    algorithm = fields.String()
    kind = fields.String()
    code = Code()
    made_by = fields.String()
    made_at = Time()


class NoteView(Strict):
    """Why a code is missing, in words; `code` is stable."""

    code = fields.String()
    message = fields.String()


class VersionView(Strict):
    """What is stored of one file."""

    number = fields.Integer()
    media_type = fields.String(allow_none=True)
    size = fields.Integer(allow_none=True)
    facts = fields.Dict()
    notes = fields.List(fields.Nested(NoteView))
    created_at = Time()
    fingerprints = fields.List(fields.Nested(FingerprintView))


class ShareView(Strict):
    """A share on record."""

    party = PublicId("party")
    ppm = fields.Integer()
    right = fields.String()
    territory = fields.String()
    valid_from = Time()
    valid_to = Time(allow_none=True)
    recorded_at = Time()

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Made from the holder's public id and the row."""
        party, row = obj
        return party if attr == "party" else super().get_attribute(row, attr, default)


class ReservationView(Strict):
    """An explicit denial on record."""

    purpose = fields.String()
    valid_from = Time()
    valid_to = Time(allow_none=True)
    recorded_at = Time()


class TitleDecisionView(Strict):
    """What a person decided about a contest; the newest counts."""

    outcome = fields.String()
    reason = fields.String()
    decided_at = Time()
    log_index = fields.Integer()


class ContestView(Strict):
    """Two works in conflict: which, by what rule, how near, who decided it, and how to object."""

    newer_work = PublicId("work", attribute="newer")
    earlier_work = PublicId("work", attribute="earlier")
    since = Time(attribute="began_at")
    rule = fields.String()
    distance = fields.Integer()
    mirrored = fields.Boolean()
    decided_by = fields.String()
    decisions = fields.List(fields.Nested(TitleDecisionView))
    how_to_object = fields.Method("_how_to_object", metadata={"type": "string"})

    def _how_to_object(self, contest: SeenContest) -> str:
        return how_to_object(
            format_id("work", contest.newer),
            format_id("work", contest.earlier),
            contest.rule,
            contest.distance,
            mirrored=contest.mirrored,
        )


class IdentifierView(Strict):
    """A number that the work has elsewhere, in its normal form."""

    scheme = fields.String()
    value = fields.String()


class WorkItem(Strict):
    """A work in a list."""

    id = PublicId("work", attribute="public_id")
    kind = fields.String()
    title = fields.String()
    disclosure = fields.String()
    created_at = Time()
    withdrawn_at = Time(allow_none=True)
    contested_since = Time(allow_none=True)


class WorkView(Strict):
    """A work with all that is on record about it."""

    id = PublicId("work", attribute="work.public_id")
    kind = fields.String(attribute="work.kind")
    title = fields.String(attribute="work.title")
    owner = PublicId("party")
    registered_by = PublicId("party")
    made_by = fields.String(attribute="work.made_by")
    tool = fields.String(attribute="work.tool", allow_none=True)
    prompt = fields.String(attribute="work.prompt", allow_none=True)
    disclosure = fields.String(attribute="work.disclosure")
    persons_depicted = fields.Boolean(attribute="work.persons_depicted")
    created_at = Time(attribute="work.created_at")
    withdrawn_at = Time(attribute="work.withdrawn_at", allow_none=True)
    contested = fields.Nested(ContestView, attribute="contest", allow_none=True)
    doubles = fields.List(fields.Nested(ContestView))
    versions = fields.List(fields.Nested(VersionView), attribute="work.versions")
    identifiers = fields.List(fields.Nested(IdentifierView), attribute="work.identifiers")
    source_urls = fields.List(fields.Pluck("SourceUrlView", "url"), attribute="work.source_urls")
    shares = fields.List(fields.Nested(ShareView))
    reservations = fields.List(fields.Nested(ReservationView))


class StatementsView(Strict):
    """What was stated about a work."""

    title = fields.String()
    made_by = fields.String()
    tool = fields.String(allow_none=True)
    prompt = fields.String(allow_none=True)
    disclosure = fields.String()
    persons_depicted = fields.Boolean()
    identifiers = fields.List(fields.Nested(IdentifierView))
    source_urls = fields.List(fields.String())


class RevisionView(Strict):
    """A past state of the statements, and when it was the present one."""

    number = fields.Integer()
    statements = fields.Nested(StatementsView)
    recorded_at = Time()
    superseded_at = Time()


class RevisionList(Strict):
    """All past states, oldest first."""

    items = fields.List(fields.Nested(RevisionView))


class SourceUrlView(Strict):
    """Where the maker published the work."""

    url = fields.String()


class BadRowView(Strict):
    """Why a row was refused."""

    row = fields.Integer(attribute="n", metadata={"description": "Its place in the list, from 0."})
    code = fields.String()
    message = fields.String()


class BulkView(Strict):
    """A list of works on its way into the registry."""

    id = PublicId("job", attribute="job.public_id")
    state = fields.String(validate=validate.OneOf([s.value for s in jobs.State]), attribute="job.state")
    rows = fields.Integer(attribute="upload.rows")
    done = fields.Integer(
        attribute="upload.done", metadata={"description": "So many rows, from the first, have their outcome."}
    )
    registered = fields.Integer(attribute="upload.registered")
    refused = fields.Function(
        lambda progress: progress.upload.done - progress.upload.registered, metadata={"type": "integer"}
    )
    errors = fields.List(
        fields.Nested(BadRowView),
        attribute="refused",
        metadata={"description": "The first hundred; all are in rows.csv."},
    )
    error = fields.String(
        attribute="job.error", allow_none=True, metadata={"description": "Why the job as a whole failed."}
    )
    created_at = Time(attribute="job.created_at")
    finished_at = Time(attribute="job.finished_at", allow_none=True)


WorkList = page_of("work", WorkItem)
