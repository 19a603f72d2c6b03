"""Shares sum to a whole at every moment, and what is refused says what would fit."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput, SharesDoNotSum
from registry.works.shares import WHOLE, Right, Share, check_shares, equal_parts, holders, replan
from tests.factories import START

DAYS = st.integers(0, 400).map(lambda days: START + timedelta(days=days))


def share(
    party: int,
    ppm: int,
    territory: str = "world",
    start: datetime = START,
    end: datetime | None = None,
    right: Right = Right.REPRODUCTION,
) -> Share:
    return Share(party, right, territory, start, end, ppm)


@given(st.integers(1, 1000))
def test_equal_parts_are_a_whole(count: int) -> None:
    parts = equal_parts(count)
    assert sum(parts) == WHOLE
    assert max(parts) - min(parts) <= 1
    check_shares([share(party, ppm) for party, ppm in enumerate(parts)])


@given(st.lists(st.integers(1, WHOLE), min_size=1, max_size=6))
def test_only_a_whole_is_accepted(parts: list[int]) -> None:
    shares = [share(party, ppm) for party, ppm in enumerate(parts)]
    if sum(parts) == WHOLE:
        check_shares(shares)
    else:
        with pytest.raises(SharesDoNotSum) as refused:
            check_shares(shares)
        assert refused.value.details["missing"] == WHOLE - sum(parts)


@pytest.mark.parametrize(
    ("parts", "advice"),
    [
        ((500_000, 450_000), "sum to 950,000 ppm, not 1,000,000: add 50,000"),
        ((700_000, 400_000), "take away 100,000"),
        ((400_000, 400_000), "in equal parts it would be 500,000, 500,000"),
    ],
)
def test_the_refusal_says_what_would_fit(parts: tuple[int, ...], advice: str) -> None:
    with pytest.raises(SharesDoNotSum, match=advice):
        check_shares([share(party, ppm) for party, ppm in enumerate(parts)])


def test_rights_and_territories_are_counted_apart() -> None:
    check_shares([share(1, WHOLE), share(2, WHOLE, "DE"), share(3, WHOLE, right=Right.COMMUNICATION)])


def test_a_hole_in_time_is_refused_and_an_end_is_not() -> None:
    week = timedelta(days=7)
    check_shares([share(1, WHOLE, end=START + week)])
    check_shares([share(1, WHOLE, end=START + week), share(2, WHOLE, start=START + week)])
    with pytest.raises(SharesDoNotSum, match="sum to 0 ppm"):
        check_shares([share(1, WHOLE, end=START + week), share(2, WHOLE, start=START + 2 * week)])
    with pytest.raises(SharesDoNotSum, match="sum to 2,000,000"):
        check_shares([share(1, WHOLE), share(2, WHOLE, start=START + week)])


@pytest.mark.parametrize("ppm", [0, -1, WHOLE + 1])
def test_a_share_is_a_part(ppm: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 1,000,000"):
        check_shares([share(1, ppm)])


@pytest.mark.parametrize("territory", ["de", "DEU", "", "World", "D1"])
def test_a_territory_is_world_or_a_country(territory: str) -> None:
    with pytest.raises(InvalidInput, match="territory"):
        check_shares([share(1, WHOLE, territory)])


def test_one_party_has_one_share_at_a_time() -> None:
    with pytest.raises(InvalidInput, match="write them as one"):
        check_shares([share(1, 500_000), share(1, 500_000)])


def test_a_country_with_its_own_shares_goes_before_the_world() -> None:
    shares = [share(1, WHOLE), share(2, 600_000, "DE"), share(3, 400_000, "DE")]
    assert holders(shares, Right.REPRODUCTION, "DE", START) == ((2, 600_000), (3, 400_000))
    assert holders(shares, Right.REPRODUCTION, "FR", START) == ((1, WHOLE),)
    assert holders(shares, Right.COMMUNICATION, "DE", START) == ()


@given(st.lists(DAYS, min_size=1, max_size=5, unique=True), DAYS)
def test_replanning_changes_nothing_that_is_past(changes: list[datetime], asked: datetime) -> None:
    """Each change names a new sole holder from its day on; the latest change before a day tells who held then."""
    plan: tuple[Share, ...] = ()
    for party, day in enumerate(sorted(changes)):
        plan = replan(plan, [share(party, WHOLE, start=day)])
        check_shares(plan)
    past = [party for party, day in enumerate(sorted(changes)) if day <= asked]
    expected = ((past[-1], WHOLE),) if past else ()
    assert holders(plan, Right.REPRODUCTION, "world", asked) == expected


def test_replanning_ends_what_is_not_stated_again() -> None:
    """A country's own shares end with the next statement that does not name them; the world's hold there then."""
    later = START + timedelta(days=30)
    plan = replan([share(1, WHOLE), share(2, WHOLE, "DE")], [share(3, WHOLE, start=later)])
    check_shares(plan)
    assert holders(plan, Right.REPRODUCTION, "DE", START) == ((2, WHOLE),)
    assert holders(plan, Right.REPRODUCTION, "DE", later) == ((3, WHOLE),)
