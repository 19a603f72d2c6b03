"""What use would cost, before anything is accepted: of a run's reports or of a table, by licence and by component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.context import reading, sources
from registry.base.ratelimits import Rate, spend
from registry.base.spreadsheets import Line, read_table
from registry.core.decisions import Purpose
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.core.tariffs import Figure
from registry.remuneration import costs
from registry.remuneration.money import minor
from registry.usage import service as usage
from registry.web.forms import Form, sent_file
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works

blueprint = Pages("cost_pages", "registry.remuneration")

_RUNS = 50
_SHOWN = 100
_EXAMPLES = 3
_KEPT = 400_000
"""Bytes of a table that the page carries on; a larger one is chosen again."""


@dataclass(slots=True)
class Asked:
    """What is to be priced, as far as it can be read."""

    units: dict[bytes, int] = field(default_factory=dict)
    """By the work's public id."""
    purpose: Purpose = Purpose.TRAIN_GENAI
    territory: str = WORLD
    figures: dict[Figure, int] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    table: str = ""
    wrong: list[tuple[Line, str]] = field(default_factory=list)
    """Lines of the table that cannot be read, and which cell: `work` or `units`."""


@blueprint.get("/costs")
@signed_in(Role.LAB)
def show() -> str:
    """The form; with a run in the address also what its reports cost."""
    run = request.args.get("run", "")
    with reading() as session:
        if not run:
            return _page(session, Form.of(purpose=Purpose.TRAIN_GENAI, territory=WORLD), None)
        form = Form.of(run=run)
        asked = Asked()
        _take_run(session, current_visitor().actor, form, asked)
        form.values["purpose"], form.values["territory"] = asked.purpose.value, asked.territory
        return _page(session, form, asked if asked.units and not form.errors else None)


@blueprint.post("/costs")
@signed_in(Role.LAB)
def price() -> str | tuple[str, int]:
    """Price what the form names; nothing is recorded or accepted."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.READ, account=actor.public_id)
    asked = Asked()
    with reading() as session:
        _take_terms(form, asked)
        chosen = request.files.get("table")
        data = sent_file(form, "table")
        if data and (not form.text("run") or (chosen is not None and chosen.filename)):
            _take_table(form, data, asked)
        elif form.text("run"):
            _take_run(session, actor, form, asked)
        else:
            form.errors["table"] = _("Choose a run or a table.")
        if form.errors:
            return _page(session, form, None, wrong=asked.wrong), 422
        return _page(session, form, asked)


def _take_terms(form: Form, asked: Asked) -> None:
    asked.purpose = form.take("purpose", Purpose, _("Choose one of these.")) or asked.purpose
    asked.territory = (
        form.take(
            "territory",
            lambda text: check_territory(text.strip() or WORLD),
            _("A country’s two letters, or world."),
        )
        or WORLD
    )
    for figure in Figure:
        text = form.text(figure)
        if text:
            rule = int if figure is Figure.MODEL_VERSIONS else _income
            value = form.take(figure, rule, _("A number, please, such as 250000.00"))
            if value is not None and 0 <= value <= 10**15:
                asked.figures[figure] = value
            else:
                form.errors.setdefault(figure, _("A number, please, such as 250000.00"))
    named = [text for text in form.values.getlist("offer") if text]
    try:
        asked.offers = tuple(format_id("offer", parse_id("offer", text)) for text in named[:1_000])
    except InvalidInput:
        asked.offers = ()


def _income(text: str) -> int:
    return minor(text.strip().replace(",", "."), "EUR")


def _take_run(session: Session, actor: Actor, form: Form, asked: Asked) -> None:
    """The works that all claims of a run report, for what the run asked."""
    try:
        run = usage.get_run(session, actor, form.text("run"))
    except NotFound:
        form.errors["run"] = _("Choose one of your runs.")
        return
    units = usage.works_reported(session, run, costs.MAX_WORKS + 1)
    if not 0 < len(units) <= costs.MAX_WORKS:
        form.errors["run"] = _("Nothing was reported from this run, or more than 100,000 works.")
        return
    found = works.works_by_id(session, units)
    asked.units = {found[key].public_id: number for key, number in units.items()}
    if "purpose" not in form.values:
        asked.purpose, asked.territory = Purpose(run.purpose), run.territory


def _take_table(form: Form, data: bytes, asked: Asked) -> None:
    """The works and units of a table; a table of a claim will do, too."""
    try:
        lines = read_table(data, ("work", "units"), ("licence", "how"))
    except InvalidInput:
        form.errors["table"] = _("This is no table with the columns work and units.")
        return
    uses = []
    for line in lines:
        try:
            work = parse_id("work", line.cells["work"])
        except InvalidInput:
            asked.wrong.append((line, "work"))
            continue
        units = line.cells["units"]
        if not units.isascii() or not units.isdecimal() or not 0 < int(units[:17]) < 2**53:
            asked.wrong.append((line, "units"))
            continue
        uses.append((work, int(units[:17])))
    asked.units = costs.summed(uses)
    if asked.wrong or not 0 < len(asked.units) <= costs.MAX_WORKS:
        form.errors["table"] = (
            _("Some lines cannot be read; they are listed below.")
            if asked.wrong
            else _("A table has 1 to 100,000 works.")
        )
    elif len(data) <= _KEPT:
        asked.table = data.decode("utf-8-sig")


def _page(session: Session, form: Form, asked: Asked | None, wrong: Sequence[tuple[Line, str]] = ()) -> str:
    actor = current_visitor().actor
    runs = usage.runs_seen(session, usage.newest_runs(session, actor, _RUNS))
    shown: dict[str, object] = {}
    if asked is not None:
        command = costs.PreviewCosts(asked.units, asked.purpose, asked.territory, asked.offers, asked.figures)
        preview = costs.preview_costs(session, actor, command, sources())
        shown = {
            "preview": preview,
            "examples": {each.licence: costs.examples(preview, each, _EXAMPLES) for each in preview.licences},
            "choices": _choices(preview),
            "rest": _without_price(preview),
        }
    return render_template(
        "remuneration/costs.html",
        form=form,
        asked=asked,
        runs=[each for each in runs if each.claims],
        wrong=wrong,
        most=_SHOWN,
        purposes=[p.value for p in Purpose],
        figures=[f.value for f in Figure],
        **shown,
    )


def _choices(preview: costs.CostPreview) -> Mapping[str, int]:
    """The offers between which the lab can choose, with how many of the works each is about."""
    found: dict[str, int] = {}
    for work in preview.works:
        if work.other_offers:
            for name in [*(n for n in work.licences if n.startswith("offer_")), *work.other_offers]:
                found[name] = found.get(name, 0) + 1
    return found


def _without_price(preview: costs.CostPreview) -> Mapping[str, int]:
    """How many works have no price, by the reason."""
    found: dict[str, int] = {}
    for work in preview.works:
        if work.reason is not None:
            found[work.reason] = found.get(work.reason, 0) + 1
    return found
