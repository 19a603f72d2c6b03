"""A lab's basket: put works in, see by which offers they could be used and what that costs, choose, take out."""

from __future__ import annotations

from collections.abc import Sequence

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from registry.base.actor import Actor, Role
from registry.base.context import reading, sources, writing
from registry.base.ratelimits import Rate, spend
from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput
from registry.core.ids import parse_id
from registry.licences import basket
from registry.licences.accepting import MAX_AT_ONCE
from registry.licences.basket_form import Looked, looked, put_or_say, read_put
from registry.licences.basket_view import BasketView, least, view
from registry.usage import service as usage
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("basket_pages", "registry.licences")

_RUNS = 50
_SHOWN = 100


@blueprint.get("/basket")
@signed_in(Role.LAB)
def show() -> str | tuple[str, int]:
    """What is in it, and by which offers it could be used for the purpose and at the place in the address."""
    form = Form(request.args.copy())
    asked = looked(form)
    with reading() as session:
        page = _page(session, current_visitor().actor, form, asked)
    return (page, 422) if form.errors else page


@blueprint.post("/basket")
@signed_in(Role.LAB)
def put() -> Response | tuple[str, int]:
    """Put in what the form names, all or nothing."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    asked = looked(form)
    with reading() as session:
        try:
            units = read_put(session, actor, form, sources())
        except basket.TooManyWorks as error:
            return redirect(url_for("accepting_pages.read", offer=error.number), 303)
        if form.text("run") and "run" not in form.errors and not form.text("purpose"):
            run = usage.get_run(session, actor, form.text("run"))
            asked = Looked(Purpose(run.purpose), run.territory)
    if not form.errors:
        with writing() as session:
            new = put_or_say(session, actor, form, units, sources())
        if not form.errors:
            again = len(units) - new
            return redirect(url_for("basket_pages.show", **asked.args, put=new, again=again or None), 303)
    with reading() as session:
        return _page(session, actor, form, asked), 422


@blueprint.post("/basket/out")
@signed_in(Role.LAB)
def take_out() -> Response:
    """Take out the ticked works, or everything."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    with writing() as session:
        if form.text("act") == "all":
            basket.empty(session, actor)
        else:
            basket.take_out(session, actor, _numbers("work", form.values.getlist("work")))
    return redirect(url_for("basket_pages.show", **looked(form).args, _anchor="works"), 303)


def _numbers(noun: str, numbers: Sequence[str]) -> list[bytes]:
    """Those of them that are numbers of this noun."""
    found = []
    for number in numbers:
        try:
            found.append(parse_id(noun, number))
        except InvalidInput:
            continue
    return found


def _page(session: Session, actor: Actor, form: Form, asked: Looked) -> str:
    runs = usage.runs_seen(session, usage.newest_runs(session, actor, _RUNS))
    return render_template(
        "licences/basket.html",
        form=form,
        looked=asked,
        b=_view(session, actor, asked),
        purposes=[purpose.value for purpose in Purpose],
        runs=[each for each in runs if each.claims],
        least=least,
        most=basket.MAX_BASKET,
        put=request.args.get("put", type=int),
        again=request.args.get("again", default=0, type=int),
    )


def _view(session: Session, actor: Actor, asked: Looked) -> BasketView | None:
    wished = _numbers("offer", asked.preferred)
    return view(session, actor, asked.purpose, asked.territory, wished, sources(), MAX_AT_ONCE, _SHOWN)
