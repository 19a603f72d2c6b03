"""Samples of claim rows: the same for everybody who has the seed, and not to be steered."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from registry.core.records.samples import Place, draw, rank

PLACES = [Place(index, row) for index in range(7, 27) for row in range(10)]


def test_the_rank_is_as_documented() -> None:
    """Computed once more from the words of the documentation."""
    seed, place = "Würfel 3-1-4", Place(258, 3)
    written = bytes.fromhex("000000000000010200000003")
    expected = sha256(b"vorbehalt-sample-v1\n" + sha256(seed.encode("utf-8")).digest() + written)
    assert rank(seed, place) == expected.digest()


@given(st.permutations(PLACES), st.integers(0, 210), st.text(min_size=1, max_size=20))
def test_a_sample_depends_on_no_order_and_a_larger_one_begins_with_it(
    places: list[Place], count: int, seed: str
) -> None:
    drawn = draw(seed, places, count)
    assert drawn == draw(seed, PLACES, len(PLACES))[:count]
    assert len(set(drawn)) == min(count, len(PLACES))


@given(st.sets(st.sampled_from(PLACES), min_size=1), st.text(min_size=1, max_size=20))
def test_what_is_drawn_from_all_is_drawn_from_fewer_too(fewer: set[Place], seed: str) -> None:
    """Which rows of others there are changes nothing."""
    among_all = [place for place in draw(seed, PLACES, len(PLACES)) if place in fewer]
    assert draw(seed, fewer, len(fewer)) == among_all


def test_another_seed_draws_others_and_every_row_has_its_turn() -> None:
    samples = [draw(f"seed {n}", PLACES, 20) for n in range(100)]
    assert len(set(map(tuple, samples))) == 100
    assert {place for sample in samples for place in sample} == set(PLACES)
