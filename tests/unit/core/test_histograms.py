"""The bars of a histogram of distances."""

from __future__ import annotations

import pytest

from registry.core.histograms import histogram


def test_a_histogram_counts_every_match_once() -> None:
    steps = [[31, "certain", "certain"], [33, "match", "match"], [47, "match", None]]
    drawn = histogram({0: 9_000, 31: 7, 33: 1, 47: 3}, steps, 47)
    assert drawn.total == sum(bar.number for bar in drawn.bars) == 9_011
    assert (drawn.bars[0].low, drawn.bars[-1].high) == (0, 47)
    assert all(0 <= bar.y <= 240 and bar.y + bar.height == pytest.approx(240, abs=0.2) for bar in drawn.bars)
    assert [(at, grade) for _, at, grade in drawn.thresholds] == [(31, "certain"), (33, ""), (47, "match")]
    assert drawn.bars[10].grade == "match"  # 30 to 32: as sure as the least sure of it


def test_what_lies_beyond_the_last_distance_is_in_the_last_bar() -> None:
    drawn = histogram({50: 4}, [[20, "certain", None]], 47)
    assert drawn.bars[-1].number == drawn.total == 4
    assert drawn.bars[-1].grade == "nothing"


def test_an_empty_one_has_bars_without_height() -> None:
    assert {bar.height for bar in histogram({}, [], 3).bars} == {0.0}
