"""Largest remainder and pools under thousands of random cases: no cent appears, vanishes or drifts."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.remuneration.periods import Period
from registry.remuneration.rules import (
    WHOLE,
    Pool,
    Prices,
    UsedRow,
    allocate,
    balanced,
    charge,
    distribute,
    distribution,
    round_half_up,
    row_costs,
    total,
)


def test_twenty_thousand_random_allocations() -> None:
    """Sum exact, less than one unit off, zero weight gets zero, order irrelevant, monotone within one unit."""
    rng = random.Random(20260)
    for _ in range(20_000):
        count = rng.randrange(1, 12)
        weights = [
            (key, rng.choice((0, 1, 3, rng.randrange(1_000), rng.randrange(10**15)))) for key in range(count)
        ]
        whole = sum(weight for _, weight in weights)
        amount = 0 if whole == 0 else rng.choice((0, 1, rng.randrange(100), rng.randrange(10**12)))
        parts = allocate(amount, weights)
        assert sum(parts.values()) == amount
        for key, weight in weights:
            # |part - amount * weight / whole| < 1, in integers
            assert abs(parts[key] * whole - amount * weight) < max(whole, 1)
            assert weight or not parts[key]
        rng.shuffle(weights)
        assert allocate(amount, weights) == parts
        if whole:
            more = allocate(amount + 1, weights)
            assert all(abs(more[key] - parts[key]) <= 1 for key in parts)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Pools of up to a dozen rows over a few works, with shares that are short, right or too many."""
    works = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12))
    owners = {
        work: (
            draw(
                st.lists(
                    st.tuples(st.sampled_from("pqrs"), st.integers(0, 700_000)),
                    max_size=4,
                    unique_by=lambda s: s[0],
                )
            ),
            draw(st.booleans()),
        )
        for work in set(works)
    }
    rows = tuple(
        UsedRow(
            log_index=draw(st.integers(0, 2)),
            row=number,
            work=work,
            units=draw(st.integers(1, 10**9)),
            unit=draw(st.sampled_from(("image", "work"))),
            shares=tuple(owners[work][0]),
            contested=owners[work][1],
        )
        for number, work in enumerate(works)
    )
    prices = {
        unit: Fraction(draw(st.integers(0, 5_000)), draw(st.integers(1, 1_000)))
        for unit in draw(st.sets(st.sampled_from(("image", "work"))))
    }
    flat = draw(st.integers(0, 10**6))
    return Pool("agreement_1@3", "00", "lab", Period(2026, 4), Prices("EUR", prices, flat), flat, rows)


@settings(max_examples=300)
@given(pool=pools(), seed=st.integers(0, 1_000))
def test_a_pool_is_the_sum_of_its_lines_to_the_cent(pool: Pool, seed: int) -> None:
    """The total is the exact cost rounded once; lines sum to it, each within one unit; row order is irrelevant."""
    lines = distribute(pool)
    exact = sum(row_costs(pool).values(), Fraction(0))
    assert total(pool) == round_half_up(exact) == sum(line.amount_minor for line in lines)
    assert abs(total(pool) - exact) <= Fraction(1, 2)
    assert sum(line.exact for line in lines) == exact
    for line in lines:
        # the rounding of the total moves a line by at most its part of one half
        assert abs(line.amount_minor - line.exact) < Fraction(3, 2)
        if exact:
            assert abs(line.amount_minor - line.exact * total(pool) / exact) < 1
    shuffled = list(pool.rows)
    random.Random(seed).shuffle(shuffled)
    assert distribute(replace(pool, rows=tuple(shuffled))) == lines


@settings(max_examples=300)
@given(pool=pools())
def test_every_row_is_fully_shared_and_what_cannot_be_paid_is_held(pool: Pool) -> None:
    """Per row 1,000,000 ppm go somewhere; contested works and works with too many shares reach no payee."""
    lines = distribute(pool)
    for row in pool.rows:
        mine = [line for line in lines if (line.log_index, line.row) == (row.log_index, row.row)]
        assert sum(line.ppm for line in mine) == WHOLE
        if row.contested or sum(ppm for _, ppm in row.shares) > WHOLE:
            assert [line.account for line in mine] == [f"Liabilities:Disputed:{row.work}"]
            assert mine[0].party is None


@settings(max_examples=200)
@given(pool=pools())
def test_entries_balance_and_empty_the_pool(pool: Pool) -> None:
    """Charge and distribution each sum to zero, and together they leave nothing in the pool's account."""
    lines = distribute(pool)
    entries = charge(pool) + distribution(pool, lines)
    assert balanced(charge(pool))
    assert balanced(distribution(pool, lines))
    assert sum(posting.amount_minor for posting in entries if posting.account == pool.account) == 0
    assert all(posting.amount_minor for posting in entries)
