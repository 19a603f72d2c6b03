"""My websites: reserve one, see what proves it, have it looked for, give it up."""

from __future__ import annotations

from typing import Any

import ada_url
from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from registry.base.actor import Role
from registry.base.context import database, part, reading, sources, writing
from registry.base.ratelimits import Rate, spend
from registry.core.errors import Conflict, InvalidInput, NetworkFailed, VerificationFailed
from registry.core.ids import parse_id
from registry.domains import service, words
from registry.domains.rules import NOUN, WELL_KNOWN, ManyOwners, Method, State, domain_of_site
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in

blueprint = Pages("domain_pages", __name__)

_MAKERS = (Role.CREATOR, Role.SOCIETY)
Answer = AnyResponse | str | tuple[str, int]


@blueprint.get("/domains")
@signed_in(*_MAKERS)
def show_all() -> str:
    """My websites, and the form for one more."""
    return _list_page(Form())


@blueprint.post("/domains")
@signed_in(*_MAKERS)
def claim() -> Answer:
    """Record that a website is mine; the next page says what to put where."""
    form, me = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=me.public_id)
    method = form.take("method", Method, _("Choose one of the two ways."))
    domain = None if method is None else _domain(form, method)
    if method is None or domain is None:
        return _list_page(form), 422
    with writing() as session:
        made = service.claim_domain(session, me, service.ClaimDomain(domain, method), sources())
        return redirect(url_for("domain_pages.show", public_id=made.public_id), 303)


@blueprint.get(f"/domains/<id({NOUN}):public_id>")
@signed_in(*_MAKERS)
def show(public_id: bytes) -> str:
    """One of my websites: how it stands, and what is to do."""
    return _page(public_id)


@blueprint.post(f"/domains/<id({NOUN}):public_id>/proof")
@signed_in(*_MAKERS)
def look(public_id: bytes) -> Answer:
    """Look for the proof now. Whatever goes wrong, nothing is reserved by it, and the page says what was found."""
    me = current_visitor().actor
    spend(Rate.WRITE, account=me.public_id)
    try:
        service.prove(database(), me, public_id, part(service.Prober), sources())
    except VerificationFailed:
        return _page(public_id, looked="missing"), 422
    except NetworkFailed:
        return _page(public_id, looked="unreachable"), 502
    except Conflict:
        return _page(public_id, looked="conflict"), 409
    return redirect(url_for("domain_pages.show", public_id=public_id, looked="found"), 303)


@blueprint.get(f"/domains/<id({NOUN}):public_id>/file")
@signed_in(*_MAKERS)
def proof_file(public_id: bytes) -> Response:
    """The file that proves a website, ready to be put there."""
    with reading() as session:
        claim = service.own_claim(session, current_visitor().actor, public_id, sources())
        (view,) = service.views(session, [claim])
    answer = Response(f"{view['proof']['line']}\n", content_type="text/plain; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=WELL_KNOWN.rpartition("/")[2])
    return answer


@blueprint.post(f"/domains/<id({NOUN}):public_id>/end")
@signed_in(*_MAKERS)
def end(public_id: bytes) -> AnyResponse:
    """Give a website up."""
    with writing() as session:
        service.end_claim(session, current_visitor().actor, public_id, sources())
    return redirect(url_for("domain_pages.show", public_id=public_id), 303)


def _domain(form: Form, method: Method) -> str | None:
    """The website that was entered; else a sentence at its field."""
    try:
        return domain_of_site(form.text("domain"), method)
    except ManyOwners:
        form.errors["domain"] = _(
            "Under this name anybody can have a site, so nobody can reserve all of it. Enter your own name below it, "
            "such as anna.github.io."
        )
    except InvalidInput:
        form.errors["domain"] = _(
            "This is no website that can be reserved. Enter its name as it stands in the browser, such as anna.example."
        )
    return None


def _list_page(form: Form) -> str:
    after = request.args.get("after")
    with reading() as session:
        me = current_visitor().actor
        found = service.list_claims(session, me, parse_id(NOUN, after) if after else None)
        return render_template(
            "domains/domains.html",
            form=form,
            sites=[_shown(view) for view in service.views(session, found.items)],
            next=found.next,
        )


def _page(public_id: bytes, looked: str = "") -> str:
    with reading() as session:
        claim = service.own_claim(session, current_visitor().actor, public_id, sources())
        (view,) = service.views(session, [claim])
        shown = _shown(view)
        if request.args.get("looked") == "found" and shown["mark"] == "proved":
            looked = "found"
        return render_template("domains/domain.html", site=shown, looked=looked)


def _shown(view: dict[str, Any]) -> dict[str, Any]:
    """A claim as the pages show it: its name in its own letters, its state in one word, the last failure in words."""
    claim, state = view["claim"], view["state"]
    mark = str(state.value)
    if claim.failure and (state is State.PENDING or (state is State.PROVED and claim.failing_since)):
        mark = "not-found" if state is State.PENDING else "failing"
    return view | {
        "name": ada_url.idna.decode(claim.domain),
        "mark": mark,
        "failure": words.failure(claim.failure) if claim.failure else "",
    }
