"""The reconciliation as a page and as a table: whether run, claim, settlement and payment agree."""

from __future__ import annotations

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.context import reading, sources
from registry.core.errors import InvalidInput
from registry.core.ids import parse_id
from registry.core.settlement.periods import Period
from registry.remuneration.all_labs import claims_of_lab, reconcile_labs
from registry.remuneration.all_labs_table import labs_to_csv
from registry.remuneration.reconciliation import reconcile, settled_periods
from registry.remuneration.reconciliation_table import to_csv
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("reconciliation_pages", "registry.remuneration")

_SHOWN = 100


@blueprint.get("/reconciliation")
@signed_in(Role.SOCIETY, Role.AUDITOR, Role.OPERATOR)
def show() -> str:
    """A quarter, with what does not agree: a society's by claim and by payee, everybody's by lab and claim."""
    actor = current_visitor().actor
    with reading() as session:
        period, lab = _asked(session)
        periods = sorted({*settled_periods(session), period, Period.of(sources().now())}, reverse=True)
        if actor.role is not Role.SOCIETY:
            return render_template(
                "remuneration/all_labs.html",
                found=reconcile_labs(session, actor, period, sources()),
                claims=claims_of_lab(session, actor, lab, period, _SHOWN) if lab else (),
                lab=lab,
                periods=periods,
                most=_SHOWN,
            )
        found = reconcile(session, actor, str(period), sources(), lab)
    return render_template(
        "remuneration/reconciliation.html", found=found, lab=lab, periods=periods, most=_SHOWN
    )


@blueprint.get("/reconciliation.csv")
@signed_in(Role.SOCIETY, Role.AUDITOR, Role.OPERATOR)
def table() -> Response:
    """The same, whole, as a table."""
    actor = current_visitor().actor
    with reading() as session:
        period, lab = _asked(session)
        if actor.role is Role.SOCIETY:
            text = to_csv(reconcile(session, actor, str(period), sources(), lab))
        else:
            claims = claims_of_lab(session, actor, lab, period) if lab else ()
            text = labs_to_csv(reconcile_labs(session, actor, period, sources()), lab, claims)
    headers = {"Content-Disposition": f'attachment; filename="reconciliation-{period}.csv"'}
    return Response(text, content_type="text/csv; charset=utf-8; header=present", headers=headers)


def _asked(session: Session) -> tuple[Period, bytes | None]:
    """What the address names: a quarter, else the last that was settled, else this one; and a lab, or all."""
    lab = request.args.get("lab", "")
    known = parse_id("party", lab) if lab else None
    try:
        return Period.parse(request.args.get("period", "")), known
    except InvalidInput:
        return max(settled_periods(session), default=Period.of(sources().now())), known
