"""Titles in conflict, for the operator: what waits, both sides of each, and a decision with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from registry.base.actor import Actor, Role
from registry.base.context import database, part, reading, sources, writing
from registry.core.errors import InvalidInput
from registry.log import service as log
from registry.log.service import LogKey
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works import contests, disputes, hint_reviews
from registry.works.contests import DecideTitle, Outcome
from registry.works.hint_reviews import Act, ReviewHint

blueprint = Pages("title_pages", "registry.works")

T = TypeVar("T")


@blueprint.get("/titles")
@signed_in(Role.OPERATOR)
def show_all() -> str:
    """Contests that wait for a person, and hints that may be worth a look."""
    with reading() as session:
        found = disputes.waiting(session, current_visitor().actor)
        return render_template("works/titles.html", waiting=found)


@blueprint.get("/titles/<id(work):newer>/<id(work):earlier>")
@signed_in(Role.OPERATOR)
def show(newer: bytes, earlier: bytes) -> str:
    """Both sides, what was decided so far, and the form for a decision."""
    return _page(newer, earlier, Form())


@blueprint.post("/titles/<id(work):newer>/<id(work):earlier>")
@signed_in(Role.OPERATOR)
def decide(newer: bytes, earlier: bytes) -> Response | tuple[str, int]:
    """Record a decision with its reason, which both owners will read, and enter it in the log."""
    form = Form.sent()
    outcome = form.take("outcome", Outcome, _("Choose one of these."))

    def act(session: Session, actor: Actor, outcome: Outcome, reason: str) -> None:
        disputes.dispute(session, actor, newer, earlier)
        contests.decide_title(session, actor, DecideTitle(newer, outcome, reason, earlier), sources())

    if not _recorded(form, outcome, act):
        return _page(newer, earlier, form), 422
    return redirect(url_for("title_pages.show", newer=newer, earlier=earlier), 303)


@blueprint.get("/titles/hints/<id(work):newer>/<id(work):other>")
@signed_in(Role.OPERATOR)
def show_hint(newer: bytes, other: bytes) -> str:
    """Both sides of a hint, what was done about it, and the form that puts it aside or takes that back."""
    return _hint_page(newer, other, Form())


@blueprint.post("/titles/hints/<id(work):newer>/<id(work):other>")
@signed_in(Role.OPERATOR)
def review_hint(newer: bytes, other: bytes) -> Response | tuple[str, int]:
    """Put a hint aside, or take that back, with the reason, which both owners will read; and enter it in the log."""
    form = Form.sent()
    chosen = form.take("act", Act, _("Choose one of these."))

    def act(session: Session, actor: Actor, chosen: Act, reason: str) -> None:
        hint_reviews.review_hint(session, actor, ReviewHint(newer, other, chosen, reason), sources())

    if not _recorded(form, chosen, act):
        return _hint_page(newer, other, form), 422
    return redirect(url_for("title_pages.show_all", _anchor="hints"), 303)


def _recorded(form: Form, chosen: T | None, act: Callable[[Session, Actor, T, str], None]) -> bool:
    """Do what was chosen, with the reason that the form states, and sign it into the log; else say what is wrong."""
    reason = form.text("reason")
    if not reason:
        form.errors["reason"] = _("Say why: both owners read it.")
    if chosen is None or form.errors:
        return False
    key = part(LogKey)
    log.sign_head(database(), key, sources().now())  # refused on a database older than the log
    try:
        with writing() as session:
            act(session, current_visitor().actor, chosen, reason)
    except InvalidInput:
        form.errors["reason"] = _("Up to 2,000 characters, please, without odd ones.")
        return False
    log.sign_head(database(), key, sources().now())
    return True


def _hint_page(newer: bytes, other: bytes, form: Form) -> str:
    with reading() as session:
        hint, reviews, sides = disputes.hint(session, current_visitor().actor, newer, other)
        return render_template(
            "works/hint.html", hint=hint, reviews=reviews, newer=sides[newer], other=sides[other], form=form
        )


def _page(newer: bytes, earlier: bytes, form: Form) -> str:
    with reading() as session:
        contest, sides = disputes.dispute(session, current_visitor().actor, newer, earlier)
        return render_template("works/title.html", contest=contest, sides=sides, form=form)
