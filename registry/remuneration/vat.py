"""Value added tax of a licence: which rate, or why none. Pure; what the table does not have is refused, never guessed.

It follows from what is licensed, from both sides' countries and status, and from the day. The rules:

- a supply between businesses is taxed where the customer is (Directive 2006/112/EC, Art. 44; § 3a (2) UStG);
- within one country, that country's rate for the subject holds, unless the supplier is a small business;
- across a border of the Union the customer owes the tax (Art. 196; in Germany § 13b UStG): reverse charge;
- to a customer outside the Union, the supply is outside the scope of the Union's tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pycountry
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput
from registry.core.territories import EUROPEAN_UNION


class Subject(StrEnum):
    """What is licensed, as the law of taxes tells it apart."""

    COPYRIGHT = "copyright"
    """Rights under copyright law, related rights among them."""
    PERSONALITY = "personality"
    """A person's image or voice: a right of personality, which no rate for copyright covers."""


class Status(StrEnum):
    """Of the supplier."""

    REGULAR = "regular"
    SMALL = "small"
    """A small business, whose supplies at home are exempt (§ 19 UStG; Directive 2006/112/EC, Art. 284)."""


class Treatment(StrEnum):
    """What an invoice does about the tax."""

    TAXED = "taxed"
    REVERSE_CHARGE = "reverse-charge"
    SMALL_BUSINESS = "small-business"
    OUTSIDE = "outside-scope"


@dataclass(frozen=True, slots=True)
class Trader:
    """One side of an invoice, as far as the tax depends on it. Both sides are businesses."""

    country: str
    """ISO 3166-1 alpha-2."""
    vat_id: str | None = None
    status: Status = Status.REGULAR


@dataclass(frozen=True, slots=True)
class Vat:
    """How a supply is taxed, and the provision that says so."""

    treatment: Treatment
    rate_ppm: int
    """Millionths: 70,000 for 7 %. Zero unless it is taxed."""
    source: str


@dataclass(frozen=True, slots=True)
class Rate:
    """A country's rate for a subject over [since, until)."""

    country: str
    subject: Subject
    since: date
    until: date | None
    ppm: int
    source: str


RATES = (
    Rate("DE", Subject.COPYRIGHT, date(2007, 1, 1), date(2020, 7, 1), 70_000, "§ 12 (2) no. 7 c UStG"),
    Rate(
        "DE", Subject.COPYRIGHT, date(2020, 7, 1), date(2021, 1, 1), 50_000, "§ 28 (2) UStG, § 12 (2) no. 7 c"
    ),
    Rate("DE", Subject.COPYRIGHT, date(2021, 1, 1), None, 70_000, "§ 12 (2) no. 7 c UStG"),
    Rate("DE", Subject.PERSONALITY, date(2007, 1, 1), date(2020, 7, 1), 190_000, "§ 12 (1) UStG"),
    Rate("DE", Subject.PERSONALITY, date(2020, 7, 1), date(2021, 1, 1), 160_000, "§ 28 (1) UStG, § 12 (1)"),
    Rate("DE", Subject.PERSONALITY, date(2021, 1, 1), None, 190_000, "§ 12 (1) UStG"),
)
"""Rates at home. Whoever runs a registry in another country adds that country's rows, with their source."""

_SMALL_BUSINESS: Mapping[str, str] = {"DE": "§ 19 (1) UStG"}
_REVERSE_CHARGE = "Directive 2006/112/EC, Art. 44 and 196"
_OUTSIDE = "Directive 2006/112/EC, Art. 44"

_SUBJECTS: Mapping[Purpose, Subject] = {
    Purpose.TDM: Subject.COPYRIGHT,
    Purpose.TRAIN_AI: Subject.COPYRIGHT,
    Purpose.TRAIN_GENAI: Subject.COPYRIGHT,
    Purpose.AI_INPUT: Subject.COPYRIGHT,
    Purpose.AI_INDEX: Subject.COPYRIGHT,
    Purpose.SEARCH: Subject.COPYRIGHT,
    Purpose.VOICE_CLONE: Subject.PERSONALITY,
}
"""Not there: imitating a style, which is no subject of copyright as such, and `all`, which mixes two rates."""


def subject_of(purpose: str) -> Subject:
    """What a licence for this purpose is of; `InvalidInput` where the law has no plain answer."""
    found = _SUBJECTS.get(Purpose(purpose))
    if found is None:
        raise InvalidInput(
            f"A licence for {purpose} cannot be invoiced: whether it is of copyright or of a right of personality "
            "decides the rate of tax. License the purposes one by one."
        )
    return found


def check_country(code: str) -> str:
    """A country of ISO 3166-1, in capitals."""
    if len(code) != 2 or not code.isupper() or pycountry.countries.get(alpha_2=code) is None:
        raise InvalidInput(f"“{code[:20]}” is no country; write two capital letters, such as DE.")
    return code


def check_vat_id(text: str, country: str) -> str:
    """A VAT number of this country without blanks, its form and check digits right. That it is in force, VIES tells."""
    try:
        number = str(eu_vat.validate(text))
    except ValidationError:
        raise InvalidInput(
            "This is no VAT number of the Union: a character is wrong, or one is missing."
        ) from None
    if number[:2] != ("EL" if country == "GR" else country):
        raise InvalidInput(f"{number[:2]}… is the VAT number of another country than {country}.")
    return number


def vat_for(subject: Subject, supplier: Trader, customer: Trader, day: date) -> Vat:
    """How this supply, finished on this day, is taxed; `InvalidInput` says what is missing where that is not known."""
    for side in (supplier, customer):
        check_country(side.country)
        if side.vat_id is not None and side.country in EUROPEAN_UNION:
            check_vat_id(side.vat_id, side.country)
    if supplier.country not in EUROPEAN_UNION:
        raise InvalidInput(f"There are no rules on record for suppliers in {supplier.country}.")
    if supplier.country == customer.country:
        return _at_home(subject, supplier, day)
    if customer.country not in EUROPEAN_UNION:
        return Vat(Treatment.OUTSIDE, 0, _OUTSIDE)
    if supplier.status is Status.SMALL:
        raise InvalidInput(
            "What a small business supplies across a border of the Union depends on its notice under Art. 284 of "
            "Directive 2006/112/EC, which is not on record."
        )
    if supplier.vat_id is None or customer.vat_id is None:
        raise InvalidInput("Across a border of the Union both sides need a VAT number; one is not on record.")
    return Vat(Treatment.REVERSE_CHARGE, 0, _REVERSE_CHARGE)


def _at_home(subject: Subject, supplier: Trader, day: date) -> Vat:
    country = supplier.country
    if supplier.status is Status.SMALL:
        if country not in _SMALL_BUSINESS:
            raise InvalidInput(f"There is no rule on record for small businesses in {country}.")
        return Vat(Treatment.SMALL_BUSINESS, 0, _SMALL_BUSINESS[country])
    for rate in RATES:
        in_force = rate.since <= day and (rate.until is None or day < rate.until)
        if in_force and (rate.country, rate.subject) == (country, subject):
            return Vat(Treatment.TAXED, rate.ppm, rate.source)
    raise InvalidInput(f"There is no rate on record for {subject} in {country} on {day}.")


def tax_minor(net_minor: int, rate_ppm: int) -> int:
    """The tax on the sum of all that has one rate: rounded once, one half away from zero.

    So what a credit note takes back is exactly what the invoice had.
    """
    tax = (abs(net_minor) * rate_ppm + 500_000) // 1_000_000
    return tax if net_minor >= 0 else -tax
