"""A lab asks for terms for works that nobody offers, and takes a request back."""

from __future__ import annotations

from datetime import datetime

from flask import redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.base.periods import whole_second
from registry.base.ratelimits import Rate, spend
from registry.core.decisions import Purpose
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.ids import parse_id
from registry.licences.answers import read_letter, read_until
from registry.licences.asked import AskedAlready, ask_once
from registry.licences.basket_form import looked, numbers_of
from registry.licences.basket_sums import Asked, unasked_works
from registry.licences.request_pages import request_page
from registry.licences.requests import AskForTerms, withdraw_request
from registry.licences.rules import MAX_WORKS, check_territories
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("asking_pages", "registry.licences")

_FILLED_IN = 1_000
"""So many works of a basket the form begins with; the others are asked for after these."""


@blueprint.get("/requests/new")
@signed_in(Role.LAB)
def ask() -> str:
    """The form, with the works of the address or with those of the basket that have no offer filled in."""
    given = Form(request.args.copy())
    numbers = "\n".join(given.values.getlist("work")[:_FILLED_IN])
    asked = looked(given)
    more = 0
    if "basket" in request.args:
        with reading() as session:
            question = Asked(
                current_visitor().actor, asked.purpose, asked.territory, whole_second(sources().now())
            )
            without, every = unasked_works(session, question, _FILLED_IN)
        numbers, more = numbers_of(without), every - len(without)
    values = {"works": numbers, "purpose": asked.purpose.value, "territories": asked.territory}
    return _page(Form(MultiDict(values)), more)


@blueprint.post("/requests/new")
@signed_in(Role.LAB)
def send() -> Response | tuple[str, int]:
    """Ask, one request for each maker; what waits for an answer already is not asked again."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    command = _command(form, sources().now())
    if command is None:
        return _page(form), 422
    try:
        with writing() as session:
            made = len(ask_once(session, actor, command, sources()))
        return redirect(url_for("request_pages.show_all", new=made), 303)
    except AskedAlready as error:
        if error.every:
            return redirect(url_for("request_pages.show_all", again=1), 303)
        form.errors["works"] = _(
            "You have asked for %(number)s already, and wait for the answer. Leave it out here.",
            number=error.numbers[0],
        )
    except NotFound as error:
        form.errors["works"] = _("%(number)s is not on record.", number=error.details["work"])
    except Conflict as error:
        form.errors["works"] = _(
            "%(number)s was withdrawn by its maker; there is nobody to ask about it.",
            number=error.details["work"],
        )
    return _page(form), 422


@blueprint.post("/requests/<id(request):public_id>/withdraw")
@signed_in(Role.LAB)
def withdraw(public_id: bytes) -> Response | tuple[str, int]:
    """Ask no longer."""
    actor = current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    try:
        with writing() as session:
            withdraw_request(session, actor, public_id, sources())
        return redirect(url_for("request_pages.show", public_id=public_id), 303)
    except Conflict:
        with reading() as session:
            return request_page(session, actor, public_id, Form(), stale=True), 409


def _command(form: Form, now: datetime) -> AskForTerms | None:
    """What is asked for; `None` if a field cannot be taken."""
    works = _works(form)
    purpose = form.take("purpose", Purpose, _("Choose one of these."))
    places = form.text("territories").replace(",", " ").replace(";", " ").split() or ["world"]
    wrong = _("world, or the two letters of countries, such as DE, AT.")
    territories = form.take("territories", lambda _text: check_territories(places), wrong)
    until = read_until(form, "until", now)
    message = read_letter(form, "message")
    if form.errors or purpose is None or territories is None:
        return None
    return AskForTerms(works, purpose, territories, valid_to=until, message=message)


def _works(form: Form) -> tuple[bytes, ...]:
    found = []
    for number in form.text("works").replace(",", " ").replace(";", " ").split():
        try:
            found.append(parse_id("work", number))
        except InvalidInput:
            form.errors["works"] = _("“%(number)s” is no number of a work.", number=number[:60])
            return ()
    if not 0 < len(found) <= MAX_WORKS:
        form.errors["works"] = _("Name 1 to %(most)s works.", most=f"{MAX_WORKS:,}")
    return tuple(found)


def _page(form: Form, more: int = 0) -> str:
    purposes = [purpose.value for purpose in Purpose]
    return render_template("licences/ask.html", form=form, purposes=purposes, more=more)
