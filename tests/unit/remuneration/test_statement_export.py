"""Amounts and titles as a spreadsheet gets them."""

from __future__ import annotations

import pytest

from registry.base.spreadsheets import guarded
from registry.remuneration.money import decimal


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (12345, "EUR", "123.45"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (-5, "EUR", "-0.05"),
        (-12345, "JPY", "-12345"),
        (0, "JPY", "0"),
        (1, "KWD", "0.001"),
        (10**18 + 1, "EUR", "10000000000000000.01"),
    ],
)
def test_amounts_have_the_digits_of_their_currency(amount: int, currency: str, text: str) -> None:
    """Exact for any amount: no float is involved."""
    assert decimal(amount, currency) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "  =1+1", "＝1+1"])
def test_a_title_that_would_be_a_formula_is_text(text: str) -> None:
    """Spreadsheets show the apostrophe's text as it is."""
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["", "A heron", "1 = 1", "'quoted'", "Grüße"])
def test_other_titles_stay_as_they_are(text: str) -> None:
    """Nothing is changed without need."""
    assert guarded(text) == text
