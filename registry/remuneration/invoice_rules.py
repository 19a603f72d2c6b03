"""What an invoice says, pure: lines, tax by rate, the sentences that the law asks for, and what is posted.

The document is plain JSON; the letter is made of it and of nothing else. Its members follow § 14 (4) UStG
(Directive 2006/112/EC, Art. 226).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from registry.core.errors import InvalidInput
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import apportion
from registry.remuneration.billing import Side
from registry.remuneration.rules import Posting, receivable_account, tax_account
from registry.remuneration.vat import Subject, Treatment, Vat, tax_minor, vat_for

INVOICE, CREDIT_NOTE = "invoice", "credit-note"
_NATIONAL = "EUR"

_SENTENCES: Mapping[Treatment, str] = {
    Treatment.REVERSE_CHARGE: "Steuerschuldnerschaft des Leistungsempfängers / Reverse charge: the customer owes "
    "the tax ({source}).",
    Treatment.SMALL_BUSINESS: "Kein Ausweis von Umsatzsteuer, da Kleinunternehmer / Small business, exempt from tax "
    "({source}).",
    Treatment.OUTSIDE: "Nicht im Inland steuerbare Leistung / Outside the scope of the Union's tax ({source}).",
}


@dataclass(frozen=True, slots=True)
class Part:
    """What of a pool fell on works of one kind."""

    kind: str
    units: int
    unit: str
    weight: int
    """In what proportion the pool's total falls on it; its lines' sum in minor units."""


@dataclass(frozen=True, slots=True)
class Charged:
    """A pool that the customer owes."""

    licence: str
    period: Period
    part: str
    subject: Subject
    total_minor: int
    flat_minor: int
    """Of it for what costs the same however much was used."""
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Heading:
    """What an invoice says before its lines."""

    number: str
    issued_on: date
    settlement: str
    log_index: int
    """Of the settlement's entry in the log."""
    issuer: Side
    customer: Side
    currency: str


def document(heading: Heading, pools: Sequence[Charged]) -> dict[str, Any]:
    """An invoice for these pools; `InvalidInput` if the tax of one is not known, or cannot be stated."""
    lines = [line for pool in pools for line in _lines(heading, pool)]
    if not lines:
        raise InvalidInput("There is nothing to invoice.")
    taxes = _taxes(lines)
    net, tax = (sum(row[name] for row in taxes) for name in ("net_minor", "tax_minor"))
    if tax and heading.currency != _NATIONAL:
        raise InvalidInput(
            f"Tax on an amount in {heading.currency} must be stated in {_NATIONAL} too (Directive 2006/112/EC, "
            "Art. 230), and no rate of exchange is on record."
        )
    return {
        "type": INVOICE if net >= 0 else CREDIT_NOTE,
        "number": heading.number,
        "issued_on": heading.issued_on.isoformat(),
        "settlement": heading.settlement,
        "log_index": heading.log_index,
        "issuer": heading.issuer.stated(),
        "customer": heading.customer.stated(),
        "currency": heading.currency,
        "lines": lines,
        "taxes": taxes,
        "net_minor": net,
        "tax_minor": tax,
        "gross_minor": net + tax,
        "notes": [_SENTENCES[t].format(source=s) for t, s in _reasons(taxes)],
        "corrects": None,
        "reason": None,
    }


def credit_note(issued: Mapping[str, Any], number: str, issued_on: date, reason: str) -> dict[str, Any]:
    """What takes an invoice back, line by line and to the cent."""
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= 200 or not reason.isprintable():
        raise InvalidInput("Say in 1 to 200 characters why the invoice is taken back.")
    turned = ("net_minor", "tax_minor", "gross_minor", "flat_minor")

    def back(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: -value if name in turned else value for name, value in row.items()}

    return {
        **back(issued),
        "type": CREDIT_NOTE,
        "number": number,
        "issued_on": issued_on.isoformat(),
        "lines": [back(line) for line in issued["lines"]],
        "taxes": [back(row) for row in issued["taxes"]],
        "corrects": issued["number"],
        "reason": reason,
    }


def _lines(heading: Heading, pool: Charged) -> list[dict[str, Any]]:
    last = min((pool.period.end - timedelta(days=1)).date(), heading.issued_on)
    vat = vat_for(pool.subject, heading.issuer.trader, heading.customer.trader, last)
    weights = [part.weight for part in pool.parts]
    sign = -1 if pool.total_minor < 0 else 1
    flats = apportion(abs(pool.flat_minor), weights)
    metered = apportion(abs(pool.total_minor - pool.flat_minor), weights)
    return [
        {
            "licence": pool.licence,
            "period": str(pool.period),
            "supplied_from": pool.period.start.date().isoformat(),
            "supplied_to": last.isoformat(),
            "part": pool.part,
            "subject": pool.subject.value,
            "kind": part.kind,
            "units": part.units,
            "unit": part.unit,
            "flat_minor": sign * flat,
            "net_minor": sign * (flat + rest),
            **_stated(vat),
        }
        for part, flat, rest in zip(pool.parts, flats, metered, strict=True)
        if flat + rest
    ]


def _stated(vat: Vat) -> dict[str, Any]:
    return {"treatment": vat.treatment.value, "rate_ppm": vat.rate_ppm, "source": vat.source}


def _taxes(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By treatment and rate: what is owed, and the tax on it, rounded once."""
    sums: dict[tuple[str, int, str], int] = {}
    for line in lines:
        key = (line["treatment"], line["rate_ppm"], line["source"])
        sums[key] = sums.get(key, 0) + line["net_minor"]
    return [
        {
            "treatment": treatment,
            "rate_ppm": ppm,
            "source": source,
            "net_minor": net,
            "tax_minor": tax_minor(net, ppm),
        }
        for (treatment, ppm, source), net in sorted(sums.items())
    ]


def _reasons(taxes: Sequence[Mapping[str, Any]]) -> list[tuple[Treatment, str]]:
    found = {(Treatment(row["treatment"]), row["source"]) for row in taxes}
    return sorted((t, s) for t, s in found if t is not Treatment.TAXED)


def tax_postings(lab: str, country: str, currency: str, tax: int) -> list[Posting]:
    """The customer owes the tax on top of what the settlement charged, and we owe it to the tax office."""
    return [
        Posting(receivable_account(lab), currency, tax),
        Posting(tax_account(country), currency, -tax),
    ]
