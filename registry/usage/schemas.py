"""The JSON of claims and runs."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from registry.base.paging import DEFAULT_LIMIT, MAX_LIMIT
from registry.base.schemas import Hex, PublicId, Strict, Time, page_of
from registry.core.records.receipts import SUFFIX
from registry.core.tariffs import Figure

_ROW = {"work": "work_…", "licence": "agreement_…@1", "units": 120, "how": 2}


class RunId(fields.String):
    """A run's id: the SHA-256 of its manifest, in hexadecimal."""

    def __init__(self, **kwargs: Any) -> None:
        digest = validate.Regexp("^[0-9a-f]{64}$", error="A run's id has 64 hexadecimal digits.")
        super().__init__(validate=digest, metadata={"example": "ab" * 32}, **kwargs)


class NewClaim(Strict):
    """Reports the licensed uses of one run, for one version of a model."""

    manifest = fields.Dict(required=True, metadata={"description": "The run's run.json, unchanged."})
    model = PublicId("model", required=True)
    rows = fields.List(
        fields.Raw(metadata={"type": "object", "example": _ROW}),
        required=True,
        metadata={"description": "One object for each work and licence; how: 1 exact, 2 near, 3 declared."},
    )


class ClaimView(Strict):
    """A claim batch as its lab and the operator see it."""

    id = PublicId("claim", attribute="batch.public_id")
    lab = PublicId("party")
    model = PublicId("model")
    run = fields.String(metadata={"description": "The run_id of the manifest."})
    log_index = fields.Integer(attribute="batch.log_index")
    rows = fields.Integer(attribute="batch.row_count", metadata={"description": "How many."})
    rows_root = Hex(attribute="batch.rows_root")
    salt = Hex(attribute="batch.salt")
    """Opens the commitment `who` in the log's entry; for the lab and the operator only, like all of this."""
    submitted_at = Time(attribute="batch.submitted_at")


class ReceiptQuery(Strict):
    """For what the receipt is."""

    row = fields.Integer(
        load_default=None,
        validate=validate.Range(0, 10**9),
        metadata={"description": "Prove this one row, counted from 0; without it, the whole batch"},
    )


class ClaimReceipt(Strict):
    """The answer to a claim."""

    id = PublicId("claim")
    log_index = fields.Integer()
    receipt = fields.String(metadata={"description": f"A proof file; keep it as a file ending in {SUFFIX}."})


# -- runs ---------------------------------------------------------------------------------------------------
class NewRun(Strict):
    """Puts a run on record."""

    manifest = fields.Dict(required=True, metadata={"description": "The run's run.json, unchanged."})


class RunView(Strict):
    """A run as its lab and the operator see it."""

    id = RunId(attribute="run.run_id")
    lab = PublicId("party")
    purpose = fields.String(attribute="run.purpose")
    territory = fields.String(attribute="run.territory")
    submitted_at = Time(attribute="run.submitted_at")
    claims = fields.List(PublicId("claim"))
    manifest = fields.Dict(metadata={"description": "The run's run.json."})


class RunItem(RunView):
    """A run in a list, without its manifest."""

    class Meta(Strict.Meta):
        """Read by marshmallow."""

        exclude = ("manifest",)


class RunPage(Strict):
    """The query of the list of runs."""

    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    after = RunId(load_default=None)


class RunList(Strict):
    """A page of runs."""

    items = fields.List(fields.Nested(RunItem))
    next = RunId(allow_none=True)


class ChangeView(Strict):
    """A work that was reported for a run and is denied now."""

    work = PublicId("work")
    reason = fields.String(metadata={"example": "registered.no-licence"})
    withdrawn_at = Time(allow_none=True)
    licences = fields.List(fields.String(), metadata={"description": "Under which it was reported."})


class ChangeList(Strict):
    """A page of them."""

    items = fields.List(fields.Nested(ChangeView))
    next = PublicId("work", allow_none=True)


# -- declarations -------------------------------------------------------------------------------------------
class NewDeclaration(Strict):
    """A figure of one agreement and quarter, for the components of its tariff that are priced by it."""

    agreement = PublicId("agreement", required=True)
    period = fields.String(required=True, metadata={"example": "2026-Q4"})
    figure = fields.Enum(Figure, by_value=True, required=True)
    amount_minor = fields.Integer(
        load_default=None,
        strict=True,
        metadata={"description": "Of an income: whole minor units of the tariff's currency."},
    )
    models = fields.List(
        PublicId("model"),
        load_default=None,
        validate=validate.Length(max=1_000),
        metadata={"description": "Of model_versions: those trained under the licence, not declared before."},
    )
    corrects = PublicId(
        "declaration",
        load_default=None,
        metadata={"description": "The declaration that this one takes the place of, if there is one."},
    )


class DeclarationView(Strict):
    """A declaration as both sides of the agreement see it, with what opens its commitment in the log."""

    id = PublicId("declaration", attribute="public_id")
    licence = fields.String()
    period = fields.String()
    figure = fields.String()
    number = fields.Integer(metadata={"description": "From 1; a higher one corrects the one before it."})
    value = fields.Integer(metadata={"description": "Minor units, or how many model versions."})
    models = fields.List(fields.String())
    log_index = fields.Integer()
    salt = Hex()
    declared_at = Time()


ClaimList = page_of("claim", ClaimView)
DeclarationList = page_of("declaration", DeclarationView)
