"""Take home what is on record about oneself; delete the account."""

from __future__ import annotations

import math
from tempfile import TemporaryFile

from flask import redirect, render_template, send_file, url_for
from werkzeug.wrappers import Response

from registry.base.context import files, reading, sources, writing
from registry.core.errors import Conflict, RateLimited, Unauthenticated
from registry.own_data import service
from registry.own_data.service import Obstacle
from registry.web.confirming import confirm_password
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in, take_cookie

blueprint = Pages("own_data", __name__)


@blueprint.post("/account/export")
@signed_in()
def export() -> Response:
    """All that is on record about this account, as a ZIP."""
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it when it has gone out
    with reading() as session:
        service.write_export(session, current_visitor().actor, sources().now(), files(), file)
    file.seek(0)
    return send_file(file, "application/zip", as_attachment=True, download_name="vorbehalt-own-data.zip")


@blueprint.get("/account/delete")
@signed_in()
def ask() -> str:
    """What stands in the way, what will be erased, and what stays."""
    return _page(Form())


@blueprint.post("/account/delete")
@signed_in()
def delete() -> Response | tuple[str, int]:
    """Delete the account, with its password; the session ends with it."""
    form, me = Form.sent(), current_visitor()
    try:
        confirm_password(me.actor, form.values.get("password", ""))
        with writing() as session:
            service.delete_account(session, me.actor, sources())
    except RateLimited as error:
        minutes = math.ceil(error.details["retry_after"] / 60)
        form.errors[""] = _("Too many attempts. Wait %(minutes)s min, then try again.", minutes=minutes)
        return _page(form), 429
    except Unauthenticated:
        form.errors["password"] = _("This is not your current password.")
        return _page(form), 422
    except Conflict:
        return _page(form), 409
    take_cookie()
    return redirect(url_for("home.start"), 303)


def _page(form: Form) -> str:
    with reading() as session:
        actor = current_visitor().actor
        standing = {s.obstacle: s.count for s in service.obstacles(session, actor, sources().now())}
    return render_template(
        "own_data/delete.html", form=form, todo=[(what_to_do(o), n) for o, n in standing.items()]
    )


def what_to_do(obstacle: Obstacle) -> tuple[str, str]:
    """What stands in the way, and how it is cleared away."""
    return {
        Obstacle.OPERATOR: (
            _("You operate this registry."),
            _("An operator’s account is part of its records; make its keys worthless instead."),
        ),
        Obstacle.MONEY: (
            _("Money is open: you are owed something, or you owe something."),
            _(
                "Enter your bank account and wait for the payout, or pay your invoices. "
                "For less than 10 euro, write to the operator."
            ),
        ),
        Obstacle.PAYOUT: (_("A payment to you is on its way."), _("Wait until the bank has confirmed it.")),
        Obstacle.CLAIMS: (
            _("Uses were reported that are not settled yet."),
            _("They are settled after the end of the quarter."),
        ),
        Obstacle.AGREEMENTS: (
            _("Licences are in force."),
            _("End them, or wait until they end. What was used before stays licensed and is paid for."),
        ),
        Obstacle.CONTESTS: (
            _("It is open whose a work is."),
            _("Wait until a person has decided, or withdraw the work."),
        ),
        Obstacle.SHARES: (
            _("You hold shares in works of others."),
            _("Ask their owners to record who has these shares from now on."),
        ),
        Obstacle.UPLOADS: (_("A list of works is being registered."), _("Wait until it is done.")),
    }[obstacle]
