"""What one set of terms permits: purposes, territories, times, denials, contested titles; and its canonical form."""

from dataclasses import replace
from typing import Any

import pytest

from registry.core.decisions import Denial, Grant, Purpose, Terms, covers_territory
from registry.core.decisions.terms import check_territory
from registry.core.errors import Corrupt, InvalidInput

NOW = 1_000


def grant(purpose: Purpose = Purpose.TDM, licence: str = "offer_a", **changes: Any) -> Grant:
    given: dict[str, Any] = {
        "territories": ("world",),
        "valid_from": 0,
        "valid_to": None,
        "concluded_at": 0,
    }
    return Grant(purpose=purpose, licence=licence, **(given | changes))


def denial(purpose: Purpose, valid_from: int = 0, valid_to: int | None = None) -> Denial:
    return Denial(purpose, valid_from, valid_to)


def permitted(terms: Terms, purpose: Purpose, territory: str = "world", at: int = NOW) -> bool:
    return bool(terms.permitting(purpose, territory, at))


def test_without_a_grant_everything_is_denied() -> None:
    assert not any(permitted(Terms(), purpose) for purpose in Purpose)


@pytest.mark.parametrize(
    ("granted", "asked", "expected"),
    [
        ("tdm", "tdm", True),
        ("tdm", "train_ai", True),
        ("tdm", "train_genai", True),
        ("train_ai", "train_genai", True),
        ("train_ai", "tdm", False),
        ("train_genai", "train_ai", False),
        ("train_genai", "tdm", False),
        ("tdm", "search", False),
        ("search", "ai_index", False),
        ("all", "voice_clone", True),
        ("all", "all", True),
        ("tdm", "all", False),
    ],
)
def test_a_grant_covers_what_is_inside_it(granted: str, asked: str, expected: bool) -> None:
    assert permitted(Terms((grant(Purpose(granted)),)), Purpose(asked)) is expected


@pytest.mark.parametrize(
    ("denied", "asked", "expected"),
    [
        ("train_genai", "train_genai", False),
        ("train_genai", "tdm", False),  # something inside it is denied
        ("train_genai", "train_ai", False),
        ("tdm", "train_genai", False),  # all inside it are denied
        ("train_genai", "search", True),
        ("search", "tdm", True),
        ("search", "all", False),
        ("all", "ai_input", False),
    ],
)
def test_a_denial_beats_the_grant_of_everything(denied: str, asked: str, expected: bool) -> None:
    terms = Terms((grant(Purpose.ALL),), (denial(Purpose(denied)),))
    assert permitted(terms, Purpose(asked)) is expected


def test_grants_of_all_parts_together_permit_the_whole() -> None:
    parts = [grant(p, f"offer_{p}") for p in Purpose if p is not Purpose.ALL]
    assert permitted(Terms(tuple(parts)), Purpose.ALL)
    assert not permitted(Terms(tuple(parts[:-1])), Purpose.ALL)


@pytest.mark.parametrize(("at", "expected"), [(9, False), (10, True), (19, True), (20, False)])
def test_periods_include_their_begin_and_not_their_end(at: int, expected: bool) -> None:
    assert permitted(Terms((grant(valid_from=10, valid_to=20),)), Purpose.TDM, at=at) is expected
    denied_then = Terms((grant(),), (denial(Purpose.TDM, 10, 20),))
    assert permitted(denied_then, Purpose.TDM, at=at) is not expected


@pytest.mark.parametrize(
    ("granted", "asked", "expected"),
    [
        (("world",), "DE", True),
        (("DE", "AT"), "AT", True),
        (("DE", "AT"), "FR", False),
        (("DE",), "world", False),
        ((), "world", False),
    ],
)
def test_territories(granted: tuple[str, ...], asked: str, expected: bool) -> None:
    assert covers_territory(granted, asked) is expected
    assert permitted(Terms((grant(territories=granted),)), Purpose.TDM, asked) is expected


@pytest.mark.parametrize("text", ["world", "DE", "US"])
def test_a_territory_is_the_world_or_two_capitals(text: str) -> None:
    assert check_territory(text) == text


@pytest.mark.parametrize("text", ["", "de", "DEU", "ÖS", "World", "D1", " DE"])
def test_other_territories_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no territory"):
        check_territory(text)


def test_a_contested_title_permits_nothing() -> None:
    assert not permitted(Terms((grant(Purpose.ALL),), contested_since=500), Purpose.SEARCH)


def test_the_earliest_grant_is_named_and_the_order_of_entry_does_not_matter() -> None:
    early, late = grant(licence="offer_z", concluded_at=1), grant(licence="offer_a", concluded_at=2)
    twin = grant(licence="offer_z", concluded_at=1, valid_to=5_000)
    for grants in ((early, late, twin), (twin, late, early)):
        assert Terms(grants).permitting(Purpose.TDM, "world", NOW) == (early,)


# -- the canonical form ------------------------------------------------------------------------------------
FULL = Terms(
    (grant(Purpose.SEARCH, territories=("AT", "DE"), tariff="ab" * 32), grant(valid_to=7)),
    (denial(Purpose.TRAIN_GENAI), denial(Purpose.TRAIN_GENAI, 3, 4)),
    contested_since=9,
    contested_by="work_older",
    upheld=True,
)


def test_equal_terms_have_one_form() -> None:
    mirrored = replace(FULL, grants=FULL.grants[::-1], denials=FULL.denials[::-1])
    assert mirrored.as_json() == FULL.as_json()
    one = Terms((grant(territories=("DE", "AT")), grant(territories=("DE", "AT"), valid_to=3)))
    two = Terms((grant(territories=("AT", "DE"), valid_to=3), grant(territories=("AT", "DE"))))
    assert one.as_json() == two.as_json()


def test_terms_survive_their_canonical_form() -> None:
    assert Terms.from_json(FULL.as_json()).as_json() == FULL.as_json()


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        (None, "contested_since", "yesterday"),
        (None, "contested_since", True),
        (None, "contested_by", 7),
        (None, "upheld", 1),
        (None, "upheld", None),
        (None, "conditions", []),  # a restriction of a later version must not be overlooked
        (None, "grants", 5),
        ("grants", "only_on_sundays", True),
        ("grants", "purpose", "world_domination"),
        ("grants", "territories", ["Mars"]),
        ("grants", "territories", [49]),
        ("grants", "valid_from", 0.5),
        ("grants", "valid_to", "2027"),
        ("grants", "concluded_at", None),
        ("grants", "licence", None),
        ("grants", "tariff", 3),
        ("denials", "purpose", None),
        ("denials", "valid_from", None),
        ("denials", "territory", "DE"),
    ],
)
def test_terms_that_we_cannot_read_are_no_terms(part: str | None, field: str, value: object) -> None:
    data = FULL.as_json()
    (data[part][0] if part else data)[field] = value
    with pytest.raises(Corrupt, match="cannot be read"):
        Terms.from_json(data)


@pytest.mark.parametrize("part", [None, "grants", "denials"])
def test_a_missing_field_is_no_default(part: str | None) -> None:
    data = FULL.as_json()
    (data[part][0] if part else data).popitem()
    with pytest.raises(Corrupt, match="its fields are"):
        Terms.from_json(data)


@pytest.mark.parametrize("data", [None, 3, [], "terms"])
def test_something_else_is_no_terms(data: Any) -> None:
    with pytest.raises(Corrupt):
        Terms.from_json(data)
