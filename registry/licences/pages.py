"""May AI be trained on these works? The answers of a maker, purpose by purpose, in plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from registry.base.actor import Role
from registry.base.context import reading, sources, writing
from registry.base.periods import whole_second
from registry.core.decisions import Purpose
from registry.core.ids import format_id, parse_id
from registry.licences import consent
from registry.licences.consent import ASKED, Answer, Entangled, Price, Reserved
from registry.licences.details import OfferDetails, offers_seen
from registry.web.forms import Form
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _
from registry.web.i18n import ngettext
from registry.web.visitors import current_visitor, signed_in
from registry.works import service as works
from registry.works.service import Work

blueprint = Pages("licence_pages", "registry.licences")

_AMOUNT = re.compile(r"(\d{1,7})(?:[.,](\d{1,2}))?")
_KINDS_FREE = {works.Kind.IMAGE.value, works.Kind.TEXT.value}


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


@blueprint.get("/works/terms")
@signed_in(Role.CREATOR, Role.SOCIETY)
def terms() -> str | Response:
    """The questions about the works that the address names."""
    if not request.args.getlist("work"):
        return redirect(url_for("works_pages.show_all"), 303)
    with reading() as session:
        return _page(
            session,
            Form(),
            works.get_works(session, current_visitor().actor, sources(), request.args.getlist("work")),
        )


@blueprint.post("/works/terms")
@signed_in(Role.CREATOR, Role.SOCIETY)
def answer() -> Response | tuple[str, int]:
    """Carry out the answers, all or none."""
    form = Form.sent()
    named = form.values.getlist("work")
    answers = {purpose: _answer(form, purpose) for purpose in ASKED}
    if not form.errors:
        try:
            with writing() as session:
                chosen = works.get_works(session, current_visitor().actor, sources(), named)
                consent.set_consent(session, current_visitor().actor, chosen, answers, sources())
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
        return _page(session, form, works.get_works(session, current_visitor().actor, sources(), named)), 422


def _back(named: Sequence[str]) -> str:
    if len(named) == 1:
        return url_for("works_pages.show", public_id=parse_id("work", named[0]), _anchor="consent")
    return url_for("works_pages.show_all")


def _answer(form: Form, purpose: Purpose) -> tuple[Answer, Price | None]:
    """One answer with its price; a sentence at the field that is wrong."""
    chosen = form.text(purpose)
    if chosen not in set(Answer):
        form.errors[purpose] = _("Choose one of these.")
        return Answer.KEEP, None
    if chosen != Answer.PAID:
        return Answer(chosen), None
    per_work = form.take(f"{purpose}-work", _amount, _("An amount in euros and cents, such as 0.35"))
    per_quarter = form.take(f"{purpose}-quarter", _amount, _("An amount in euros and cents, such as 60.00"))
    if per_work == 0:
        form.errors[f"{purpose}-work"] = _("Free of charge is the answer below.")
    until = form.take(f"{purpose}-until", _last_day, _("A day to come, please."))
    return Answer.PAID, Price(per_work or 0, per_quarter or 0, until=until)


def _amount(text: str) -> int:
    """Cents: `0.35`, `0,35` or `60`; nothing is 0."""
    if not text.strip():
        return 0
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _last_day(text: str) -> datetime | None:
    """The end of this day, in UTC; nothing is without end."""
    if not text.strip():
        return None
    end = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    if end <= whole_second(sources().now()):
        raise ValueError(text)
    return end


def _page(session: Session, form: Form, chosen: Sequence[Work]) -> str:
    now = whole_second(sources().now())
    ids = [work.id for work in chosen]
    stated = {
        row.purpose
        for work in chosen
        for row in works.reservations_now(session, work, now)
        if row.valid_to is None or row.valid_to > now
    }
    questions = [
        Question(p, offers_seen(session, None, consent.open_offers(session, p, ids, now)), p.value in stated)
        for p in ASKED
    ]
    blocked = [w for w in chosen if w.withdrawn_at is not None or w.contested_since is not None]
    return render_template(
        "licences/terms.html",
        form=form,
        chosen=chosen,
        names=[format_id("work", work.public_id) for work in chosen],
        questions=questions,
        blocked=blocked,
        free={work.kind for work in chosen} <= _KINDS_FREE,
    )
