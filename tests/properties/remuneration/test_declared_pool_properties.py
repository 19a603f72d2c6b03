"""Whatever is declared, corrected, and however it is distributed: every cent has one payee, and files say it all."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.settlement.declared import Declared, Stated
from registry.core.settlement.files import Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.reading import read_inputs
from registry.core.settlement.rules import DISPUTED, WHOLE, Deductions, Pool, Use, distribute
from registry.core.tariffs import (
    Component,
    Distribution,
    DownstreamShare,
    PerModelVersion,
    RevenueShare,
    Rule,
    Tariff,
    amount_due,
)

RULES = st.sampled_from(
    [
        Distribution(Rule.EQUAL_PER_WORK),
        Distribution(Rule.PRO_RATA_UNITS),
        Distribution(Rule.WEIGHTED, (("audio", 7), ("image", 3), ("text", 1))),
    ]
)
PPM = st.integers(1, WHOLE)
COMPONENTS: st.SearchStrategy[Component] = st.one_of(
    st.builds(PerModelVersion, st.integers(1, 10**9), RULES),
    st.builds(RevenueShare, PPM, st.integers(0, 10**9), RULES),
    st.builds(DownstreamShare, PPM, RULES),
)
SHARES = st.sampled_from(
    [(), ((0, 300_000),), ((0, 500_001), (1, 499_999)), ((1, WHOLE),), ((0, WHOLE), (1, 1))]
)
SALT = "ab" * 32


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """A component that is charged by a figure, for the first time or as a correction."""
    component = draw(COMPONENTS)
    tariff = Tariff("tariff_" + "0" * 26, 1, draw(st.sampled_from(["EUR", "JPY", "KWD"])), (component,))

    def stated(index: int) -> Stated:
        if isinstance(component, PerModelVersion):
            models = draw(st.sets(st.sampled_from("abcdef")))
            return Stated(index, None, tuple(f"model_{name}" for name in sorted(models)), SALT)
        return Stated(index, draw(st.integers(0, 10**15)), (), SALT)

    declared = Declared(0, stated(9), stated(8) if draw(st.booleans()) else None)
    uses = [
        Use(
            draw(st.integers(0, 2)), row, f"work_{draw(st.sampled_from('abcd'))}", draw(st.integers(1, 10**9)),
            draw(st.sampled_from(["image", "text", "1k_tokens", "audio_minute"])), 2, draw(st.booleans()), draw(SHARES),
        )
        for row in range(draw(st.integers(1, 8)))
    ]  # fmt: skip
    fixed = {0: declared.amount_minor(tariff)}
    name = "agreement_" + "0" * 26 + "@1"
    return Pool(name, tariff, "party_x", Period(2026, 4), fixed, sorted(uses), False, declared)


@settings(max_examples=150)
@given(
    pools(), st.builds(Deductions, st.sampled_from([0, 90_000]), st.sampled_from([0, 10_000])), st.randoms()
)
def test_a_declared_pool_is_the_sum_of_its_parts(pool: Pool, deducted: Deductions, chance: object) -> None:
    split = distribute(pool, deducted)
    kept = sum(line.amount_minor for line in split.lines)
    assert split.total_minor == sum(pool.fixed.values())
    assert kept + split.management_minor + split.social_minor == split.total_minor
    assert all(line.amount_minor * split.total_minor >= 0 for line in split.lines)
    assert all(abs(line.amount_minor * line.exact[1] - line.exact[0]) < line.exact[1] for line in split.lines)
    disputed = {use[:2] for use in pool.uses if use.contested}
    assert all(line.payee == DISPUTED for line in split.lines if line[:2] in disputed)
    shuffled = list(pool.uses)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert distribute(replace(pool, uses=shuffled), deducted) == split


@settings(max_examples=60)
@given(pools())
def test_the_published_files_give_the_same_again(pool: Pool) -> None:
    inputs = Inputs(pool.period, 10, 10, Deductions(), ["00" * 32, "11" * 32], [pool.tariff], [pool])
    files = {file.name: file.data for file in inputs.files()}
    again = read_inputs(list(files), files.__getitem__)
    assert again.pools == [pool]


@given(COMPONENTS, st.lists(st.integers(0, 10**15), min_size=1, max_size=6))
def test_corrections_add_up_to_the_last_figure(component: Component, values: list[int]) -> None:
    """However often a figure is corrected, what was booked in the end is what the last one costs."""
    amounts = [amount_due(component, value) for value in values]
    booked = [now - before for before, now in zip([0, *amounts], amounts, strict=False)]
    assert sum(booked) == amounts[-1]
