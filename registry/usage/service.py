"""Accept what labs report: check it whole, log it as one leaf, and prove that it was logged.

A lab sees its own claims, the operator all. Whoever made a work sees its use in statements, not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict
from registry.core.ids import format_id, parse_id
from registry.core.records.claims import ClaimRow as Row
from registry.core.records.claims import format_rows, parse_rows, rows_root
from registry.core.records.leaves import UseLeaf, commitment
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.log import service as log
from registry.notices import service as notices
from registry.parties import service as parties
from registry.usage import checks, rules
from registry.usage.by_lab import LabUsage, usage_by_lab
from registry.usage.changes import ChangesPage, changes_of_run
from registry.usage.declarations import (
    Declare,
    current_only,
    declaration_receipt,
    declarations_of,
    declare,
    get_declaration,
    list_declarations,
    models_reported,
    stated,
    works_reported_under,
)
from registry.usage.models import ClaimBatch, ClaimRow, Declaration, Run
from registry.usage.own import OwnClaim, own_claims
from registry.usage.queries import (
    ClaimDetails,
    ClaimPlace,
    claim_details,
    claim_places,
    claims_between,
    claims_by_id,
    claims_under,
    first_claims,
    get_claim,
    list_claims,
    newest_claims,
    receipt_now,
    receipt_of,
    row_facts,
    rows_of,
    run_of,
)
from registry.usage.rules import MAX_ROWS, unit_of
from registry.usage.runs import (
    RunDetails,
    count_runs,
    get_run,
    list_runs,
    newest_runs,
    record_run,
    runs_seen,
    submit_run,
    works_reported,
)
from registry.usage.uses import UsedWorks, UseOfWork, used_works, uses_of_work
from registry.works import service as works
from registry.works.service import Work

__all__ = [
    "MAX_ROWS",
    "ChangesPage",
    "ClaimBatch",
    "ClaimDetails",
    "ClaimPlace",
    "ClaimRow",
    "Declaration",
    "Declare",
    "LabUsage",
    "OwnClaim",
    "Run",
    "RunDetails",
    "SubmitClaim",
    "UseOfWork",
    "UsedWorks",
    "changes_of_run",
    "claim_details",
    "claim_places",
    "claims_between",
    "claims_by_id",
    "claims_under",
    "count_runs",
    "current_only",
    "declaration_receipt",
    "declarations_of",
    "declare",
    "first_claims",
    "get_claim",
    "get_declaration",
    "get_run",
    "list_claims",
    "list_declarations",
    "list_runs",
    "models_reported",
    "newest_claims",
    "newest_runs",
    "own_claims",
    "receipt_now",
    "receipt_of",
    "row_facts",
    "rows_of",
    "run_of",
    "runs_seen",
    "stated",
    "submit_claim",
    "submit_run",
    "unit_of",
    "usage_by_lab",
    "used_works",
    "uses_of_work",
    "works_reported",
    "works_reported_under",
]


@dataclass(frozen=True, slots=True)
class SubmitClaim:
    """What a lab reports: one run's licensed uses, for one version of a model."""

    manifest: Mapping[str, Any]
    """The run's `run.json`."""
    model: bytes
    """Public id."""
    rows: Sequence[Any]
    """Objects with work, licence, units and how."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch in order, before it has a place in the log."""

    key: bytes
    data: bytes
    rows: Sequence[Row]
    agreements: Mapping[str, Agreement]
    work_ids: Mapping[bytes, int]


