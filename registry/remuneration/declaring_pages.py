"""A lab declares incomes and model versions: what is asked, what a figure means before it binds, what was declared."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from registry.base.actor import Actor, Role
from registry.base.context import database, part, reading, rehearsing, sources, writing
from registry.base.paging import MAX_LIMIT
from registry.base.ratelimits import Rate, spend
from registry.core.errors import InvalidInput, NotFound, VorbehaltError
from registry.core.ids import format_id, parse_id
from registry.core.records.receipts import SUFFIX
from registry.core.settlement.periods import Period
from registry.core.tariffs import Figure
from registry.log.service import LogKey
from registry.parties import service as parties
from registry.remuneration import declaring
from registry.remuneration.declaring import Asked
from registry.usage import service as usage
from registry.web.forms import Form, sent_file
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("declaring_pages", "registry.remuneration")


@blueprint.get("/declarations")
@signed_in(Role.LAB)
def show() -> str:
    """What is asked of my lab, and what it declared."""
    return _overview(Form())


@blueprint.get("/declarations/<id(agreement):public_id>/<period>/<figure>")
@signed_in(Role.LAB)
def ask(public_id: bytes, period: str, figure: str) -> str:
    """The form for one figure."""
    return _one(_asked(current_visitor().actor, public_id, period, figure), Form())


@blueprint.post("/declarations/<id(agreement):public_id>/<period>/<figure>")
@signed_in(Role.LAB)
def check_one(public_id: bytes, period: str, figure: str) -> str | tuple[str, int]:
    """What this figure would mean; nothing is declared."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    asked = _asked(actor, public_id, period, figure)
    if asked.figure is Figure.MODEL_VERSIONS:
        value = " ".join(form.values.getlist("model")) or ("none" if form.text("none") else "")
    else:
        value = form.text("amount")
    table = declaring.as_line(asked, value, asked.history[-1].public_id if asked.history else None)
    with rehearsing() as session:
        meanings, refused = declaring.rehearse(session, actor, declaring.read_declarations(table), sources())
    if refused:
        if asked.figure is Figure.MODEL_VERSIONS:
            form.errors["models"] = _(
                "Choose the versions that were trained and not declared before, or say that there were none."
            )
        else:
            form.errors["amount"] = _("Write an amount such as 1234567.89, without marks between thousands.")
        return _one(asked, form), 422
    return render_template("remuneration/declaration_checked.html", meanings=meanings, table=table.decode())


@blueprint.post("/declarations/check")
@signed_in(Role.LAB)
def check_table() -> str | tuple[str, int]:
    """What the lines of a table would mean, or what is wrong with each; nothing is declared."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    table = sent_file(form, "table")
    try:
        lines = declaring.read_declarations(table)
    except InvalidInput as error:
        form.errors["table"] = _("This is no table of declarations. Nothing was declared.")
        return _overview(form, reason=error.message if table else None), 422
    with rehearsing() as session:
        meanings, refused = declaring.rehearse(session, actor, lines, sources())
    if refused:
        return render_template("remuneration/declaration_refused.html", refused=refused, lines=lines), 422
    text = table.decode("utf-8-sig")
    return render_template("remuneration/declaration_checked.html", meanings=meanings, table=text)


@blueprint.post("/declarations")
@signed_in(Role.LAB)
def declare() -> AnyResponse | tuple[str, int]:
    """Declare all that was shown, or nothing."""
    form, actor = Form.sent(), current_visitor().actor
    part(LogKey)  # before anything is logged, know that a receipt can be signed
    lines = declaring.read_declarations(sent_file(form, "table"))
    try:
        with writing() as session:
            declaring.declare_all(session, actor, lines, sources())
    except VorbehaltError:
        with rehearsing() as session:
            _, refused = declaring.rehearse(session, actor, lines, sources())
        if not refused:
            raise
        return render_template("remuneration/declaration_refused.html", refused=refused, lines=lines), 409
    return redirect(url_for("declaring_pages.show", _anchor="history"), 303)


@blueprint.get("/declarations/<id(declaration):public_id>/receipt")
@signed_in(Role.LAB)
def receipt(public_id: bytes) -> Response:
    """The proof that a declaration is in the log, as a file."""
    actor = current_visitor().actor
    text = usage.declaration_receipt(database(), actor, public_id, lambda: part(LogKey), sources())
    return Response(
        text,
        content_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{format_id("declaration", public_id)}{SUFFIX}"'
        },
    )


@blueprint.get("/declarations/columns.csv")
@signed_in(Role.LAB)
def columns() -> Response:
    """What is asked now as a table, to be filled in."""
    with reading() as session:
        actor = current_visitor().actor
        due = declaring.next_due(declaring.asked_of(session, actor, sources()), sources().now())
    rows = [",".join((*declaring.COLUMNS, "corrects"))]
    for asked in due:
        corrects = format_id("declaration", asked.history[-1].public_id) if asked.history else ""
        rows.append(f"{asked.licence.partition('@')[0]},{asked.period},{asked.figure.value},,{corrects}")
    headers = {"Content-Disposition": 'attachment; filename="declarations.csv"'}
    return Response(
        "".join(f"{row}\r\n" for row in rows),
        content_type="text/csv; charset=utf-8; header=present",
        headers=headers,
    )


def _asked(actor: Actor, public_id: bytes, period: str, figure: str) -> Asked:
    """What the address names, if it is asked of this lab and its quarter is over."""
    with reading() as session:
        for asked in declaring.asked_of(session, actor, sources()):
            named = (asked.agreement.public_id, str(asked.period), asked.figure.value)
            if named == (public_id, period, figure) and asked.reason != "not-over":
                return asked
    raise NotFound(f"{format_id('agreement', public_id)} asks for no {figure[:40]} of {period[:10]}.")


def _one(asked: Asked, form: Form) -> str:
    with reading() as session:
        models = parties.list_models(session, current_visitor().actor, limit=MAX_LIMIT).items
    return render_template("remuneration/declaration.html", asked=asked, form=form, models=models)


def _overview(form: Form, reason: str | None = None) -> str:
    actor = current_visitor().actor
    after = request.args.get("after")
    with reading() as session:
        asked = declaring.asked_of(session, actor, sources())
        page = usage.list_declarations(session, actor, parse_id("declaration", after) if after else None)
        meanings = [declaring.meaning_of(session, actor, declared, sources()) for declared in page.items]
    return render_template(
        "remuneration/declarations.html",
        form=form,
        reason=reason,
        due=declaring.next_due(asked, sources().now()),
        told=[each for each in asked if each.reason is None],
        later=[each for each in asked if each.reason == "not-over"],
        meanings=meanings,
        next=page.next,
        quarter=Period.of(sources().now()),
    )
