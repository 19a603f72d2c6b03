"""VAT by what is licensed, both sides' countries and status, and the day; what is unknown is refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput
from registry.core.territories import EUROPEAN_UNION
from registry.remuneration.vat import (
    RATES,
    Status,
    Subject,
    Trader,
    Treatment,
    check_vat_id,
    subject_of,
    tax_minor,
    vat_for,
)

TODAY = date(2026, 11, 22)
BERLIN = Trader("DE", "DE136695976")
SMALL = Trader("DE", status=Status.SMALL)
VIENNA = Trader("AT", "ATU13585627")
ATHENS = Trader("GR", "EL094259216")
COPYRIGHT, PERSONALITY = Subject.COPYRIGHT, Subject.PERSONALITY


@pytest.mark.parametrize(
    ("subject", "supplier", "customer", "day", "treatment", "ppm"),
    [
        (COPYRIGHT, BERLIN, BERLIN, TODAY, Treatment.TAXED, 70_000),
        (PERSONALITY, BERLIN, BERLIN, TODAY, Treatment.TAXED, 190_000),
        (COPYRIGHT, BERLIN, Trader("DE"), TODAY, Treatment.TAXED, 70_000),
        (COPYRIGHT, BERLIN, BERLIN, date(2020, 6, 30), Treatment.TAXED, 70_000),
        (COPYRIGHT, BERLIN, BERLIN, date(2020, 7, 1), Treatment.TAXED, 50_000),
        (PERSONALITY, BERLIN, BERLIN, date(2020, 12, 31), Treatment.TAXED, 160_000),
        (PERSONALITY, BERLIN, BERLIN, date(2021, 1, 1), Treatment.TAXED, 190_000),
        (COPYRIGHT, SMALL, BERLIN, TODAY, Treatment.SMALL_BUSINESS, 0),
        (PERSONALITY, SMALL, BERLIN, TODAY, Treatment.SMALL_BUSINESS, 0),
        (COPYRIGHT, BERLIN, VIENNA, TODAY, Treatment.REVERSE_CHARGE, 0),
        (PERSONALITY, BERLIN, ATHENS, TODAY, Treatment.REVERSE_CHARGE, 0),
        (COPYRIGHT, VIENNA, BERLIN, TODAY, Treatment.REVERSE_CHARGE, 0),
        (COPYRIGHT, BERLIN, Trader("US"), TODAY, Treatment.OUTSIDE, 0),
        (PERSONALITY, BERLIN, Trader("GB", "GB980780684"), TODAY, Treatment.OUTSIDE, 0),
        (COPYRIGHT, SMALL, Trader("CH"), TODAY, Treatment.OUTSIDE, 0),
    ],
)
def test_how_a_supply_is_taxed(
    subject: Subject, supplier: Trader, customer: Trader, day: date, treatment: Treatment, ppm: int
) -> None:
    """Each with the provision that says so."""
    found = vat_for(subject, supplier, customer, day)
    assert (found.treatment, found.rate_ppm) == (treatment, ppm)
    assert found.source


@pytest.mark.parametrize(
    ("supplier", "customer", "day", "said"),
    [
        (BERLIN, BERLIN, date(2006, 12, 31), "no rate on record"),
        (VIENNA, Trader("AT"), TODAY, "no rate on record"),
        (Trader("AT", status=Status.SMALL), Trader("AT"), TODAY, "no rule on record"),
        (Trader("US"), BERLIN, TODAY, "suppliers in US"),
        (BERLIN, Trader("AT"), TODAY, "both sides need a VAT number"),
        (Trader("DE"), VIENNA, TODAY, "both sides need a VAT number"),
        (SMALL, VIENNA, TODAY, "Art. 284"),
        (BERLIN, Trader("AT", "ATU13585628"), TODAY, "no VAT number"),
        (BERLIN, Trader("AT", "DE136695976"), TODAY, "another country"),
        (BERLIN, Trader("XX"), TODAY, "no country"),
        (BERLIN, Trader("de"), TODAY, "no country"),
    ],
)
def test_what_is_not_in_the_table_is_refused(
    supplier: Trader, customer: Trader, day: date, said: str
) -> None:
    """Never guessed."""
    with pytest.raises(InvalidInput, match=said):
        vat_for(COPYRIGHT, supplier, customer, day)


def test_every_purpose_has_a_subject_or_is_refused() -> None:
    """Only what the law answers plainly."""
    refused = set()
    for purpose in Purpose:
        try:
            subject_of(purpose.value)
        except InvalidInput:
            refused.add(purpose)
    assert refused == {Purpose.ALL, Purpose.STYLE_IMITATION}
    assert subject_of("voice_clone") is PERSONALITY


def test_rates_of_one_subject_follow_each_other_without_gap() -> None:
    """At every day since the first there is exactly one, and each has its source."""
    for country, subject in {(rate.country, rate.subject) for rate in RATES}:
        rows = [r for r in RATES if (r.country, r.subject) == (country, subject)]
        assert [r.until for r in rows] == [*(r.since for r in rows[1:]), None]
        assert all(0 < r.ppm < 300_000 and r.source for r in rows)
        for r in rows[1:]:
            before = Trader(country, BERLIN.vat_id)
            assert vat_for(subject, before, before, r.since - timedelta(days=1)).rate_ppm != r.ppm


def test_a_vat_number_is_written_without_blanks_and_belongs_to_the_country() -> None:
    """Greece writes EL."""
    assert check_vat_id("de 136 695 976", "DE") == "DE136695976"
    assert check_vat_id("EL 094259216", "GR") == "EL094259216"
    assert len(EUROPEAN_UNION) == 27


@pytest.mark.parametrize(
    ("net", "ppm", "tax"),
    [
        (100, 70_000, 7),
        (50, 70_000, 4),
        (7, 70_000, 0),
        (8, 70_000, 1),
        (-50, 70_000, -4),
        (1095, 190_000, 208),
    ],
)
def test_tax_is_rounded_once_half_away_from_zero(net: int, ppm: int, tax: int) -> None:
    """3.5 cents are 4."""
    assert tax_minor(net, ppm) == tax


@given(net=st.integers(0, 10**15), ppm=st.integers(0, 300_000))
def test_a_credit_note_takes_back_exactly_the_tax(net: int, ppm: int) -> None:
    """And never more than half a unit is off."""
    assert tax_minor(-net, ppm) == -tax_minor(net, ppm)
    assert abs(tax_minor(net, ppm) * 1_000_000 - net * ppm) <= 500_000
