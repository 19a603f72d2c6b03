"""Confirm an address, change it, and get in again when the password is forgotten."""

from __future__ import annotations

import math

from flask import g, redirect, render_template, url_for
from werkzeug.wrappers import Response

from registry.addresses import service
from registry.addresses.rules import HOLDS, Purpose
from registry.base.context import reading, settings, sources, writing
from registry.base.ratelimits import Rate, spend
from registry.core.errors import Conflict, InvalidInput, NotFound, RateLimited, Unauthenticated
from registry.parties import service as parties
from registry.web.confirming import confirm_password
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in, take_cookie, visitor

blueprint = Pages("address_pages", __name__)

Answer = Response | str | tuple[str, int]


# -- confirming ---------------------------------------------------------------------------------------------
@blueprint.get("/confirm/<secret>")
def ask(secret: str) -> Answer:
    """Whose address it is; nothing is confirmed by looking, because mail programs look, too."""
    try:
        with reading() as session:
            party, address = service.look(session, secret, Purpose.CONFIRM, sources().now())
            return render_template("addresses/confirm.html", party=party, address=address)
    except NotFound:
        return _worthless(Purpose.CONFIRM)


@blueprint.post("/confirm/<secret>")
def confirm(secret: str) -> Answer:
    """The address is the account's from now on."""
    try:
        with writing() as session:
            address = service.confirm(session, secret, sources()).email
    except NotFound:
        return _worthless(Purpose.CONFIRM)
    except Conflict:
        return render_template("addresses/taken.html"), 409
    g.pop("visitor", None)  # who looks at this page may have an address from now on
    return render_template("addresses/confirmed.html", address=address)


@blueprint.post("/account/address/again")
@signed_in()
def ask_again() -> Answer:
    """Send me the letter once more."""
    try:
        with writing() as session:
            service.ask_again(session, current_visitor().actor, g.language, sources())
    except RateLimited as error:
        return _change_page(Form(errors={"": _too_many(error)})), 429
    return redirect(url_for("account.show", asked="again", _anchor="address"), 303)


# -- changing -----------------------------------------------------------------------------------------------
@blueprint.get("/account/address")
@signed_in()
def show() -> str:
    """The form for another address."""
    return _change_page(Form())


@blueprint.post("/account/address")
@signed_in()
def change() -> Answer:
    """Write to the new address, if this is my password; the answer tells nobody whether somebody has it."""
    form, me = Form.sent(), current_visitor()
    email = form.take(
        "email", parties.normalise_email, _("Write an e-mail address, such as name@example.org.")
    )
    if email is None:
        return _change_page(form), 422
    try:
        confirm_password(me.actor, form.values.get("password", ""))
        with writing() as session:
            service.change_address(session, me.actor, email, g.language, sources())
    except RateLimited as error:
        form.errors[""] = _too_many(error)
        return _change_page(form), 429
    except Unauthenticated:
        form.errors["password"] = _("This is not your current password.")
        return _change_page(form), 422
    except InvalidInput:
        form.errors["email"] = _("This is your address already.")
        return _change_page(form), 422
    return redirect(url_for("account.show", _anchor="address"), 303)


@blueprint.post("/account/address/keep")
@signed_in()
def keep() -> Response:
    """Keep the present address: the letter to the other one asks no more."""
    with writing() as session:
        service.take_back_change(session, current_visitor().actor)
    return redirect(url_for("account.show", _anchor="address"), 303)


def _change_page(form: Form) -> str:
    with reading() as session:
        party = parties.own_party(session, current_visitor().actor)
        return render_template(
            "addresses/change.html", form=form, party=party, mail_is_on=settings().sends_mail
        )


# -- a forgotten password -----------------------------------------------------------------------------------
@blueprint.get("/forgotten")
def forgotten() -> str:
    """The form that asks for a letter."""
    return _forgotten_page(Form())


@blueprint.post("/forgotten")
def write_to() -> Answer:
    """Write to this address; the same page comes, whoever has it."""
    form = Form.sent()
    email = form.take(
        "email", parties.normalise_email, _("Write an e-mail address, such as name@example.org.")
    )
    if email is None or not settings().sends_mail:
        return _forgotten_page(form), 422
    spend(Rate.ANONYMOUS)
    with writing() as session:
        service.forgot_password(session, email, g.language, sources())
    return render_template("addresses/forgotten_sent.html", address=email, minutes=_minutes())


@blueprint.get("/new-password/<secret>")
def choose(secret: str) -> Answer:
    """The form for a new password."""
    try:
        return _choose_page(secret, Form())
    except NotFound:
        return _worthless(Purpose.RECOVER)


@blueprint.post("/new-password/<secret>")
def set_password(secret: str) -> Answer:
    """Take the new password; everybody is signed out, who sends this, too."""
    form = Form.sent()
    spend(Rate.ANONYMOUS)
    try:
        with reading() as session:
            party, _address = service.look(session, secret, Purpose.RECOVER, sources().now())
            password = parties.hash_new_password(party, form.values.get("password", ""))
        with writing() as session:
            service.set_forgotten_password(session, secret, password, sources())
    except NotFound:
        return _worthless(Purpose.RECOVER)
    except InvalidInput:
        form.errors["password"] = _password_rule()
        return _choose_page(secret, form), 422
    if visitor() is not None:
        take_cookie()
        g.visitor = None
    return render_template("addresses/renewed.html")


def _forgotten_page(form: Form) -> str:
    return render_template("addresses/forgotten.html", form=form, mail_is_on=settings().sends_mail)


def _choose_page(secret: str, form: Form) -> str:
    with reading() as session:
        party, address = service.look(session, secret, Purpose.RECOVER, sources().now())
        return render_template(
            "addresses/new_password.html",
            form=form,
            party=party,
            address=address,
            least=parties.PASSWORD_MIN,
        )


def _worthless(purpose: Purpose) -> tuple[str, int]:
    return render_template("addresses/worthless.html", recovers=purpose is Purpose.RECOVER), 404


def _password_rule() -> str:
    return _(
        "Take %(least)s to %(most)s characters, for example four words that have nothing to do with you.",
        least=parties.PASSWORD_MIN,
        most=parties.PASSWORD_MAX,
    )


def _minutes() -> int:
    return int(HOLDS[Purpose.RECOVER].total_seconds() // 60)


def _too_many(error: RateLimited) -> str:
    wait = error.details["retry_after"]
    if wait <= 3600:  # for the password; letters are counted by the day
        return _("Too many attempts. Wait %(minutes)s min, then try again.", minutes=math.ceil(wait / 60))
    hours = math.ceil(wait / 3600)
    return _(
        "We have written to you several times. Look among the unwanted mails, too, or try again in %(hours)s h.",
        hours=hours,
    )
