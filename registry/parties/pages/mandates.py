"""Mandates: whom a society acts for, and whom a maker lets act. Either side can end one."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.core.errors import InvalidInput, NotFound
from registry.core.ids import parse_id
from registry.parties import rules, service
from registry.parties.mandates_table import mandates_csv
from registry.parties.rules import May, Repertoire
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("mandates", "registry.parties")

_LISTED = 50
_GIVEN = 200


@blueprint.get("/mandates")
@signed_in(Role.CREATOR, Role.SOCIETY)
def show_all() -> str:
    """The mandates that I have given or been given."""
    return _page(Form.of(repertoire="all"))


@blueprint.post("/mandates")
@signed_in(Role.CREATOR, Role.SOCIETY)
def give() -> Response | tuple[str, int]:
    """Let a society, or another maker, act for me."""
    form = Form.sent()
    agent = form.take(
        "agent",
        _party,
        _("Copy the number of their account; it begins with party_."),
    )
    may = frozenset(May(m) for m in form.values.getlist("may") if m in set(May))
    if not may:
        form.errors["may"] = _("Choose at least one thing that they may do.")
    if agent is not None and not form.errors:
        command = service.CreateMandate(agent, may, _repertoire(form))
        try:
            with writing() as session:
                service.create_mandate(session, current_visitor().actor, command, sources())
        except (NotFound, InvalidInput):
            form.errors["agent"] = _("There is no society or maker with this number, or it is your own.")
        else:
            return redirect(url_for("mandates.show_all"), 303)
    return _page(form), 422


@blueprint.post("/mandates/<id(mandate):public_id>/end")
@signed_in(Role.CREATOR, Role.SOCIETY)
def end(public_id: bytes) -> Response:
    """End a mandate now."""
    with writing() as session:
        service.end_mandate(session, current_visitor().actor, public_id, None, sources().now())
    return redirect(url_for("mandates.show_all"), 303)


def _party(text: str) -> bytes:
    return parse_id("party", text.strip())


def _repertoire(form: Form) -> Repertoire:
    kind = form.text("repertoire")
    return Repertoire(media=frozenset({kind})) if kind in rules.MEDIA else Repertoire(all=True)


def _page(form: Form) -> str:
    me, now = current_visitor(), sources().now()
    words, before = request.args.get("q", "").strip()[:200], request.args.get("before")
    with reading() as session:
        number = parse_id("mandate", before) if before else None
        return render_template(
            "parties/mandates.html",
            form=form,
            given=service.given_mandates(session, me.actor, _GIVEN),
            held=service.held_mandates(session, me.actor, now, _LISTED, words, number),
            words=words,
            before=before,
            now=now,
            actions=_actions(),
        )


@blueprint.get("/mandates.csv")
@signed_in(Role.CREATOR, Role.SOCIETY)
def table() -> Response:
    """All mandates that I hold, as a table."""
    with reading() as session:
        text = mandates_csv(session, current_visitor().actor, sources().now())
    headers = {"Content-Disposition": 'attachment; filename="mandates.csv"'}
    return Response(text, content_type="text/csv; charset=utf-8; header=present", headers=headers)


def _actions() -> dict[str, str]:
    return {
        May.REGISTER: _("register works and change what is on record"),
        May.GRANT: _("offer licences"),
        May.WITHDRAW: _("withdraw works"),
        May.COLLECT: _("read statements and collect money"),
    }
