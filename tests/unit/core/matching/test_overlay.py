"""How pictures lie upon each other: what is foretold from the anchors that agree, by geometry alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.core.fingerprints.anchors_records import Geometry
from registry.core.matching.anchors import Anchors, agreement
from registry.core.matching.overlay import Overlay, overlay

RANDOM = np.random.default_rng(7)
CODES = RANDOM.integers(0, 256, (60, 32), dtype=np.uint8)
"""Different from each other in some 128 bits."""
AT = np.column_stack([np.tile([50.0, 102, 154, 206], 3), np.repeat([64.0, 96, 128], 4)])
"""Four columns, three rows."""


def anchors(numbers: list[int], at: NDArray[np.float64], size: float = 3, turn: float = 0) -> Anchors:
    """Anchors with these codes at these places of a frame of 256 x 192."""
    count = len(numbers)
    g = Geometry(*at.T, *(np.full(count, value) for value in (size, turn, 256.0, 192.0)))
    return Anchors(CODES[numbers], g)


def lying(item: Anchors, registered: Anchors) -> Overlay:
    found = agreement(item, registered)
    assert found is not None
    assert found.confirmed
    return overlay(item, registered, found)


WORK = anchors(list(range(12)), AT)


def test_a_picture_lies_upon_itself() -> None:
    found = lying(WORK, WORK)
    assert (found.recurring, found.contained) == (1, 1)
    assert found.aside < 1e-9
    assert found.same_frame
    assert found.breadth > 0.1


def test_a_crop_lies_in_its_original_and_only_what_is_left_ought_to_recur() -> None:
    """The right half, less a quarter above and below, at twice the size."""
    left = [n for n in range(12) if AT[n, 0] > 128]
    found = lying(anchors(left, (AT[left] - (128, 48)) * 2, size=6), WORK)
    assert found.recurring == 1
    assert found.contained == 1
    assert not found.same_frame
    assert found.aside > 0.5


@pytest.mark.parametrize("degrees", [90, 180, 33])
def test_turns_are_undone(degrees: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    at = (AT - (128, 96)) * 0.6 @ turn + (128, 96)
    found = lying(anchors(list(range(12)), at, size=1.8, turn=degrees / 360), WORK)
    assert found.recurring == 1
    assert found.contained == 1
    assert not found.same_frame


def test_of_two_works_that_share_words_little_else_recurs() -> None:
    """Four places in a line, eight others in either work: three of eleven recur beside the first."""
    words = np.column_stack([np.linspace(60, 196, 4), np.full(4, 160.0)])
    one = anchors(list(range(12)), np.concatenate([words, AT[:8]]))
    other = anchors([*range(4), *range(20, 28)], np.concatenate([words, AT[4:]]))
    found = lying(one, other)
    assert found.recurring == pytest.approx(3 / 11)
    assert found.breadth < 1e-6
    assert found.same_frame


def test_words_around_a_copy_do_not_count_against_it() -> None:
    """On a page a copy keeps its clearest places only; all that the item shows of it recurs."""
    kept = [0, 1, 2, 3]
    at = np.concatenate([AT[kept] * 0.5 + (64, 48), RANDOM.uniform((20, 160), (236, 180), (12, 2))])
    found = lying(anchors([*kept, *range(30, 42)], at, size=1.7), anchors(list(range(12)), AT, size=3.4))
    assert found.recurring == 1
    assert found.contained == 1


def test_places_that_would_be_too_small_to_be_seen_are_not_expected() -> None:
    large = anchors(list(range(4)), AT[:4], size=8)
    small = anchors(list(range(4, 12)), AT[4:], size=2)
    both = Anchors(
        np.concatenate([large.codes, small.codes]),
        Geometry(*(np.concatenate(pair) for pair in zip(vars_of(large), vars_of(small), strict=True))),
    )
    quarter = anchors(list(range(4)), AT[:4] * 0.25 + (20, 20), size=2)
    assert lying(quarter, both).recurring == 1


def vars_of(found: Anchors) -> tuple[NDArray[np.float64], ...]:
    g = found.geometry
    return g.x, g.y, g.sigma, g.turns, g.width, g.height


def test_what_many_works_share_is_not_expected_to_recur() -> None:
    at = np.concatenate([AT[:4], AT[4:8]])
    item = anchors([*range(4), *range(40, 44)], at)
    registered = anchors([*range(4), *range(50, 58)], AT)
    found = agreement(item, registered)
    assert found is not None
    rare = np.arange(8) < 4
    assert overlay(item, registered, found, rare).recurring == 1
    assert overlay(item, registered, found).recurring < 0.5
