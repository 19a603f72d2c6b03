"""Letters as PDF: read back by another library."""

from __future__ import annotations

import pypdfium2
import pytest

from registry.core.errors import InvalidInput
from registry.remuneration.paper import MAX_ROWS, Paper, to_pdf

PAPER = Paper(
    "Abrechnung 2026-Q4",
    [("Für", "Änne Müller")],
    ["Werk", "Betrag"],
    [["<b>Not bold</b> & <img src='http://x'/>", "12,34 €"], ["字 heron", "0,01 €"]],
    [0.6, 0.4],
    ["Ende."],
)


def text_of(pdf: bytes) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_bounded() for page in document]
    document.close()
    return pages


def test_a_letter_says_what_it_was_given() -> None:
    """Markup in a title is text, a letter that the font lacks is a question mark; the same bytes each time."""
    pdf = to_pdf(PAPER)
    (page,) = text_of(pdf)
    for said in ("Abrechnung 2026-Q4", "Änne Müller", "<b>Not bold</b>", "12,34 €", "? heron", "Ende."):
        assert said in page
    assert to_pdf(PAPER) == pdf


def test_the_head_of_a_long_table_is_on_every_page() -> None:
    rows = [[f"work {n}", str(n)] for n in range(150)]
    pages = text_of(to_pdf(Paper("Long", [("For", "Anna")], ["Werk", "Betrag"], rows, [0.6, 0.4])))
    assert len(pages) > 1
    assert all("Betrag" in page for page in pages)
    assert "work 149" in pages[-1]


def test_a_letter_that_nobody_could_read_is_refused() -> None:
    with pytest.raises(InvalidInput, match="take the table"):
        to_pdf(Paper("Long", [("For", "Anna")], ["a"], [["b"]] * (MAX_ROWS + 1), [1]))
