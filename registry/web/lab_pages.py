"""A lab's first page, and what became of each of its runs: verdicts, reasons, what is denied since, what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.context import reading, sources
from registry.base.paging import MAX_LIMIT
from registry.base.periods import whole_second
from registry.core.decisions import Purpose
from registry.core.records.runs import RunManifest
from registry.licences import service as licences
from registry.parties import service as parties
from registry.publishing import service as publishing
from registry.remuneration import service as remuneration
from registry.usage import service as usage
from registry.web import run_charts
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works

blueprint = Pages("lab_pages", __name__)

_RUNS = 20
_LICENCES = 10
_DENIED = 50
_PRICED = 2_000


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run as it was submitted."""

    run: usage.Run
    manifest: RunManifest


@blueprint.get("/lab")
@signed_in(Role.LAB)
def show() -> str:
    """Keys, edition, runs and licences at a glance."""
    actor, now, before = current_visitor().actor, sources().now(), request.args.get("before")
    with reading() as session:
        runs = usage.newest_runs(session, actor, _RUNS + 1, before)
        keys = parties.list_api_keys(session, actor, limit=MAX_LIMIT).items
        newest = licences.newest_agreements(session, actor, whole_second(now), _LICENCES)
        return render_template(
            "lab.html",
            keys=[k for k in keys if k.revoked_at is None and (k.expires_at is None or k.expires_at > now)],
            state=publishing.state(session),
            now=now,
            runs=[_reported(run) for run in runs[:_RUNS]],
            every=usage.count_runs(session, actor),
            older=runs[_RUNS - 1].run_id if len(runs) > _RUNS else None,
            agreements=licences.agreements_seen(session, newest),
            works_of=licences.covered_counts(session, [each.id for each in newest]),
            in_force=licences.agreement_counts(session, actor, whole_second(now))[0],
            in_basket=licences.basket_size(session, actor),
        )


@blueprint.get("/runs/<run:run_id>")
@signed_in(Role.LAB)
def show_run(run_id: str) -> str:
    """One run: what came out and why, what of it may be used no longer, and what its reported uses cost."""
    actor, now = current_visitor().actor, sources().now()
    with reading() as session:
        run = usage.get_run(session, actor, run_id)
        reported = _reported(run)
        (details,) = usage.runs_seen(session, [run])
        changes = usage.changes_of_run(session, actor, run_id, now, limit=_DENIED)
        return render_template(
            "run.html",
            r=reported,
            claims=details.claims,
            denied=changes.items,
            more=changes.next is not None,
            costs=_costs(session, actor, run),
            most=_PRICED,
            steps=run_charts.steps(reported.manifest),
            charts=run_charts.charts(reported.manifest),
            recognised=run_charts.recognised(reported.manifest),
        )


@blueprint.get("/runs/<run:run_id>/run.json")
@signed_in(Role.LAB)
def manifest(run_id: str) -> Response:
    """The run's manifest as it was submitted."""
    with reading() as session:
        data = usage.get_run(session, current_visitor().actor, run_id).manifest
    headers = {"Content-Disposition": f'attachment; filename="run-{run_id[:12]}.json"'}
    return Response(data, content_type="application/json", headers=headers)


def _reported(run: usage.Run) -> ReportedRun:
    return ReportedRun(run, RunManifest.parse(run.manifest))


def _costs(session: Session, actor: Actor, run: usage.Run) -> remuneration.CostPreview | None:
    """By the functions that a settlement uses; `None` if nothing was reported, or more than a page can price."""
    units = usage.works_reported(session, run, _PRICED + 1)
    if not 0 < len(units) <= _PRICED:
        return None
    found = works.works_by_id(session, units.keys())
    named = {found[key].public_id: number for key, number in units.items()}
    return remuneration.preview_costs(
        session, actor, remuneration.PreviewCosts(named, Purpose(run.purpose), run.territory), sources()
    )
