"""Reading the form about terms: what is answered about each purpose, and a sentence at each field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.periods import whole_second
from registry.base.schemas import letter
from registry.core.decisions import Purpose
from registry.core.errors import NotFound
from registry.core.ids import parse_id
from registry.licences.consent import ASKED, Answer, Given, Price
from registry.parties import service as parties
from registry.web.forms import Form
from registry.web.i18n import gettext as _

_AMOUNT = re.compile(r"(\d{1,7})(?:[.,](\d{1,2}))?")


def read_answers(form: Form, now: datetime) -> dict[Purpose, Given]:
    """All answers; where one cannot be taken, `form.errors` says why, and what stands is kept."""
    return {purpose: _answer(form, purpose, now) for purpose in ASKED}


def check_labs(session: Session, form: Form, answers: Mapping[Purpose, Given]) -> dict[bytes, str]:
    """The names of the labs that answers are for; an error at the field of each that is none."""
    names = {}
    for purpose, given in answers.items():
        if given.lab is None:
            continue
        try:
            profile = parties.public_profile(session, given.lab)
        except NotFound:
            profile = None
        if profile is None or profile.role is not Role.LAB:
            form.errors[f"{purpose}-lab-{given.answer}"] = _("There is no lab with this number.")
        else:
            names[given.lab] = profile.name or ""
    return names


def _answer(form: Form, purpose: Purpose, now: datetime) -> Given:
    chosen = form.text(purpose)
    if chosen not in set(Answer):
        form.errors[purpose] = _("Choose one of these.")
        return Given(Answer.KEEP)
    answer = Answer(chosen)
    if answer not in {Answer.PAID, Answer.FREE}:
        return Given(answer)
    lab = form.take(f"{purpose}-lab-{answer}", _lab, _("Copy the lab’s number; it begins with party_."))
    if answer is Answer.FREE:
        return Given(answer, lab=lab)
    return Given(answer, read_price(form, f"{purpose}-", now), lab)


def read_price(form: Form, prefix: str, now: datetime) -> Price:
    """The price of an answer, from the fields `work`, `quarter` and `until` after this prefix."""
    per_work = form.take(f"{prefix}work", _amount, _("An amount in euros and cents, such as 0.35"))
    per_quarter = form.take(f"{prefix}quarter", _amount, _("An amount in euros and cents, such as 60.00"))
    if per_work == 0:
        form.errors[f"{prefix}work"] = _("Free of charge is the answer below.")
    return Price(per_work or 0, per_quarter or 0, until=read_until(form, f"{prefix}until", now))


def read_until(form: Form, name: str, now: datetime) -> datetime | None:
    """The end of the day that a field names, in UTC; empty is without end."""
    return form.take(name, lambda text: _last_day(text, now), _("A day to come, please."))


def _lab(text: str) -> bytes | None:
    """The number of a lab; nothing is any lab."""
    return parse_id("party", text.strip()) if text.strip() else None


def _amount(text: str) -> int:
    """Cents: `0.35`, `0,35` or `60`; nothing is 0."""
    if not text.strip():
        return 0
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _last_day(text: str, now: datetime) -> datetime | None:
    """The end of this day, in UTC; nothing is without end."""
    if not text.strip():
        return None
    end = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    if end <= whole_second(now):
        raise ValueError(text)
    return end


def read_letter(form: Form, name: str) -> str | None:
    """Some lines in a person's own words; nothing is `None`."""
    return form.take(name, _letter, _("At most 2,000 characters of plain text, please."))


def _letter(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return str(letter().deserialize(text.strip()))
    except ValidationError as error:
        raise ValueError from error
