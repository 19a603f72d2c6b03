"""A maker, or a society for a member, answers a lab: with an offer of what it asked for at a price, or with a No.

As in the form about terms, what follows is read before anything holds, and what was answered travels with the form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, settings, sources, writing
from registry.base.periods import whole_second
from registry.base.ratelimits import Rate, spend
from registry.core.decisions import Purpose
from registry.core.errors import Conflict
from registry.core.settlement.rules import Deductions
from registry.licences.answers import read_letter, read_price, read_until
from registry.licences.asked import Asked
from registry.licences.consent import Answer, Price, tariff_at
from registry.licences.example import Example, example_of
from registry.licences.offers import revoke_offer
from registry.licences.request_pages import find, request_page
from registry.licences.requests import AnswerRequest, RequestState, answer_with_offer, decline_request
from registry.log import service as log
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.visitors import current_visitor, signed_in
from registry.works.service import Kind

blueprint = Pages("answering_pages", "registry.licences")

_ANSWERS = {Answer.PAID, Answer.FREE, Answer.NO}


@dataclass(frozen=True, slots=True)
class Answered:
    """What the maker says."""

    answer: Answer
    price: Price | None = None
    until: datetime | None = None
    """The end of what is offered; `None` is without end."""
    reason: str | None = None


@blueprint.post("/requests/<id(request):public_id>/answer")
@signed_in(Role.CREATOR, Role.SOCIETY)
def answer(public_id: bytes) -> Response | str | tuple[str, int]:
    """Read the answer, go back to it, or record it. Without the step that says so nothing is recorded."""
    form, actor = Form.sent(), current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    with reading() as session:
        asked = find(session, actor, public_id)
        if asked.state is not RequestState.OPEN:
            return request_page(session, actor, public_id, form, stale=True), 409
        if form.text("step") == "back":
            return request_page(session, actor, public_id, form)
        given = _given(form, asked, whole_second(sources().now()))
        if given is None:
            return request_page(session, actor, public_id, form), 422
        if form.text("step") != "record":
            return _review(session, form, asked, given)
    try:
        with writing() as session:
            _record(session, public_id, asked, given)
        return redirect(url_for("request_pages.show", public_id=public_id), 303)
    except Conflict:
        with reading() as session:
            return request_page(session, actor, public_id, form, stale=True), 409


@blueprint.post("/requests/<id(request):public_id>/take-back")
@signed_in(Role.CREATOR, Role.SOCIETY)
def take_back(public_id: bytes) -> Response | tuple[str, int]:
    """Revoke the offer of an answer, unless the lab has accepted it meanwhile: then it says so."""
    actor = current_visitor().actor
    spend(Rate.WRITE, account=actor.public_id)
    with writing() as session:
        log.hold(session)
        asked = find(session, actor, public_id)
        open_still = asked.offer is not None and not asked.in_force
        if asked.offer is not None and open_still:
            revoke_offer(session, actor, asked.offer.public_id, sources())
    if open_still:
        return redirect(url_for("request_pages.show", public_id=public_id), 303)
    with reading() as session:
        return request_page(session, actor, public_id, Form(), stale=True), 409


def _given(form: Form, asked: Asked, now: datetime) -> Answered | None:
    """What was answered; `None` if a field cannot be taken."""
    chosen = form.text("answer")
    if chosen not in _ANSWERS:
        form.errors["answer"] = _("Choose one of these.")
        return None
    given = Answer(chosen)
    if given is Answer.NO:
        reason = read_letter(form, "reason")
        return None if form.errors else Answered(given, reason=reason)
    if len(asked.lost) == len(asked.works):
        form.errors["answer"] = _("None of these works can be licensed now. You can only say No.")
        return None
    price = read_price(form, "", now) if given is Answer.PAID else None
    until = price.until if price is not None else read_until(form, "free-until", now)
    until = until or asked.request.valid_to
    if not form.errors and until is not None and until <= now:
        field = "until" if price is not None else "free-until"
        form.errors[field] = _("What the lab asked for is over by now. Name a later day, or say No.")
    return None if form.errors else Answered(given, price, until)


def _record(session: Session, public_id: bytes, asked: Asked, given: Answered) -> None:
    actor = current_visitor().actor
    if given.answer is Answer.NO:
        decline_request(session, actor, public_id, given.reason, sources())
        return
    tariff = None
    if given.price is not None:
        purpose = Purpose(asked.request.purpose)
        tariff = tariff_at(session, actor, purpose, given.price, sources())
    command = AnswerRequest(public_id, tariff, valid_to=given.until)
    answer_with_offer(session, actor, command, sources())


def _review(session: Session, form: Form, asked: Asked, given: Answered) -> str:
    sound = [work for work in asked.works if work not in asked.lost]
    example: Example | None = None
    if given.price is not None:
        kept = settings()
        deductions = Deductions(kept.deduct_management_ppm, kept.deduct_social_ppm)
        example = example_of(session, sound, given.price, deductions, sources().now())
    return render_template(
        "licences/answer.html",
        r=asked,
        given=given,
        sound=sound,
        example=example,
        sent=[(name, value) for name, value in form.values.items() if name not in {"csrf", "step"}],
        pictures={work.kind for work in sound} == {Kind.IMAGE.value},
    )
