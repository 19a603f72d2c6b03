"""Whatever was held, and whoever turns out to hold it: every cent of it has one owner, and files say it all."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.settlement.files import Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.reading import read_inputs
from registry.core.settlement.releases import (
    Held,
    Release,
    Shares,
    check_release,
    completed,
    gained,
    release,
)
from registry.core.settlement.rules import DISPUTED, UNCLAIMED, WHOLE, Deductions
from registry.remuneration.rules import balanced, part_account
from registry.remuneration.rules import release as postings_of

NAMES = "abcd"
SHARES: st.SearchStrategy[Shares] = st.dictionaries(
    st.integers(0, 3), st.integers(1, 700_000), max_size=4
).map(lambda shares: tuple(sorted(shares.items())))


def total(shares: Shares) -> int:
    """In ppm."""
    return sum(ppm for _, ppm in shares)


# -- whose it is ---------------------------------------------------------------------------------------------
@settings(max_examples=150)
@given(then=SHARES, now=SHARES)
def test_who_held_a_share_keeps_it_and_what_was_missing_is_given_once(then: Shares, now: Shares) -> None:
    """Settling again with the same shares gives nobody more: what is left, nobody is known for."""
    shares = completed(then, now)
    if total(then) <= WHOLE:
        assert total(then) <= total(shares) <= WHOLE
        assert all(dict(shares)[holder] >= ppm for holder, ppm in then)
        more = max(0, total(now) - total(then)) if total(now) <= WHOLE else 0
        assert total(shares) == total(then) + min(more, WHOLE - total(then))
        assert gained(dict(shares), completed(shares, now), WHOLE - total(shares)) == ()
    else:
        assert shares == (now if total(now) <= WHOLE else then)
    assert [holder for holder, _ in shares] == sorted({holder for holder, _ in shares})


@settings(max_examples=100)
@given(then=SHARES.filter(lambda shares: total(shares) < WHOLE), later=st.lists(SHARES, max_size=4))
def test_holders_who_become_known_one_after_the_other_share_what_was_missing(
    then: Shares, later: list[Shares]
) -> None:
    """Step by step never more than the whole is given, and nobody who was given something loses it."""
    known: Counter[int] = Counter(dict(then))
    for now in later:
        before = dict(known)
        missing = WHOLE - known.total()
        if total(now) <= WHOLE:
            for holder, ppm in gained(known, completed(then, now), missing):
                known[holder] += ppm
        assert known.total() <= WHOLE
        assert all(known[holder] >= ppm for holder, ppm in before.items())


# -- amounts -------------------------------------------------------------------------------------------------
@st.composite
def releases(draw: st.DrawFn) -> list[Release]:
    """Rows of two pools, of which one is given back, held in dispute or unclaimed, for up to four holders."""
    found = []
    for row in range(draw(st.integers(1, 10))):
        pool, payee = draw(st.integers(1, 2)), draw(st.sampled_from([DISPUTED, UNCLAIMED]))
        ppm = WHOLE if payee == DISPUTED else draw(st.integers(1, WHOLE))
        exact = Fraction(draw(st.integers(0, 10**9)), draw(st.integers(1, 10**4)))
        amount = int(exact) + (draw(st.integers(0, 1)) if exact else 0)
        sign = -1 if pool == 2 else 1
        work = f"work_{draw(st.sampled_from('xyz'))}"
        held = Held(3, pool, 1, row, work, payee, ppm, (sign * exact).as_integer_ratio(), sign * amount)
        each = Release(held, draw(st.sampled_from([None, 7])), draw(SHARES))
        if check_release(each) is None:
            found.append(each)
    return sorted(found, key=lambda each: each.held.key)


@settings(max_examples=100)
@given(found=releases(), seed=st.integers())
def test_what_is_released_is_what_was_held(found: list[Release], seed: int) -> None:
    """By work and pool to the unit, each part less than one off its exact one, in whatever order the rows come."""
    parts = release(found)
    by_row = {each.held.key: each for each in found}
    held: Counter[tuple[int, str, int]] = Counter()
    given: Counter[tuple[int, str, int]] = Counter()
    exact: dict[tuple[int, str, int], Fraction] = defaultdict(Fraction)
    for each in found:
        held[each.held.pool, each.held.work, each.held.payee] += each.held.amount_minor
        exact[each.held.pool, each.held.work, each.held.payee] += Fraction(*each.held.exact)
        assert sum(part.ppm for part in parts if part.key == each.held.key) == each.held.ppm
    for part in parts:
        source = by_row[part.key].held
        group = source.pool, source.work, source.payee
        given[group] += part.amount_minor
        due = held[group] * Fraction(*part.exact) / exact[group] if exact[group] else Fraction(0)
        assert abs(part.amount_minor - due) < 1
        assert part.payee != DISPUTED
    assert given == held
    random.Random(seed).shuffle(found)
    assert release(found) == parts


@settings(max_examples=50)
@given(found=releases())
def test_a_release_balances_and_empties_what_held_it(found: list[Release]) -> None:
    """Nothing stays in dispute of what was released."""
    taken = [
        (part_account(each.held.payee, each.held.work, 2026, NAMES), each.held.amount_minor) for each in found
    ]
    given = [(part_account(part.payee, part.work, 2026, NAMES), part.amount_minor) for part in release(found)]
    postings = postings_of("EUR", taken, given)
    assert balanced(postings)
    disputed = {account: amount for account, amount in taken if ":Disputed:" in account}
    sums: Counter[str] = Counter()
    for account, amount in taken:
        sums[account] += amount
    booked = {posting.account: posting.amount_minor for posting in postings}
    assert all(booked.get(account, 0) == sums[account] for account in disputed)


@settings(max_examples=40)
@given(found=releases())
def test_releases_are_read_as_they_were_published(found: list[Release]) -> None:
    """And so whoever has the files computes the same."""
    payees = [f"{number:064x}" for number in range(4)]
    inputs = Inputs(Period(2026, 4), 9, 9, Deductions(), payees, [], [], releases=found)
    files = {file.name: file.data for file in inputs.files()}
    again = read_inputs(list(files), files.__getitem__)
    assert again.releases == found
    assert release(again.releases) == release(found)
