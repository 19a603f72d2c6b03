"""A lab's claims: which runs it reported for which models, what they said, and the receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.context import database, part, reading, sources
from registry.core.ids import format_id, parse_id
from registry.core.records.receipts import SUFFIX
from registry.core.records.runs import RunManifest
from registry.core.settlement.periods import Period
from registry.log.service import LogKey
from registry.parties import service as parties
from registry.parties.service import Model
from registry.remuneration import service as remuneration
from registry.usage import service
from registry.usage.claims_table import claims_csv
from registry.usage.models import ClaimBatch, ClaimRow
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works

blueprint = Pages("usage_pages", "registry.usage")

_ROWS_SHOWN = 200
_LISTED = 50
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """A claim batch with the run and the model that it is about."""

    batch: ClaimBatch
    model: Model
    manifest: RunManifest
    state: remuneration.ClaimState


@blueprint.get("/claims")
@signed_in(Role.LAB)
def show_all() -> str:
    """What my lab has reported, the newest first."""
    before = request.args.get("before")
    with reading() as session:
        actor, number = current_visitor().actor, parse_id("claim", before) if before else None
        found, every = service.newest_claims(session, actor, _LISTED + 1, number)
        return render_template(
            "usage/claims.html",
            claims=_shown(session, found[:_LISTED]),
            every=every,
            next=found[_LISTED - 1].public_id if len(found) > _LISTED else None,
            now=sources().now(),
        )


@blueprint.get("/claims.csv")
@signed_in(Role.LAB)
def table() -> Response:
    """All of them as a table."""
    with reading() as session:
        found, _ = service.newest_claims(session, current_visitor().actor, _MOST)
        text = claims_csv(session, found)
    return _download(text.encode(), "text/csv; charset=utf-8; header=present", "claims.csv")


@blueprint.get("/claims/<id(claim):public_id>")
@signed_in(Role.LAB)
def show(public_id: bytes) -> str:
    """One claim: the run behind it, its rows, its place in the log."""
    with reading() as session:
        batch = service.get_claim(session, current_visitor().actor, public_id)
        rows = service.rows_of(session, batch)
        return render_template(
            "usage/claim.html",
            claim=_shown(session, [batch])[0],
            pools=remuneration.pools_of_claim(session, batch),
            now=sources().now(),
            quarter=Period.of(batch.submitted_at),
            rows=rows[:_ROWS_SHOWN],
            works=_works(session, rows[:_ROWS_SHOWN]),
        )


@blueprint.get("/claims/<id(claim):public_id>/receipt")
@signed_in(Role.LAB)
def receipt(public_id: bytes) -> Response:
    """The receipt as a file, signed now if no checkpoint covers the claim yet."""
    actor = current_visitor().actor
    text = service.receipt_now(database(), actor, public_id, lambda: part(LogKey), sources())
    return _download(text.encode(), "text/plain; charset=utf-8", format_id("claim", public_id) + SUFFIX)


@blueprint.get("/claims/<id(claim):public_id>/run.json")
@signed_in(Role.LAB)
def manifest(public_id: bytes) -> Response:
    """The run's manifest as it was reported."""
    with reading() as session:
        batch = service.get_claim(session, current_visitor().actor, public_id)
        return _download(service.run_of(session, batch).manifest, "application/json", "run.json")


def _download(data: bytes, content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, content_type=content_type, headers=headers)


def _shown(session: Session, batches: Sequence[ClaimBatch]) -> list[ShownClaim]:
    models = parties.models_by_id(session, {batch.model_id for batch in batches})
    states = remuneration.claim_states(session, batches)
    return [
        ShownClaim(
            batch,
            models[batch.model_id],
            RunManifest.parse(service.run_of(session, batch).manifest),
            states[batch.id],
        )
        for batch in batches
    ]


def _works(session: Session, rows: Sequence[ClaimRow]) -> dict[int, bytes]:
    """Public ids; what the works are called is their makers' business."""
    found = works.works_by_id(session, {row.work_id for row in rows})
    return {key: work.public_id for key, work in found.items()}
