"""Report use by a page: the run's papers and a table of rows are checked whole, shown, and only then recorded.

The check is the real thing, rolled back. So what it refuses is what would be refused, row by row, and what it shows is
what would stand in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flask import redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from registry.base.actor import Actor, Role
from registry.base.context import part, reading, rehearsing, sources, writing
from registry.base.paging import MAX_LIMIT
from registry.base.ratelimits import Rate, spend
from registry.base.spreadsheets import Line
from registry.core.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from registry.core.ids import format_id, parse_id
from registry.core.records.canonical import parse
from registry.core.records.runs import RunManifest
from registry.log.service import LogKey
from registry.parties import service as parties
from registry.usage import service
from registry.usage.claim_tables import as_row, read_claim_table
from registry.usage.models import ClaimBatch
from registry.web.forms import Form, sent_file
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("claiming_pages", "registry.usage")

_KEPT = 400_000
"""Bytes of papers that a page carries on to the next step; more are chosen again."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What was sent, as far as it can be read."""

    manifest: RunManifest
    model: bytes
    table: bytes
    lines: Sequence[Line]

    @property
    def command(self) -> service.SubmitClaim:
        """What is to be reported."""
        members = parse(self.manifest.to_bytes(), "run.json")
        return service.SubmitClaim(members, self.model, [as_row(line) for line in self.lines])

    @property
    def kept(self) -> Mapping[str, str] | None:
        """Both files as texts for the next step; `None` if they are too large for a page."""
        run = self.manifest.to_bytes()
        if len(run) + len(self.table) > _KEPT:
            return None
        return {"run": run.decode(), "rows": self.table.decode("utf-8-sig")}


@dataclass(frozen=True, slots=True)
class WrongRow:
    """A line that cannot be accepted, with what it says."""

    line: Line
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class UnderLicence:
    """What the rows report under one licence."""

    licence: str
    works: int
    units: Mapping[str, int]
    """By what they count."""


# -- the pages ----------------------------------------------------------------------------------------------
@blueprint.get("/claims/new")
@signed_in(Role.LAB)
def ask() -> str:
    """The form for a run and what was used of it."""
    return _form(Form())


@blueprint.post("/claims/new")
@signed_in(Role.LAB)
def take() -> Response | str | tuple[str, int]:
    """Check the claim; record it, if that is what the button says."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    papers = _papers(form)
    if papers is None:
        return _form(form), 422
    try:
        if form.text("act") != "report":
            return _checked(papers, actor)
        part(LogKey)  # before anything is logged, know that a receipt can be signed
        with writing() as session:
            batch = service.submit_claim(session, actor, papers.command, sources())
        return redirect(url_for("usage_pages.show", public_id=batch.public_id), 303)
    except InvalidInput as error:
        if "rows" in error.details:
            return _wrong_rows(papers, error), 422
        form.errors["run"] = _(
            "This run cannot be reported by you: it was filtered in another name, or in the future."
        )
        return _form(form, reason=error.message), 422
    except VerificationFailed as error:
        form.errors["run"] = _("The signature in this run is none of it. Take the file as the run left it.")
        return _form(form, reason=error.message), 422
    except NotFound:
        form.errors["model"] = _("Choose one of your models.")
        return _form(form), 422
    except Conflict as error:
        claim = str(error.details.get("claim", ""))
        return _form(form, reported=parse_id("claim", claim) if claim else None), 409


def _checked(papers: Papers, actor: Actor) -> str:
    """What would be recorded; nothing is."""
    with rehearsing() as session:
        batch = service.submit_claim(session, actor, papers.command, sources())
        under, model = _under_licences(session, batch), parties.models_by_id(session, [batch.model_id])
    return render_template(
        "usage/report_checked.html",
        papers=papers,
        batch=batch,
        model=model[batch.model_id],
        under=under,
        known=_is_recorded(actor, batch),
    )


def _is_recorded(actor: Actor, batch: ClaimBatch) -> bool:
    with reading() as session:
        try:
            service.get_claim(session, actor, batch.public_id)
        except NotFound:
            return False
    return True


def _under_licences(session: Session, batch: ClaimBatch) -> list[UnderLicence]:
    units: dict[str, Counter[str]] = {}
    used: dict[str, set[int]] = {}
    for row in service.rows_of(session, batch):
        units.setdefault(row.licence, Counter())[row.unit] += row.units
        used.setdefault(row.licence, set()).add(row.work_id)
    return [UnderLicence(name, len(used[name]), units[name]) for name in sorted(units)]


def _wrong_rows(papers: Papers, error: InvalidInput) -> str:
    wrong = [WrongRow(papers.lines[r["row"]], r["code"], r["message"]) for r in error.details["rows"]]
    return render_template(
        "usage/report_refused.html", papers=papers, wrong=wrong, faults=error.details["faults"]
    )


def _form(form: Form, **shown: object) -> str:
    with reading() as session:
        models = parties.list_models(session, current_visitor().actor, limit=MAX_LIMIT).items
    named = [(format_id("model", m.public_id), f"{m.name} {m.version}") for m in models]
    return render_template("usage/report_use.html", form=form, models=named, **shown)


# -- what was sent ------------------------------------------------------------------------------------------
def _papers(form: Form) -> Papers | None:
    """The run, the model and the rows; `None`, with a sentence at each field that is wrong."""
    model = form.take("model", lambda text: parse_id("model", text), _("Choose one of your models."))
    manifest = _manifest(form)
    table = sent_file(form, "rows")
    lines: Sequence[Line] = ()
    if not table:
        form.errors["rows"] = _("Choose the table of rows.")
    else:
        try:
            lines = read_claim_table(table)
        except InvalidInput:
            form.errors["rows"] = _("This is no table with the columns work, units, licence and how.")
        else:
            if len(lines) > service.MAX_ROWS:
                form.errors["rows"] = _("These are more than 100,000 rows. Report the run by the program.")
    if model is None or manifest is None or form.errors:
        return None
    return Papers(manifest, model, table, lines)


def _manifest(form: Form) -> RunManifest | None:
    data = sent_file(form, "run")
    if not data:
        form.errors["run"] = _("Choose the run’s file run.json.")
        return None
    try:
        manifest = RunManifest.parse(data)
        signature = {name: said for name, said in manifest.runtime.items() if name == "signature"}
        return replace(manifest, runtime=signature)  # times, host and paths are the lab's business
    except VerificationFailed:
        form.errors["run"] = _("This file was changed after the run. Take it as the run left it.")
    except InvalidInput:
        form.errors["run"] = _("This is no run.json. It lies in the folder that the filter wrote.")
    return None
