"""One's own account: API keys, sessions, passkeys."""

from __future__ import annotations

from flask import jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from registry.addresses import service as addresses
from registry.base.actor import Scope
from registry.base.context import reading, settings, sources, writing
from registry.core.errors import Conflict, InvalidInput, RateLimited, Unauthenticated
from registry.parties import passkeys, rules, service
from registry.parties.logging_in import change_password_counted
from registry.parties.pages.entry import password_rule, posted_json, site, too_many_attempts
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, end, signed_in

blueprint = Pages("account", "registry.parties")


@blueprint.get("/account")
@signed_in()
def show() -> str:
    """Who I am here, and what can act for me."""
    return _page()


@blueprint.post("/account/keys")
@signed_in()
def make_key() -> str | tuple[str, int]:
    """Make an API key, and show it this once."""
    form = Form.sent()
    actor = current_visitor().actor
    name = form.take("name", lambda text: rules.check_name(text, longest=100), _("Give the key a name."))
    scopes = frozenset(Scope(s) for s in form.values.getlist("scope") if s in set(actor.scopes))
    if not scopes:
        form.errors["scope"] = _("Choose at least one thing that the key may do.")
    if name is None or form.errors:
        return _page(key_form=form), 422
    with writing() as session:
        command = service.CreateApiKey(name, scopes)
        _key, text = service.create_api_key(session, actor, command, sources())
    return _page(new_key=text)


@blueprint.post("/account/keys/<id(key):public_id>/revoke")
@signed_in()
def revoke_key(public_id: bytes) -> Response:
    """Make a key worthless at once."""
    with writing() as session:
        service.revoke_api_key(session, current_visitor().actor, public_id, sources().now())
    return redirect(url_for("account.show", _anchor="keys"), 303)


@blueprint.post("/account/password")
@signed_in()
def change_password() -> str | tuple[str, int]:
    """Take another password; everybody else who is signed in to this account is not any more."""
    form, me = Form.sent(), current_visitor()
    new = form.values.get("password", "")
    try:
        change_password_counted(me.actor, me.session, form.values.get("current", ""), new)
    except RateLimited as error:
        form.errors[""] = too_many_attempts(error)
        return _page(password_form=form), 429
    except (Unauthenticated, Conflict):
        form.errors["current"] = _("This is not your current password.")
    except InvalidInput:
        form.errors["password"] = password_rule()
    return (_page(password_form=form), 422) if form.errors else _page(password_changed=True)


@blueprint.post("/account/sessions/<id(session):public_id>/end")
@signed_in()
def end_session(public_id: bytes) -> Response:
    """End one of my sessions, this one or another."""
    me = current_visitor()
    if public_id == me.session:
        end()
        return redirect(url_for("home.start"), 303)
    with writing() as session:
        service.end_session(session, me.actor, public_id, sources().now())
    return redirect(url_for("account.show", _anchor="sessions"), 303)


@blueprint.post("/account/end-other-sessions")
@signed_in()
def end_other_sessions() -> Response:
    """End all of my sessions but this one."""
    me = current_visitor()
    with writing() as session:
        service.end_other_sessions(session, me.actor, me.session, sources().now())
    return redirect(url_for("account.show", _anchor="sessions"), 303)


@blueprint.post("/account/passkeys/question")
@signed_in()
def ask_for_passkey() -> Response:
    """What the browser asks the device."""
    with writing() as session:
        actor = current_visitor().actor
        return jsonify(passkeys.ask_for_passkey(session, actor, site(), sources().now()))


@blueprint.post("/account/passkeys")
@signed_in()
def add_passkey() -> tuple[Response, int]:
    """Record what the device answers; tells the page's script where to go."""
    answer = posted_json()
    name = str(answer.pop("name", "")).strip()[:100] or _("Passkey")
    try:
        with writing() as session:
            passkeys.add_passkey(session, current_visitor().actor, name, answer, site(), sources())
    except (InvalidInput, Conflict):
        return jsonify(message=_("The device’s answer could not be used. Try again.")), 422
    return jsonify(next=url_for("account.show", _anchor="passkeys")), 201


@blueprint.post("/account/passkeys/<id(passkey):public_id>/remove")
@signed_in()
def remove_passkey(public_id: bytes) -> Response:
    """Forget a passkey."""
    with writing() as session:
        passkeys.remove_passkey(session, current_visitor().actor, public_id)
    return redirect(url_for("account.show", _anchor="passkeys"), 303)


def _page(
    *,
    key_form: Form | None = None,
    new_key: str | None = None,
    password_form: Form | None = None,
    password_changed: bool = False,
) -> str:
    me, now = current_visitor(), sources().now()
    with reading() as session:
        party = service.own_party(session, me.actor)
        return render_template(
            "parties/account.html",
            form=key_form or Form(),
            new_key=new_key,
            password_form=password_form or Form(),
            password_changed=password_changed,
            least=rules.PASSWORD_MIN,
            party=party,
            pending=addresses.pending_change(session, party, now),
            mail_is_on=settings().sends_mail,
            asked="asked" in request.args,
            keys=service.list_api_keys(session, me.actor, limit=500).items,
            sessions=service.list_sessions(session, me.actor, now),
            passkeys=passkeys.list_passkeys(session, me.actor),
            scopes=[(s.value, scope_in_words(s)) for s in Scope if s in me.actor.scopes],
        )


def scope_in_words(scope: Scope) -> str:
    """What a key with this scope may do."""
    return {
        Scope.WORKS_READ: _("read works"),
        Scope.WORKS_WRITE: _("register and change works"),
        Scope.LICENCES_WRITE: _("offer and accept licences"),
        Scope.SNAPSHOT_READ: _("fetch its licences with the snapshot"),
        Scope.CHECK: _("check items"),
        Scope.CLAIMS_WRITE: _("name models and report use"),
        Scope.STATEMENTS_READ: _("read statements"),
        Scope.ACCOUNT: _("manage the account, and make keys"),
        Scope.OPERATE: _("operate the registry"),
        Scope.AUDIT: _("read what labs reported, and the files of settlements"),
    }[scope]
