"""Statements as pages: what each quarter brought, and every cent of it with the claim that it comes from."""

from __future__ import annotations

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.context import reading, sources
from registry.core.ids import format_id, parse_id
from registry.parties import service as parties
from registry.remuneration import service
from registry.remuneration.export import to_csv
from registry.remuneration.periods import Period
from registry.remuneration.statements import Statement
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works

blueprint = Pages("remuneration_pages", "registry.remuneration")


@blueprint.get("/statements")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show() -> str:
    """Every quarter that brought something, to me or to a member for whom I collect."""
    with reading() as session:
        actor = current_visitor().actor
        totals = service.statement_totals(session, actor, sources(), _member())
    return render_template("remuneration/statements.html", totals=totals, member=_member())


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
    name = f"statement-{found.period}-{format_id('party', found.party)}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(to_csv(found), content_type="text/csv; charset=utf-8; header=present", headers=headers)


def _statement(session: Session, period: str) -> Statement:
    return service.statement(session, current_visitor().actor, period, sources(), _member())


def _member() -> bytes | None:
    """The member whose statements a society looks at, if it names one."""
    return parse_id("party", request.args["party"]) if "party" in request.args else None
