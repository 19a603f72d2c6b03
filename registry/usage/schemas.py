"""The JSON of claims."""

from __future__ import annotations

from marshmallow import fields

from registry.base.schemas import Hex, PublicId, Strict, Time, page_of
from registry.core.records.receipts import SUFFIX

_ROW = {"work": "work_…", "licence": "agreement_…@1", "units": 120, "how": 2}


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


class ClaimReceipt(Strict):
    """The answer to a claim."""

    id = PublicId("claim")
    log_index = fields.Integer()
    receipt = fields.String(metadata={"description": f"A proof file; keep it as a file ending in {SUFFIX}."})


ClaimList = page_of("claim", ClaimView)
