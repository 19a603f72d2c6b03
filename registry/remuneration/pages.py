"""Statements as pages: what each quarter brought, and every cent of it with the claim that it comes from."""

from __future__ import annotations

import math

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.core.errors import RateLimited, Unauthenticated
from registry.core.ids import format_id, parse_id
from registry.core.settlement.periods import Period
from registry.parties import service as parties
from registry.remuneration import service
from registry.remuneration.export import to_csv
from registry.remuneration.statement_letter import statement_pdf
from registry.remuneration.statements import Statement
from registry.web.confirming import check_address_confirmed, confirm_password
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works

blueprint = Pages("remuneration_pages", "registry.remuneration")


@blueprint.get("/statements")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show() -> str:
    """Every quarter that brought something, to me or to a member for whom I collect, and what is held."""
    with reading() as session:
        actor = current_visitor().actor
        totals = service.statement_totals(session, actor, sources(), _member())
        held = service.list_held(session, actor, sources(), _member())
        member = _member()
        name = parties.party_by_public_id(session, member).name if member else None
    return render_template(
        "remuneration/statements.html", totals=totals, held=held, member=member, member_name=name
    )


@blueprint.get("/statements/<period>")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_one(period: str) -> str:
    """One quarter's statement, line by line."""
    with reading() as session:
        found = _statement(session, period)
        ids = works.work_ids_by_public_id(session, {line.work for line in found.lines})
        labs = {line.lab: parties.public_profile(session, line.lab).name for line in found.lines}
        codes = works.codes_to_draw(session, ids.values())
    return render_template(
        "remuneration/statement.html",
        statement=found,
        period=Period.parse(period),
        labs=labs,
        codes={public_id: codes.get(key) for public_id, key in ids.items()},
        member=_member(),
    )


@blueprint.get("/statements/<period>/lines.csv")
@signed_in(Role.CREATOR, Role.SOCIETY)
def table(period: str) -> Response:
    """The same as a table for a spreadsheet."""
    with reading() as session:
        found = _statement(session, period)
    return _file(found, "csv", to_csv(found), "text/csv; charset=utf-8; header=present")


@blueprint.get("/statements/<period>/letter.pdf")
@signed_in(Role.CREATOR, Role.SOCIETY)
def letter(period: str) -> Response:
    """The same as a letter, to print and to keep."""
    with reading() as session:
        found = _statement(session, period)
    return _file(found, "pdf", statement_pdf(found), "application/pdf")


@blueprint.get("/payouts")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_payouts() -> str:
    """What was paid to me, what I am owed, and where it goes."""
    return _payouts(Form())


@blueprint.post("/payouts/bank-account")
@signed_in(Role.CREATOR, Role.SOCIETY)
def set_bank_account() -> AnyResponse | tuple[str, int]:
    """Take another bank account, if this is my password."""
    form, actor = Form.sent(), current_visitor().actor
    check_address_confirmed(actor)
    holder = form.take(
        "holder", service.check_holder, _("Enter the name as your bank has it: 1 to 70 characters.")
    )
    iban = form.take(
        "iban", service.check_iban, _("A digit is wrong or missing, or SEPA does not reach this country.")
    )
    if holder is None or iban is None:
        return _payouts(form), 422
    try:
        confirm_password(actor, form.values.get("password", ""))
    except RateLimited as error:
        minutes = math.ceil(error.details["retry_after"] / 60)
        form.errors[""] = _("Too many attempts. Wait %(minutes)s min, then try again.", minutes=minutes)
        return _payouts(form), 429
    except Unauthenticated:
        form.errors["password"] = _("This is not your current password.")
        return _payouts(form), 422
    with writing() as session:
        service.set_bank_account(session, actor, holder, iban, sources())
    return redirect(url_for("remuneration_pages.show_payouts"), 303)


def _payouts(form: Form) -> str:
    with reading() as session:
        actor = current_visitor().actor
        return render_template(
            "remuneration/payouts.html",
            form=form,
            bank=service.bank_account_of(session, actor),
            owed=service.owed_to(session, actor),
            payouts=service.payouts_to(session, actor),
            now=sources().now(),
        )


def _file(found: Statement, ending: str, data: str | bytes, content_type: str) -> Response:
    """A statement to keep, under a name that says whose and of when it is."""
    name = f"statement-{found.period}-{format_id('party', found.party)}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, content_type=content_type, headers=headers)


def _statement(session: Session, period: str) -> Statement:
    return service.statement(session, current_visitor().actor, period, sources(), _member())


def _member() -> bytes | None:
    """The member whose statements a society looks at, if it names one."""
    return parse_id("party", request.args["party"]) if "party" in request.args else None
