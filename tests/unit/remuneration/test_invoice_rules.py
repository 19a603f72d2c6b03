"""What an invoice says: lines, tax by rate, the sentences of the law, and what takes it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pypdfium2
import pytest

from registry.core.errors import InvalidInput
from registry.core.settlement.periods import Period
from registry.remuneration.billing import Side, check_side
from registry.remuneration.invoice_paper import invoice_pdf
from registry.remuneration.invoice_rules import Charged, Heading, Part, credit_note, document
from registry.remuneration.vat import Status, Subject, Trader

BERLIN = Side("Treuhand GmbH", ("Musterweg 1", "10115 Berlin"), Trader("DE", "DE136695976"))
LAB = Side("Beispiel KI GmbH", ("Beispielweg 2", "20095 Hamburg"), Trader("DE", "DE136695976"))
VIENNA = Side("Wiener KI GmbH", ("Gasse 3", "1010 Wien"), Trader("AT", "ATU13585627"))
HEADING = Heading("INV-2026-000001", date(2026, 11, 22), "settlement_x", 17, BERLIN, LAB, "EUR")
USE = Charged(
    "agreement_a@1",
    Period(2026, 3),
    "use",
    Subject.COPYRIGHT,
    1095,
    1000,
    (Part("image", 237, "image", 700), Part("text", 5, "1k_tokens", 395)),
)
VOICE = replace(
    USE,
    licence="agreement_b@1",
    subject=Subject.PERSONALITY,
    total_minor=50,
    flat_minor=0,
    parts=USE.parts[:1],
)


def text_of(pdf: bytes) -> str:
    """All of it on one line."""
    opened = pypdfium2.PdfDocument(pdf)
    text = " ".join(page.get_textpage().get_text_bounded() for page in opened)
    opened.close()
    return " ".join(text.split())


def test_lines_by_kind_of_work_and_tax_by_rate() -> None:
    """Lines sum to the pools; each rate's tax is rounded once, on the sum."""
    said = document(HEADING, [USE, VOICE])
    assert [
        (x["kind"], x["units"], x["net_minor"], x["flat_minor"], x["rate_ppm"]) for x in said["lines"]
    ] == [
        ("image", 237, 700, 639, 70_000),
        ("text", 5, 395, 361, 70_000),
        ("image", 237, 50, 0, 190_000),
    ]
    assert [(t["rate_ppm"], t["net_minor"], t["tax_minor"]) for t in said["taxes"]] == [
        (70_000, 1095, 77),
        (190_000, 50, 10),
    ]
    assert (said["net_minor"], said["tax_minor"], said["gross_minor"]) == (1145, 87, 1232)
    assert said["notes"] == []
    assert {(x["supplied_from"], x["supplied_to"]) for x in said["lines"]} == {("2026-07-01", "2026-09-30")}


@pytest.mark.parametrize(
    ("issuer", "customer", "sentence"),
    [
        (BERLIN, VIENNA, "Steuerschuldnerschaft des Leistungsempfängers"),
        (replace(BERLIN, trader=Trader("DE", status=Status.SMALL)), LAB, "Kleinunternehmer"),
        (BERLIN, replace(LAB, trader=Trader("US")), "Nicht im Inland steuerbare Leistung"),
    ],
)
def test_without_tax_the_reason_stands_on_it(issuer: Side, customer: Side, sentence: str) -> None:
    """With its provision, in the document and in the letter; in any currency, since there is nothing to convert."""
    said = document(replace(HEADING, issuer=issuer, customer=customer, currency="USD"), [USE, VOICE])
    assert said["tax_minor"] == 0
    (note,) = said["notes"]
    assert sentence in note
    text = text_of(invoice_pdf(said))
    assert sentence in text
    assert "keine / none" in text
    assert "0 %" not in text


def test_the_letter_has_every_field_that_the_law_asks_for() -> None:
    """§ 14 (4) UStG: both names, addresses and numbers, date, number, quantity and kind, time, amounts, rate, tax."""
    said = document(HEADING, [USE, VOICE])
    letter = invoice_pdf(said)
    text = text_of(letter)
    for part in (
        "Rechnung / Invoice",
        "INV-2026-000001",
        "2026-11-22",
        "Treuhand GmbH, Musterweg 1, 10115 Berlin, DE",
        "Beispiel KI GmbH, Beispielweg 2, 20095 Hamburg, DE",
        "DE136695976",
        "237 × image",
        "2026-07-01",
        "2026-09-30",
        "0.77 EUR (7 % × 10.95 EUR), § 12 (2) no. 7 c UStG",
        "0.10 EUR (19 % × 0.50 EUR), § 12 (1) UStG",
        "12.32 EUR",
    ):
        assert part in text
    assert invoice_pdf(said) == letter


def test_a_credit_note_takes_back_every_line_to_the_cent() -> None:
    """Under its own number, naming the invoice; it is never called what the law keeps for self-billing."""
    said = document(HEADING, [USE, VOICE])
    note = credit_note(said, "CRN-2026-000001", date(2026, 11, 23), "The address  was wrong")
    for name in ("net_minor", "tax_minor", "gross_minor"):
        assert note[name] == -said[name]
    assert [x["net_minor"] for x in note["lines"]] == [-x["net_minor"] for x in said["lines"]]
    assert (note["type"], note["corrects"], note["reason"]) == (
        "credit-note",
        "INV-2026-000001",
        "The address was wrong",
    )
    text = text_of(invoice_pdf(note))
    assert "Rechnungskorrektur / Credit note" in text
    assert "INV-2026-000001: The address was wrong" in text
    assert "Gutschrift" not in text
    for reason in ("", "x" * 201):
        with pytest.raises(InvalidInput, match="why"):
            credit_note(said, "CRN-2026-000002", date(2026, 11, 23), reason)


def test_what_a_correction_gives_back_is_a_credit_note() -> None:
    """A declared figure was less than before: everything is below zero."""
    pool = replace(USE, part="net_income.0@17", total_minor=-300_001, flat_minor=0)
    said = document(HEADING, [pool])
    assert (said["type"], said["net_minor"], said["tax_minor"]) == ("credit-note", -300_001, -21_000)
    assert sum(line["net_minor"] for line in said["lines"]) == -300_001


def test_tax_in_another_currency_is_refused() -> None:
    """It must be stated in euro too, and nobody has said at which rate."""
    with pytest.raises(InvalidInput, match=r"Art\. 230"):
        document(replace(HEADING, currency="USD"), [USE])


def test_an_unknown_tax_refuses_the_whole_invoice() -> None:
    customer = replace(VIENNA, trader=Trader("AT"))
    with pytest.raises(InvalidInput, match="VAT number"):
        document(replace(HEADING, customer=customer), [USE])
    with pytest.raises(InvalidInput, match="nothing to invoice"):
        document(HEADING, [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": " "}, "full name"),
        ({"name": "N" * 201}, "full name"),
        ({"address": ()}, "address"),
        ({"address": ("x" * 71,)}, "address"),
        ({"address": ("a",) * 6}, "address"),
        ({"country": "Germany"}, "no country"),
        ({"vat_id": "DE136695977"}, "no VAT number"),
        ({"vat_id": "ATU13585627"}, "another country"),
        ({"country": "US"}, "outside the Union"),
    ],
)
def test_details_that_no_invoice_could_carry_are_refused(changed: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"name": "A lab", "address": ("Way 1",), "country": "DE", "vat_id": "DE136695976"}
    with pytest.raises(InvalidInput, match=said):
        check_side(**{**given, **changed})
