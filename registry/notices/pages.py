"""What I was told, and of what I want mails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g, redirect, render_template, url_for
from werkzeug.wrappers import Response

from registry.base.context import reading, settings, writing
from registry.core.ids import parse_id
from registry.notices import service, texts
from registry.notices.rules import KINDS_OF, Kind
from registry.parties import service as parties
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import LANGUAGES
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("notices", __name__)

_SHOWN = 100


@blueprint.get("/account/notices")
@signed_in()
def show() -> str:
    """What I was told, the newest first."""
    me = current_visitor().actor
    with reading() as session:
        party = parties.own_party(session, me)
        return render_template(
            "notices/notices.html",
            told=[
                (n, texts.sentence(n.kind, n.facts, g.language), _link(Kind(n.kind), n.facts))
                for n in service.newest(session, me, _SHOWN)
            ],
            kinds=[(kind.value, _kind_in_words(kind)) for kind in KINDS_OF[me.role]],
            unwanted=service.unwanted(session, me),
            email=party.email,
            spoken=party.language,
            mail_is_on=settings().sends_mail,
        )


@blueprint.post("/account/notices")
@signed_in()
def choose() -> Response:
    """Of what I want mails from now on, and in which language."""
    form = Form.sent()
    wanted = {kind for kind in Kind if kind in form.values.getlist("kind")}
    language = form.text("language")
    with writing() as session:
        chosen = language if language in LANGUAGES else g.language
        service.choose(session, current_visitor().actor, wanted, chosen)
    return redirect(url_for("notices.show", _anchor="mails"), 303)


def _link(kind: Kind, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Where to go from a notice: the address of the page, and what the link says."""
    if "request" in facts:
        page = url_for("request_pages.show", public_id=parse_id("request", facts["request"]))
        return page, _("To the request")
    return {
        Kind.USED: (url_for("uses_pages.show_all"), _("What was reported")),
        Kind.PAID: (url_for("remuneration_pages.show_payouts"), _("To the payouts")),
        Kind.CONTESTED: (
            (url_for("works_pages.show_all", state="contested"), _("The contested works"))
            if facts.get("newer")
            else (url_for("works_pages.show_all"), _("My works"))
        ),
        Kind.REQUEST: (url_for("request_pages.show_all"), _("To the requests")),
        Kind.ANSWER: (url_for("request_pages.show_all"), _("To the requests")),
    }[kind]


def _kind_in_words(kind: Kind) -> str:
    return {
        Kind.USED: _("a lab reports that it used my works"),
        Kind.CONTESTED: _("a title is contested"),
        Kind.REQUEST: _("a lab asks for a licence"),
        Kind.ANSWER: _("what I asked for is answered"),
        Kind.PAID: _("I was paid"),
    }[kind]
