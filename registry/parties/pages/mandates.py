"""Mandates: whom a society acts for, and whom a maker lets act. Either side can end one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.core.errors import InvalidInput, NotFound
from registry.core.ids import parse_id
from registry.parties import rules, service
from registry.parties.models import Mandate, Party
from registry.parties.rules import May, Repertoire
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("mandates", "registry.parties")


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
    with reading() as session:
        mandates = service.list_mandates(session, me.actor, limit=500).items
        given = [m for m in mandates if m.principal_id == me.actor.party_id]
        held = [m for m in mandates if m.agent_id == me.actor.party_id]
        return render_template(
            "parties/mandates.html",
            form=form,
            given=given,
            held=held,
            members=_members(held, now),
            now=now,
            actions=_actions(),
        )


def _actions() -> dict[str, str]:
    return {
        May.REGISTER: _("register works and change what is on record"),
        May.GRANT: _("offer licences"),
        May.WITHDRAW: _("withdraw works"),
        May.COLLECT: _("read statements and collect money"),
    }


def _members(held: Sequence[Mandate], now: datetime) -> list[tuple[Party, set[May]]]:
    """Whose whole repertoire somebody acts for now, each once, and what all mandates together permit."""
    found: dict[bytes, tuple[Party, set[May]]] = {}
    for mandate in held:
        current = mandate.current
        if current.repertoire.get("all") and (current.valid_to is None or current.valid_to > now):
            _, may = found.setdefault(mandate.principal.public_id, (mandate.principal, set()))
            may |= {May(action) for action in current.may}
    return list(found.values())
