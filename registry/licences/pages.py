"""May AI be trained on these works? The answers of a maker, purpose by purpose, in plain words.

Three steps without script: the answers, what follows from them with an example, the record. What was answered travels
with the form, so that one can go back and forth; nothing takes effect before the last step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, settings, sources, writing
from registry.base.periods import whole_second
from registry.core.decisions import Purpose, inside
from registry.core.ids import format_id, parse_id
from registry.core.settlement.rules import Deductions
from registry.licences import consent
from registry.licences.answers import check_labs, read_answers
from registry.licences.consent import ASKED, Answer, Entangled, Given, Reserved
from registry.licences.details import OfferDetails, offers_seen
from registry.licences.example import Example, example_of
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.i18n import ngettext
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works
from registry.works.service import Work

blueprint = Pages("licence_pages", "registry.licences")

_KINDS_FREE = {works.Kind.IMAGE.value, works.Kind.TEXT.value}
_NOT_ANSWERS = ("csrf", "step", "work")


@dataclass(frozen=True, slots=True)
class Question:
    """One purpose of the form, with what is open for it now."""

    purpose: Purpose
    offers: Sequence[OfferDetails]
    reserved: bool
    """Expressly, for some of the works at least."""

    @property
    def standing(self) -> bool:
        """Whether there is anything that could be kept."""
        return bool(self.offers) or self.reserved


@dataclass(frozen=True, slots=True)
class Follows:
    """What follows from one answer."""

    question: Question
    given: Given
    lab: str
    """The name of the only lab that it is for; empty: any."""
    example: Example | None

    @property
    def purpose(self) -> Purpose:
        """What it is about."""
        return self.question.purpose

    @property
    def permits(self) -> bool:
        """Whether somebody may use the works for this, or may by paying."""
        kept = self.given.answer is Answer.KEEP and bool(self.question.offers)
        return kept or self.given.answer in {Answer.PAID, Answer.FREE}


@blueprint.get("/works/terms")
@signed_in(Role.CREATOR, Role.SOCIETY)
def terms() -> str | Response:
    """The questions about the works that the address names."""
    named = request.args.getlist("work")
    if not named:
        return redirect(url_for("works_pages.show_all"), 303)
    with reading() as session:
        return _questions_page(session, Form(), _works(session, named))


@blueprint.post("/works/terms")
@signed_in(Role.CREATOR, Role.SOCIETY)
def answer() -> Response | str | tuple[str, int]:
    """Go on, go back, or carry out the answers, all or none. Without the step that says so nothing is recorded."""
    form = Form.sent()
    named, step = form.values.getlist("work"), form.text("step")
    with reading() as session:
        chosen = _works(session, named)
        if step == "deny":
            form = Form(MultiDict(_no_to_everything(session, chosen)))
        answers = {} if step == "back" else read_answers(form, sources().now())
        labs = check_labs(session, form, answers)
        follows = [] if form.errors else _follows(session, chosen, answers, labs)
        _check_inside(form, follows)
        if form.errors:
            return _questions_page(session, form, chosen), 422
        if step == "back":
            return _questions_page(session, form, chosen)
        if _blocked(chosen):
            return _questions_page(session, form, chosen), 409
        if step != "record":
            return _review_page(form, chosen, follows)
    return _record(form, named, answers)


def _record(form: Form, named: Sequence[str], answers: Mapping[Purpose, Given]) -> Response | tuple[str, int]:
    try:
        with writing() as session:
            consent.set_consent(session, current_visitor().actor, _works(session, named), answers, sources())
        return redirect(_back(named), 303)
    except Entangled as error:
        form.errors[error.purpose] = ngettext(
            "What is open now is about %(num)d other work, too. Choose that as well, or leave this as it is.",
            "What is open now is about %(num)d other works, too. Choose those as well, or leave this as it is.",
            len(error.others),
        )
    except Reserved as error:
        form.errors[error.purpose] = _(
            "You have expressly reserved something wider, which stands against this. Take that back first."
        )
    with reading() as session:
        return _questions_page(session, form, _works(session, named)), 422


def _works(session: Session, named: Sequence[str]) -> Sequence[Work]:
    return works.get_works(session, current_visitor().actor, sources(), named)


def _back(named: Sequence[str]) -> str:
    if len(named) == 1:
        work = parse_id("work", named[0])
        return url_for("works_pages.show", public_id=work, consent="recorded", _anchor="consent")
    return url_for("works_pages.show_all", consent="recorded")


def _questions(session: Session, chosen: Sequence[Work]) -> list[Question]:
    now = whole_second(sources().now())
    ids = [work.id for work in chosen]
    stated = {
        row.purpose
        for work in chosen
        for row in works.reservations_now(session, work, now)
        if row.valid_to is None or row.valid_to > now
    }
    return [
        Question(p, offers_seen(session, None, consent.open_offers(session, p, ids, now)), p.value in stated)
        for p in ASKED
    ]


def _no_to_everything(session: Session, chosen: Sequence[Work]) -> list[tuple[str, str]]:
    """No for each purpose; where it was expressly No, it stays so."""
    return [(q.purpose, Answer.NEVER if q.reserved else Answer.NO) for q in _questions(session, chosen)]


def _blocked(chosen: Sequence[Work]) -> list[Work]:
    """Those that nobody can licence now."""
    return [w for w in chosen if w.withdrawn_at is not None or w.contested_since is not None]


def _questions_page(session: Session, form: Form, chosen: Sequence[Work]) -> str:
    blocked = _blocked(chosen)
    return render_template(
        "licences/terms.html",
        form=form,
        chosen=chosen,
        names=[format_id("work", work.public_id) for work in chosen],
        questions=_questions(session, chosen),
        blocked=blocked,
        others=[format_id("work", work.public_id) for work in chosen if work not in blocked],
        free={work.kind for work in chosen} <= _KINDS_FREE,
    )


def _follows(
    session: Session, chosen: Sequence[Work], answers: Mapping[Purpose, Given], labs: Mapping[bytes, str]
) -> list[Follows]:
    """What follows from each answer, with an example where there is a price."""
    now, kept = sources().now(), settings()
    deductions = Deductions(kept.deduct_management_ppm, kept.deduct_social_ppm)
    found = []
    for question in _questions(session, chosen) if answers else ():
        given = answers[question.purpose]
        example = None if given.price is None else example_of(session, chosen, given.price, deductions, now)
        found.append(Follows(question, given, labs.get(given.lab or b"", ""), example))
    return found


def _check_inside(form: Form, follows: Sequence[Follows]) -> None:
    """Who permits a purpose permits what it contains: an answer that says otherwise would promise too much."""
    by_purpose = {each.purpose: each for each in follows}
    for wide in follows:
        for purpose in inside(wide.purpose) & by_purpose.keys() - {wide.purpose} if wide.permits else ():
            if not by_purpose[purpose].permits:
                form.errors.setdefault(
                    purpose,
                    _(
                        "You permit training any AI, which includes this. Permit this, too, or answer No there."
                    ),
                )


def _review_page(form: Form, chosen: Sequence[Work], follows: Sequence[Follows]) -> str:
    return render_template(
        "licences/review.html",
        chosen=chosen,
        names=[format_id("work", work.public_id) for work in chosen],
        sent=[(name, value) for name, value in form.values.items(multi=True) if name not in _NOT_ANSWERS],
        permitted=[each for each in follows if each.permits],
        denied=[each for each in follows if not each.permits],
        one_day=timedelta(days=1),
        pictures={work.kind for work in chosen} == {works.Kind.IMAGE.value},
    )