def submit_claim(session: Session, actor: Actor, command: SubmitClaim, sources: Sources) -> ClaimBatch:
    """Record a claim batch and append its leaf. The same batch again is the same leaf and the same answer.

    `InvalidInput` lists every row that is wrong, `VerificationFailed` if the manifest was changed after the run,
    `Conflict` if other rows were reported for this run and model; in none of these cases is anything written.
    """
    checks.check_lab(actor)
    now = whole_second(sources.now())
    manifest = checks.read_manifest(command.manifest, actor, now)
    model_id = parties.model_of(session, actor, command.model).id
    rows, faults = rules.read_rows(command.rows)
    data = format_rows(row for _, row in rows)
    key = rules.batch_key(actor.public_id, manifest.run_id, command.model, data)
    log.next_change_seq(
        session
    )  # for its lock: of two equal requests at once, one waits and finds the other's batch
    recorded = None if faults else session.scalar(select(ClaimBatch).where(ClaimBatch.idem == key))
    if recorded is not None:
        return recorded
    work_ids = works.work_ids_by_public_id(session, {parse_id("work", row.work) for _, row in rows})
    agreements = checks.check_rows(session, actor, manifest, rows, work_ids, faults)
    run = record_run(session, actor, manifest, now)
    _refuse_other_rows(session, run, model_id)
    batch = _Batch(key, data, parse_rows(data), agreements, work_ids)
    recorded = _record_batch(session, actor, run, command.model, model_id, batch, now, sources)
    _tell_owners(session, actor, _record_rows(session, recorded, batch), now)
    return recorded


def _tell_owners(session: Session, actor: Actor, reported: Iterable[Work], now: datetime) -> None:
    """Who made the works, and how many of theirs were used; which ones, only their page says."""
    used = Counter(work.owner_id for work in reported)
    lab = parties.own_party(session, actor).name
    told = {owner: {"lab": lab, "works": count} for owner, count in used.items()}
    notices.tell(session, notices.Kind.USED, told, now)


def _refuse_other_rows(session: Session, run: Run, model_id: int) -> None:
    same = (ClaimBatch.run_id == run.id, ClaimBatch.model_id == model_id)
    recorded = session.scalar(select(ClaimBatch).where(*same))
    if recorded is not None:
        name = format_id("claim", recorded.public_id)
        raise Conflict(
            f"Other rows were reported for this run and model already, as {name}. A claim is not changed: report "
            "another run, or ask the operator.",
            claim=name,
            log_index=recorded.log_index,
        )


def _record_batch(
    session: Session,
    actor: Actor,
    run: Run,
    model: bytes,
    model_id: int,
    batch: _Batch,
    now: datetime,
    sources: Sources,
) -> ClaimBatch:
    lab = format_id("party", actor.public_id)
    salt = sources.new_id() + sources.new_id()
    root = rows_root(batch.data)
    leaf = UseLeaf(
        dataset=f"sha256:{run.run_id}",
        lab=lab,
        model=format_id("model", model),
        rows=len(batch.rows),
        root=root.hex(),
        at=int(now.timestamp()),
        who=commitment(salt, {"party": lab}),
        licence=next(iter(batch.agreements)) if len(batch.agreements) == 1 else None,
    )
    (index,) = log.append(session, [(log.idempotency_key(b"claim", batch.key), leaf.body())])
    recorded = ClaimBatch(
        public_id=sources.new_id(),
        lab_id=actor.party_id,
        run_id=run.id,
        model_id=model_id,
        idem=batch.key,
        log_index=index,
        salt=salt,
        rows_root=root,
        row_count=len(batch.rows),
        rows=batch.data,
        submitted_at=now,
    )
    session.add(recorded)
    session.flush()
    return recorded


def _record_rows(session: Session, recorded: ClaimBatch, batch: _Batch) -> Collection[Work]:
    """Record each row; the works that they name."""
    found = works.works_by_id(session, batch.work_ids.values())
    kinds = {work.public_id: work.kind for work in found.values()}
    priced = {licence: _priced_units(session, held) for licence, held in batch.agreements.items()}
    lines = []
    for n, row in enumerate(batch.rows):
        work = parse_id("work", row.work)
        lines.append(
            {
                "batch_id": recorded.id,
                "n": n,
                "work_id": batch.work_ids[work],
                "agreement_id": batch.agreements[row.licence].id,
                "licence": row.licence,
                "tariff": batch.agreements[row.licence].tariff_digest,
                "units": row.units,
                "unit": unit_of(kinds[work], priced[row.licence]),
                "how": int(row.how),
            }
        )
    session.execute(insert(ClaimRow), lines)
    return found.values()


def _priced_units(session: Session, agreement: Agreement) -> frozenset[str]:
    tariff = licences.tariff_of(session, agreement)
    components = tariff.as_json()["components"] if tariff is not None else []
    return frozenset(c["unit"] for c in components if "unit" in c)
