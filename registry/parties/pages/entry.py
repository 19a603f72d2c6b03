"""Sign up, sign in by password or passkey, sign out."""

from __future__ import annotations

import math
from typing import Any

from flask import abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from registry.base.actor import Actor, Role
from registry.base.context import settings, sources, writing
from registry.base.ratelimits import Rate, spend
from registry.base.strictness import strict_json
from registry.core.errors import Conflict, InvalidInput, RateLimited, Unauthenticated
from registry.parties import passkeys, rules, service
from registry.parties.logging_in import log_in_counted, open_account
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import current_language
from registry.web.i18n import gettext as _
from registry.web.visitors import begin, end, visitor

blueprint = Pages("entry", "registry.parties")

_HOME = {
    Role.CREATOR: "works_pages.show_all",
    Role.SOCIETY: "mandates.show_all",
    Role.LAB: "lab_pages.show",
    Role.OPERATOR: "title_pages.show_all",
    Role.AUDITOR: "audit_pages.show",
}


@blueprint.get("/sign-up")
def sign_up() -> str:
    """The form for a new account."""
    role = request.args.get("role", Role.CREATOR)
    return _sign_up_page(Form.of(role=role if role in set(rules.OPEN_ROLES) else Role.CREATOR))


@blueprint.post("/sign-up")
def sign_up_sent() -> Response | tuple[str, int]:
    """Open an account and sign in to it."""
    form = Form.sent()
    spend(Rate.ANONYMOUS)
    command = _new_account(form)
    if command is not None:
        try:
            actor = service.actor_of(open_account(command, command.language))
        except Conflict:
            form.errors["email"] = _("There is an account with this address already. Sign in instead.")
        else:
            begin(actor, "password")
            return redirect(url_for(_HOME[actor.role]), 303)
    return _sign_up_page(form), 422


def _new_account(form: Form) -> service.RegisterParty | None:
    """The account that the form asks for; `None`, with a sentence at each field that is wrong."""
    role = form.take("role", Role, _("Choose one of these."))
    name = form.take("name", rules.check_name, _("Write your name, on one line."))
    email = form.take("email", rules.normalise_email, _("Write an e-mail address, such as name@example.org."))
    personal = tuple(word for word in (name, email, (email or "").partition("@")[0]) if word)
    password = form.take(
        "password",
        lambda text: rules.check_password(text, personal=personal),
        password_rule(),
    )
    if role not in rules.OPEN_ROLES or form.errors or name is None:
        return None
    return service.RegisterParty(role, name, email, password, current_language())


def _sign_up_page(form: Form) -> str:
    return render_template(
        "parties/sign_up.html", form=form, least=rules.PASSWORD_MIN, mail_is_on=settings().sends_mail
    )


@blueprint.get("/sign-in")
def sign_in() -> Response | str:
    """The form for signing in."""
    found = visitor()
    if found is not None:
        return redirect(_after_signing_in(found.actor, request.args.get("next", "")), 303)
    return _sign_in_page(Form.of(next=request.args.get("next", "")))


@blueprint.post("/sign-in")
def sign_in_by_password() -> Response | tuple[str, int]:
    """Sign in by e-mail address and password. The attempt is counted before the password is looked at."""
    form = Form.sent()
    try:
        actor = log_in_counted(form.text("email"), form.values.get("password", ""))
    except RateLimited as error:
        form.errors[""] = too_many_attempts(error)
        return _sign_in_page(form), 429
    except Unauthenticated:
        form.errors[""] = _("E-mail address and password do not fit together.")
        return _sign_in_page(form), 401
    begin(actor, "password")
    return redirect(_after_signing_in(actor, form.text("next")), 303)


def _sign_in_page(form: Form) -> str:
    return render_template("parties/sign_in.html", form=form, mail_is_on=settings().sends_mail)


@blueprint.post("/sign-in/passkey/question")
def ask_who() -> Response:
    """What the browser asks the device."""
    with writing() as session:
        return jsonify(passkeys.ask_who(session, site(), sources().now()))


@blueprint.post("/sign-in/passkey")
def sign_in_by_passkey() -> tuple[Response, int]:
    """Sign in by what the device answers; tells the page's script where to go."""
    try:
        with writing() as session:
            actor = passkeys.log_in_by_passkey(session, posted_json(), site(), sources().now())
    except Unauthenticated:
        return jsonify(message=_("This passkey was not accepted. Try again, or use your password.")), 401
    begin(actor, "passkey")
    return jsonify(next=_after_signing_in(actor, request.args.get("next", ""))), 200


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End this session."""
    end()
    return redirect(url_for("home.start"), 303)


def password_rule() -> str:
    """What is said of a password that is not taken."""
    return _(
        "Take %(least)s to %(most)s characters, for example four words that have nothing to do with you.",
        least=rules.PASSWORD_MIN,
        most=rules.PASSWORD_MAX,
    )


def too_many_attempts(error: RateLimited) -> str:
    """When the next attempt is taken."""
    minutes = math.ceil(error.details["retry_after"] / 60)
    return _("Too many attempts. Wait %(minutes)s min, then try again.", minutes=minutes)


def site() -> passkeys.Site:
    """How the browser names this registry."""
    return passkeys.Site(request.host.rpartition(":")[0] or request.host, request.host_url.rstrip("/"))


def posted_json() -> dict[str, Any]:
    """The JSON object that a page's script sent."""
    try:
        data = strict_json(request.get_data())
    except InvalidInput:
        abort(400)
    return data if isinstance(data, dict) else abort(400)


def _after_signing_in(actor: Actor, back: str) -> str:
    """Where somebody wanted to go, if that is a page of ours; else the first page of their role."""
    ours = back.startswith(("/de/", "/en/")) and "\\" not in back and back.isprintable()
    return back if ours else url_for(_HOME[actor.role])
