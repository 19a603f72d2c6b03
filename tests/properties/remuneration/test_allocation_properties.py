"""Largest remainder and pools under thousands of random cases: no cent appears, vanishes or drifts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.settlement.files import output_files
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import (
    DISPUTED,
    WHOLE,
    Deductions,
    Pool,
    Use,
    apportion,
    distribute,
    round_half_up,
)
from registry.core.tariffs import Component, FlatPerPeriod, PerUnit, Tariff, Unit, row_costs
from registry.remuneration.rules import balanced, charge, distribution, pool_account

CASES = 100_000


def test_a_hundred_thousand_random_splits() -> None:
    """Sum exact, less than one unit off, zero weight gets zero, monotone: one unit more takes at most one from anyone.

    The cases are split one by one and checked all at once, in arrays of (case, place). Weights and totals are small
    enough that products fit 64 bits, so that the check itself is exact.
    """
    random_numbers = np.random.default_rng(20260)
    weights = random_numbers.integers(0, 10**9, (CASES, 6)) * (random_numbers.random((CASES, 6)) < 0.7)
    weights[:, 1] = weights[:, 0]  # ties
    weights[weights.sum(axis=1) == 0, :2] = 1
    totals = random_numbers.integers(0, 10 ** random_numbers.integers(1, 9, CASES))
    parts = np.array([apportion(t, w) for t, w in zip(totals.tolist(), weights.tolist(), strict=True)])
    fewer = slice(0, CASES // 5)
    more = np.array(
        [apportion(t + 1, w) for t, w in zip(totals[fewer].tolist(), weights[fewer].tolist(), strict=True)]
    )
    whole = weights.sum(axis=1)
    assert (parts.sum(axis=1) == totals).all()
    off = parts * whole[:, None] - totals[:, None] * weights
    assert (np.abs(off) < whole[:, None]).all()
    assert not parts[weights == 0].any()
    assert (parts[:, 0] - parts[:, 1] >= 0).all()
    assert (parts[:, 0] - parts[:, 1] <= 1).all()
    assert (np.abs(more - parts[fewer]) <= 1).all()


def test_large_weights_do_not_overflow() -> None:
    """A billion euro over weights of more than 64 bits, as prices, shares and deductions multiply to."""
    rng = random.Random(7)
    for _ in range(200):
        weights = [rng.choice((0, 1, rng.randrange(10**40))) for _ in range(9)] + [1]
        total, whole = rng.randrange(10**11), sum(weights)
        parts = apportion(total, weights)
        assert sum(parts) == total
        assert all(
            abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True)
        )


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Pools of up to a dozen rows over a few works, with shares that are short, right or too many."""
    works = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12))
    shares = st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 700_000)), max_size=4, unique_by=lambda share: share[0]
    )
    owners = {work: (tuple(sorted(draw(shares))), draw(st.booleans())) for work in set(works)}
    uses = tuple(
        Use(
            log_index=draw(st.integers(0, 2)),
            row=number,
            work=work,
            units=draw(st.integers(1, 10**9)),
            unit=draw(st.sampled_from(("image", "work"))),
            how=2,
            contested=owners[work][1],
            shares=owners[work][0],
        )
        for number, work in enumerate(works)
    )
    prices: list[Component] = [
        PerUnit(draw(st.integers(1, 5_000)), draw(st.integers(1, 1_000)), unit)
        for unit in draw(st.sets(st.sampled_from((Unit.IMAGE, Unit.WORK))))
    ]
    flat = draw(st.integers(1, 10**6))
    prices.append(FlatPerPeriod(flat))
    fixed = draw(st.sampled_from(({}, {len(prices) - 1: flat})))
    tariff = Tariff("tariff_1", 3, "EUR", tuple(prices))
    return Pool("agreement_1@3", tariff, "lab", Period(2026, 4), fixed, uses)


def deductions() -> st.SearchStrategy[Deductions]:
    """None, usual ones, and nearly everything."""
    return st.builds(Deductions, st.sampled_from((0, 90_000, 499_999)), st.sampled_from((0, 10_000, 500_000)))


@settings(max_examples=120)
@given(pool=pools(), deducted=deductions())
def test_a_pool_is_the_sum_of_its_parts_to_the_cent(pool: Pool, deducted: Deductions) -> None:
    """The total is the exact cost rounded once; lines and deductions sum to it, each within one unit."""
    split = distribute(pool, deducted)
    costs, scale = row_costs(pool.tariff, pool.fixed, sorted(pool.uses))
    exact = Fraction(sum(costs), scale)
    amounts = [split.management_minor, split.social_minor, *(line.amount_minor for line in split.lines)]
    assert split.total_minor == round_half_up(exact) == sum(amounts)
    assert abs(split.total_minor - exact) <= Fraction(1, 2)
    parts = [exact * deducted.management_ppm / WHOLE, exact * deducted.social_ppm / WHOLE]
    parts += [Fraction(*line.exact) for line in split.lines]
    assert sum(parts) == exact
    for amount, part in zip(amounts, parts, strict=True):
        # the rounding of the total moves a part by at most its share of one half
        assert abs(amount - part) < Fraction(3, 2)
        if exact:
            assert abs(amount - part * split.total_minor / exact) < 1
        assert part or not amount


@settings(max_examples=80)
@given(found=st.lists(pools(), min_size=1, max_size=3), seed=st.integers(0, 1_000), deducted=deductions())
def test_permuted_rows_give_the_same_bytes(found: list[Pool], seed: int, deducted: Deductions) -> None:
    """Whatever the order in which the database gave the rows."""

    def data(given: list[Pool]) -> Iterator[bytes]:
        return (file.data for file in output_files(given, [distribute(pool, deducted) for pool in given]))

    shuffled = []
    for pool in found:
        uses = list(pool.uses)
        random.Random(seed).shuffle(uses)
        shuffled.append(replace(pool, uses=uses))
    assert list(data(found)) == list(data(shuffled))


@settings(max_examples=120)
@given(pool=pools(), deducted=deductions())
def test_every_row_is_fully_shared_and_what_cannot_be_paid_is_held(pool: Pool, deducted: Deductions) -> None:
    """Per row 1,000,000 ppm go somewhere; contested works and works with too many shares reach no payee."""
    lines = distribute(pool, deducted).lines
    for use in pool.uses:
        mine = [line for line in lines if (line.log_index, line.row) == (use.log_index, use.row)]
        assert sum(line.ppm for line in mine) == WHOLE
        if use.contested or sum(ppm for _, ppm in use.shares) > WHOLE:
            assert [line.payee for line in mine] == [DISPUTED]


@settings(max_examples=80)
@given(pool=pools(), deducted=deductions())
def test_entries_balance_and_empty_the_pool(pool: Pool, deducted: Deductions) -> None:
    """Charge and distribution each sum to zero, and together they leave nothing in the pool's account."""
    split = distribute(pool, deducted)
    charged, distributed = charge(pool, split.total_minor), distribution(pool, split, "pqrs")
    assert balanced(charged)
    assert balanced(distributed)
    own = pool_account(pool)
    assert sum(p.amount_minor for p in charged + distributed if p.account == own) == 0
    assert all(posting.amount_minor for posting in charged + distributed)
