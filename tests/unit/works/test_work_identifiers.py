"""Identifiers have one written form, and typing errors are caught where the scheme allows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.works.identifiers import Scheme, normalise


@pytest.mark.parametrize(
    ("scheme", "given_as", "written"),
    [
        (Scheme.ISBN, "978-3-16-148410-0", "9783161484100"),
        (Scheme.ISBN, "3-16-148410-X", "9783161484100"),
        (Scheme.ISBN, "0 306 40615 2", "9780306406157"),
        (Scheme.ISRC, "us-rc1-76-07839", "USRC17607839"),
        (Scheme.ISRC, "ISRC DE-A12-26-00001", "DEA122600001"),
        (Scheme.ISWC, "T-034.524.680-1", "T0345246801"),
        (Scheme.ISWC, "t-000.000.001-0", "T0000000010"),
        (Scheme.DOI, "https://doi.org/10.1000/ABC.182", "10.1000/abc.182"),
        (Scheme.DOI, "doi:10.1038/nphys1170", "10.1038/nphys1170"),
        (
            Scheme.ISCC,
            "ISCC:KACYPXW445FTYNJ3CYSXHAFJMA2HUWULUNRFE3BLHRSCXYH2M5AEGQY",
            "ISCC:KACYPXW445FTYNJ3CYSXHAFJMA2HUWULUNRFE3BLHRSCXYH2M5AEGQY",
        ),
        (Scheme.OTHER, " Wvz. 12a ", "Wvz. 12a"),
    ],
)
def test_one_written_form(scheme: Scheme, given_as: str, written: str) -> None:
    assert normalise(scheme, given_as) == written
    assert normalise(scheme, written) == written


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        (Scheme.ISBN, "978-3-16-148410-1"),
        (Scheme.ISBN, "3-16-148410-1"),
        (Scheme.ISBN, "977-3-16-148410-0"),
        (Scheme.ISRC, "US-RC1-76-0783"),
        (Scheme.ISRC, "U1-RC1-76-07839"),
        (Scheme.ISWC, "T-034.524.680-2"),
        (Scheme.ISWC, "034.524.680-1"),
        (Scheme.DOI, "11.1000/182"),
        (Scheme.DOI, "10.1000/"),
        (Scheme.ISCC, "ISCC:1234"),
        (Scheme.ISCC, "ISCC:KAC"),
        (Scheme.OTHER, ""),
        (Scheme.OTHER, "two\nlines"),
        (Scheme.OTHER, "x" * 201),
    ],
)
def test_what_is_none_is_refused_with_an_example(scheme: Scheme, text: str) -> None:
    with pytest.raises(InvalidInput, match="one looks like"):
        normalise(scheme, text)


@given(st.sampled_from(Scheme), st.text(max_size=40))
def test_nothing_but_invalid_input_comes_out(scheme: Scheme, text: str) -> None:
    """Whatever is typed, it is written in a stable form or refused."""
    try:
        written = normalise(scheme, text)
    except InvalidInput:
        return
    assert normalise(scheme, written) == written


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_in_an_isbn_is_always_caught(number: int, place: int, change: int) -> None:
    digits = f"978{number:09d}"
    check = -sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(digits)) % 10
    isbn = f"{digits}{check}"
    assert normalise(Scheme.ISBN, isbn) == isbn
    wrong = isbn[: place + 3] + str((int(isbn[place + 3]) + change) % 10) + isbn[place + 4 :]
    with pytest.raises(InvalidInput):
        normalise(Scheme.ISBN, wrong)
