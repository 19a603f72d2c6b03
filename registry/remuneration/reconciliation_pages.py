"""The reconciliation as a page and as a table: whether run, claim, settlement and payment agree."""

from __future__ import annotations

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.context import reading, sources
from registry.core.errors import InvalidInput
from registry.core.ids import parse_id
from registry.core.settlement.periods import Period
from registry.remuneration.reconciliation import Reconciliation, reconcile, settled_periods
from registry.remuneration.reconciliation_table import to_csv
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("reconciliation_pages", "registry.remuneration")

_SHOWN = 200


@blueprint.get("/reconciliation")
@signed_in(Role.SOCIETY)
def show() -> str:
    """A quarter: by claim and by payee, with what does not agree."""
    with reading() as session:
        period, lab = _asked(session)
        found = reconcile(session, current_visitor().actor, str(period), sources(), lab)
        periods = sorted({*settled_periods(session), period, Period.of(sources().now())}, reverse=True)
    return render_template(
        "remuneration/reconciliation.html", found=found, lab=lab, periods=periods, most=_SHOWN
    )


@blueprint.get("/reconciliation.csv")
@signed_in(Role.SOCIETY)
def table() -> Response:
    """The same, whole, as a table."""
    found = _found()
    headers = {"Content-Disposition": f'attachment; filename="reconciliation-{found.period}.csv"'}
    return Response(to_csv(found), content_type="text/csv; charset=utf-8; header=present", headers=headers)


def _found() -> Reconciliation:
    with reading() as session:
        period, lab = _asked(session)
        return reconcile(session, current_visitor().actor, str(period), sources(), lab)


def _asked(session: Session) -> tuple[Period, bytes | None]:
    """What the address names: a quarter, else the last that was settled, else this one; and a lab, or all."""
    lab = request.args.get("lab", "")
    known = parse_id("party", lab) if lab else None
    try:
        return Period.parse(request.args.get("period", "")), known
    except InvalidInput:
        return max(settled_periods(session), default=Period.of(sources().now())), known
