"""What an earlier settlement held, given to those whose it is now: pure, in whole numbers, and to the last cent.

A settlement holds a row's amount if the title is contested or too many shares are claimed, and what is missing of the
shares is unclaimed. When that is resolved, a later settlement *releases* the row: what was held is booked back, and
given to the holders, whose shares are in ppm of the row. What is still nobody's stays unclaimed, as a held part of its
own, which can be released later. Deductions were made by the settlement that held it, and are not made again.

All that is released of one work in one pool is one total, split in one step by largest remainder among its rows and
their holders: so of a thousand rows with a cent each not every cent goes to the same holder. Parts sum to the total.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from registry.core.settlement.rules import DISPUTED, UNCLAIMED, WHOLE, apportion

Shares = tuple[tuple[int, int], ...]
"""(holder, ppm), by holder, each once and above zero."""


# -- whose it is ---------------------------------------------------------------------------------------------
def gained(known: Mapping[int, int], shares: Shares, missing: int) -> Shares:
    """Of so many missing ppm, what falls to those who hold more by `shares` than is known of them.

    It is only as much as all shares sum to more than what is known: whoever took over a share from somebody who was
    paid for it gains nothing by that.
    """
    more = [(holder, ppm - known.get(holder, 0)) for holder, ppm in shares]
    more = [(holder, ppm) for holder, ppm in more if ppm > 0]
    found = min(missing, sum(ppm for _, ppm in shares) - sum(known.values()))
    if found <= 0:
        return ()
    parts = apportion(found, [ppm for _, ppm in more])
    return tuple((holder, part) for (holder, _), part in zip(more, parts, strict=True) if part)


def completed(then: Shares, now: Shares) -> Shares:
    """The shares of the day of a use; what was missing, or was claimed by too many, as it stands now.

    Who held a share then keeps it. If there are still too many shares, they come back as they are, above the whole.
    """
    given = sum(ppm for _, ppm in then)
    fits = sum(ppm for _, ppm in now) <= WHOLE
    if given == WHOLE or not fits:
        return then
    if given > WHOLE:
        return now
    held = dict(then)
    for holder, ppm in gained(held, now, WHOLE - given):
        held[holder] = held.get(holder, 0) + ppm
    return tuple(sorted(held.items()))


# -- amounts -------------------------------------------------------------------------------------------------
class Held(NamedTuple):
    """One row's amount that nobody has been given yet. A row of a pool has at most one at a time."""

    settlement: int
    """Log index of the settlement that the pool is of, by which settlements are numbered for good."""
    pool: int
    """The pool's number there, from 1."""
    log_index: int
    row: int
    work: str
    payee: int
    """`DISPUTED` or `UNCLAIMED`."""
    ppm: int
    """Of the row's cost, before deductions."""
    exact: tuple[int, int]
    """Minor units after deductions and before rounding, in lowest terms."""
    amount_minor: int

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Which row it is of."""
        return self[:4]


class Release(NamedTuple):
    """A held amount, and whose it is."""

    held: Held
    decision: int | None
    """Log index of the newest decision about the title since the row was settled; `None` if there was none."""
    shares: Shares
    """(payee, ppm), together at most what is held; the rest is unclaimed."""

    @property
    def parts(self) -> Shares:
        """With the rest."""
        rest = self.held.ppm - sum(ppm for _, ppm in self.shares)
        return (*self.shares, (UNCLAIMED, rest)) if rest else self.shares


class Released(NamedTuple):
    """One part of a row that was held."""

    settlement: int
    pool: int
    log_index: int
    row: int
    work: str
    payee: int
    """A payee's number, or `UNCLAIMED`."""
    ppm: int
    exact: tuple[int, int]
    amount_minor: int

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Which row it is of."""
        return self[:4]


def release(releases: Sequence[Release]) -> list[Released]:
    """The parts of everything that is released, by settlement, pool, log index, row and payee, the unclaimed last.

    Of each work in each pool they sum to what was held of it in dispute, and to what was unclaimed.
    """
    groups: dict[tuple[int, int, int, str], list[Release]] = defaultdict(list)
    for each in sorted(releases, key=lambda each: each.held.key):
        held = each.held
        groups[held.settlement, held.pool, held.payee, held.work].append(each)
    found = [part for group in groups.values() for part in _split(group)]
    return sorted(found, key=lambda part: part.key)


def _split(group: Sequence[Release]) -> Iterator[Released]:
    """One total in one step; what a corrected figure gave back is split as if it were owed."""
    total = sum(each.held.amount_minor for each in group)
    sign = -1 if min(each.held.exact[0] for each in group) < 0 else 1
    parts = [(each.held, *part) for each in group for part in each.parts]
    exact = [Fraction(*held.exact) * ppm / held.ppm for held, _, ppm in parts]
    scale = math.lcm(*(each.denominator for each in exact))
    amounts = apportion(sign * total, [int(sign * each * scale) for each in exact])
    for (held, payee, ppm), each, amount in zip(parts, exact, amounts, strict=True):
        yield Released(*held.key, held.work, payee, ppm, each.as_integer_ratio(), sign * amount)


def check_release(each: Release) -> str | None:
    """Why this cannot be a release; `None` if it can."""
    held = each.held
    if held.payee not in {DISPUTED, UNCLAIMED} or not 0 < held.ppm <= WHOLE:
        return "it holds nothing that can be released"
    if held.payee == DISPUTED and held.ppm != WHOLE:
        return "only whole rows are held in dispute"
    if sum(ppm for _, ppm in each.shares) > held.ppm:
        return "its shares are more than what is held"
    if held.payee == UNCLAIMED and not each.shares:
        return "it gives what is unclaimed to nobody"
    if held.amount_minor * held.exact[0] < 0 or (held.amount_minor and not held.exact[0]):
        return "its amount is not one of what it is exactly"
    return None
