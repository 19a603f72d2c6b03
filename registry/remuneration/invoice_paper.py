"""An invoice as a letter, in German and English at once: it is kept as it was issued, whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.remuneration.invoice_rules import INVOICE
from registry.remuneration.money import decimal
from registry.remuneration.paper import Paper, to_pdf

_COLUMNS = (
    "Lizenz / Licence",
    "Zeit / Time of supply",
    "Leistung / Supply",
    "Menge / Quantity",
    "USt / VAT",
    "Netto / Net",
)
_SUBJECTS = {
    "copyright": "Einräumung von Nutzungsrechten / Grant of copyright",
    "personality": "Gestattung der Nutzung von Bild oder Stimme / Use of image or voice",
}
_KINDS = {"image": "Bilder / images", "text": "Texte / texts", "domain": "Domains"}


def invoice_pdf(document: Mapping[str, Any]) -> bytes:
    """The letter of a document of `invoice_rules`; the same document gives the same bytes."""
    invoice, currency = document["type"] == INVOICE, document["currency"]
    facts = [
        ("Nummer / Number", document["number"]),
        ("Datum / Date", document["issued_on"]),
        ("Aussteller / Issuer", _side(document["issuer"])),
        ("Empfänger / Customer", _side(document["customer"])),
        ("Abrechnung / Settlement", f"{document['settlement']}, log #{document['log_index']}"),
    ]
    if document["corrects"]:
        facts.append(("Berichtigt / Corrects", f"{document['corrects']}: {document['reason']}"))
    facts.append(("Netto / Net", _amount(document["net_minor"], currency)))
    for tax in document["taxes"]:
        base = f"{_rate(tax)} × {_amount(tax['net_minor'], currency)}"
        said = f"{_amount(tax['tax_minor'], currency)} ({base})" if tax["rate_ppm"] else "keine / none"
        facts.append(("Umsatzsteuer / VAT", f"{said}, {tax['source']}"))
    facts.append(("Gesamt / Total", _amount(document["gross_minor"], currency)))
    rows = [
        (
            line["licence"],
            f"{line['supplied_from']} – {line['supplied_to']}",
            _supply(line, currency),
            f"{line['units']:,} × {line['unit']}",
            _rate(line),
            _amount(line["net_minor"], currency),
        )
        for line in document["lines"]
    ]
    return to_pdf(
        Paper(
            title="Rechnung / Invoice" if invoice else "Rechnungskorrektur / Credit note",
            facts=facts,
            columns=_COLUMNS,
            rows=rows,
            widths=(0.2, 0.15, 0.27, 0.14, 0.1, 0.14),
            notes=document["notes"],
        )
    )


def _side(side: Mapping[str, Any]) -> str:
    numbers = [("USt-IdNr. / VAT no.", side["vat_id"]), ("Steuernr. / Tax no.", side["tax_number"])]
    known = [f"{label} {value}" for label, value in numbers if value]
    return ", ".join([side["name"], *side["address"], side["country"], *known])


def _supply(line: Mapping[str, Any], currency: str) -> str:
    said = f"{_SUBJECTS[line['subject']]}, {_KINDS.get(line['kind'], line['kind'])}, {line['part']}"
    if line["flat_minor"]:
        said += f"; davon pauschal / of which flat {_amount(line['flat_minor'], currency)}"
    return said


def _rate(row: Mapping[str, Any]) -> str:
    """7 %; a dash where there is no tax, since a rate of 0 % would be something else."""
    if not row["rate_ppm"]:
        return "–"
    whole, rest = divmod(row["rate_ppm"], 10_000)
    return f"{whole}{f'.{rest:04d}'.rstrip('0') if rest else ''} %"


def _amount(amount_minor: int, currency: str) -> str:
    return f"{decimal(amount_minor, currency)} {currency}"
