"""What a row of a claim must be, by itself and against the agreements that it names."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.core.records.claims import ClaimRow, How
from registry.usage.rules import AgreedTerms, RowFault, batch_key, faults_against, read_rows, refuse, unit_of

WORK = format_id("work", bytes(16))
OTHER = format_id("work", bytes(15) + b"\1")
LICENCE = format_id("agreement", bytes(16)) + "@1"
SECOND = format_id("agreement", bytes(15) + b"\1") + "@2"
GOOD: dict[str, Any] = {"work": WORK, "licence": LICENCE, "units": 120, "how": 2}


def test_a_good_row_is_read() -> None:
    """With its place in the request."""
    assert read_rows([GOOD]) == ([(0, ClaimRow(WORK, LICENCE, How.NEAR, 120))], [])


@pytest.mark.parametrize(
    "bad",
    [
        "text",
        None,
        {},
        {**GOOD, "note": "x"},
        {k: v for k, v in GOOD.items() if k != "how"},
        {**GOOD, "units": 0},
        {**GOOD, "units": -1},
        {**GOOD, "units": 1.5},
        {**GOOD, "units": True},
        {**GOOD, "units": "120"},
        {**GOOD, "units": 2**53},
        {**GOOD, "how": 0},
        {**GOOD, "how": 4},
        {**GOOD, "how": True},
        {**GOOD, "how": "near"},
        {**GOOD, "work": 7},
        {**GOOD, "work": "work_1"},
        {**GOOD, "work": WORK.upper()},
        {**GOOD, "licence": LICENCE.partition("@")[0]},
        {**GOOD, "licence": "agreement_1@1"},
        {**GOOD, "licence": LICENCE[:-1] + "01"},
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(bad: Any) -> None:
    """Nothing is guessed: no text for a number, no missing or further member."""
    rows, faults = read_rows([GOOD, bad])
    assert [place for place, _ in rows] == [0]
    assert [(fault.row, fault.code) for fault in faults] == [(1, "row.invalid")]
    assert faults[0].message


def test_an_empty_or_huge_batch_is_refused() -> None:
    """A claim reports something, and no more than fits a request."""
    for rows in ([], [GOOD] * 100_001):
        with pytest.raises(InvalidInput, match="100,000"):
            read_rows(rows)


def terms(licence: str = LICENCE, **changes: Any) -> AgreedTerms:
    """An agreement for WORK, for generative training, anywhere."""
    members: dict[str, Any] = {
        "licence": licence,
        "purpose": Purpose.TRAIN_GENAI,
        "territories": ("world",),
        "works": frozenset({WORK}),
    }
    return AgreedTerms(**members | changes)


def faults(
    *rows: ClaimRow, agreed: list[AgreedTerms], purpose: Purpose = Purpose.TRAIN_GENAI, territory: str = "DE"
) -> list[tuple[int, str]]:
    """Place and code of each fault."""
    found = faults_against(enumerate(rows), {t.licence: t for t in agreed}, purpose, territory)
    return [(fault.row, fault.code) for fault in found]


ROW = ClaimRow(WORK, LICENCE, How.NEAR, 1)


@pytest.mark.parametrize(
    ("agreed", "code"),
    [
        (terms(), None),
        (terms(territories=("AT", "DE")), None),
        (terms(purpose=Purpose.TDM), None),
        (terms(purpose=Purpose.ALL), None),
        (terms(works=frozenset({OTHER})), "licence.other-work"),
        (terms(works=frozenset()), "licence.other-work"),
        (terms(territories=("AT",)), "licence.territory"),
        (terms(purpose=Purpose.SEARCH), "licence.purpose"),
    ],
)
def test_an_agreement_covers_work_territory_and_purpose(agreed: AgreedTerms, code: str | None) -> None:
    """All three, each with its own code."""
    assert faults(ROW, agreed=[agreed]) == ([] if code is None else [(0, code)])


def test_a_narrower_licence_than_the_run_needs_a_second_one_beside_it() -> None:
    """Training for any AI is not covered by generative training alone, but by both licences together."""
    wide = terms(SECOND, purpose=Purpose.TRAIN_AI)
    second = ClaimRow(WORK, SECOND, How.NEAR, 1)
    assert faults(ROW, agreed=[terms()], purpose=Purpose.TRAIN_AI) == [(0, "licence.purpose")]
    assert faults(ROW, second, agreed=[terms(), wide], purpose=Purpose.TRAIN_AI) == []
    idle = terms(SECOND, purpose=Purpose.SEARCH)
    assert faults(ROW, second, agreed=[terms(), idle]) == [(1, "licence.purpose")]


def test_all_faults_come_together_in_the_order_of_rows() -> None:
    """The message shows the first, the details show a hundred and count all."""
    many = [RowFault(place, "work.unknown", f"There is no {place}.") for place in range(250, -1, -1)]
    with pytest.raises(InvalidInput, match=r"Row 0: There is no 0\. \(and 250 more\)") as caught:
        refuse(many)
    assert caught.value.details["faults"] == 251
    shown = caught.value.details["rows"]
    assert len(shown) == 100
    assert shown[99] == {"row": 99, "code": "work.unknown", "message": "There is no 99."}
    refuse([])


@pytest.mark.parametrize(
    ("kind", "priced", "unit"),
    [
        ("image", {"image"}, "image"),
        ("image", {"1k_tokens"}, "image"),
        ("text", {"1k_tokens", "image"}, "1k_tokens"),
        ("text", {"work"}, "text"),
        ("text", set(), "text"),
        ("domain", {"image", "work"}, "image"),
        ("domain", {"1k_tokens", "image"}, "image"),
        ("domain", {"1k_tokens"}, "1k_tokens"),
        ("domain", {"work"}, "domain"),
    ],
)
def test_what_units_count(kind: str, priced: set[str], unit: str) -> None:
    """Items, except where the tariff has a price for tokens of a text. At a domain there are items of any kind."""
    assert unit_of(kind, priced) == unit


def test_the_key_of_a_batch_depends_on_everything() -> None:
    """Another lab, run, model or row is another batch."""
    base = (bytes(16), "00" * 32, bytes(16), b"rows")
    others = [
        (b"1" * 16, *base[1:]),
        (base[0], "11" * 32, *base[2:]),
        (*base[:2], b"1" * 16, base[3]),
        (*base[:3], b"other"),
    ]
    assert len({batch_key(*base), *(batch_key(*other) for other in others)}) == 5
    assert batch_key(*base) == batch_key(*base)
