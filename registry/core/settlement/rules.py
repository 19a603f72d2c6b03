"""From reported use to amounts: pure, in whole numbers, the same on every machine.

A *pool* is what one agreement owes for one period. Its exact cost is a rational, the sum of what each row bears of the
tariff's components (`registry.core.tariffs.costs`). Only that total is rounded, half up, to a whole minor unit. The
total is then split in one step, by largest remainder, among what is deducted for management and for social ends, and
the holders of each row; nothing is rounded in between, so no cent can drift. Every line is less than one minor unit
off its exact part of the total, and the lines and deductions of a pool sum to that total.

Shares are in ppm. What is missing to 1,000,000 is unclaimed; a contested title, and a work whose shares exceed
1,000,000, pay nobody: the whole row is held in dispute.

Payees are numbers here, as in the published files; who they are is not needed to compute. Weights are Python's
integers, which do not overflow: 1.4 million lines take about four seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from registry.core.errors import InvalidInput
from registry.core.settlement.declared import Declared
from registry.core.settlement.periods import Period
from registry.core.tariffs import Tariff, row_costs

WHOLE = 1_000_000
"""Shares of one right, and the parts of a pool, sum to this many ppm."""

UNCLAIMED, DISPUTED = -1, -2
"""Payees that are none: what nobody has claimed, and what is held until it is decided whose it is."""


# -- integers ----------------------------------------------------------------------------------------------
def round_half_up(value: Fraction) -> int:
    """The nearest integer; exactly one half goes up, in the payee's favour."""
    return math.floor(value + Fraction(1, 2))


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` minor units in proportion to whole weights, by largest remainder; among equal ones the first wins.

    The parts sum to `total`, each is less than one unit off its exact value, and weight zero gets zero. `ValueError`
    if the weights cannot carry the total.
    """
    whole = sum(weights)
    if total < 0 or min(weights, default=0) < 0:
        raise ValueError("totals and weights are not negative; a correction is an entry of its own")
    if not whole:
        if total:
            raise ValueError("there is an amount, but nobody to give it to")
        return [0] * len(weights)
    exact = [divmod(total * weight, whole) for weight in weights]
    parts = [part for part, _ in exact]
    left = total - sum(parts)
    if left:
        places = sorted(range(len(exact)), key=lambda place: exact[place][1], reverse=True)
        for place in places[:left]:
            parts[place] += 1
    return parts


# -- pools -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Deductions:
    """Which part of every pool is kept back, in ppm: by decision of the society's members, never by the program."""

    management_ppm: int = 0
    social_ppm: int = 0

    def __post_init__(self) -> None:
        """`InvalidInput` unless both are parts of a whole that leave something to pay."""
        if min(self.management_ppm, self.social_ppm) < 0 or self.management_ppm + self.social_ppm >= WHOLE:
            raise InvalidInput(f"Deductions are parts per million, together less than {WHOLE:,}.")

    @property
    def kept_ppm(self) -> int:
        """What is left for the holders."""
        return WHOLE - self.management_ppm - self.social_ppm


class Use(NamedTuple):
    """One reported use, with the facts that its price and its payees rest on."""

    log_index: int
    """Of the claim batch's leaf."""
    row: int
    """Number of the row in the batch, from 0."""
    work: str
    units: int
    unit: str
    """What the units count: `image`, `1k_tokens`, …"""
    how: int
    """As claimed: 1 exact, 2 near, 3 declared."""
    contested: bool
    shares: tuple[tuple[int, int], ...]
    """(payee, ppm) on the day of the claim, by payee, each once and above zero."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything reported under one agreement in one period, and what it costs."""

    licence: str
    """`agreement_…@<tariff version>`"""
    tariff: Tariff
    lab: str
    period: Period
    fixed: Mapping[int, int]
    """What is charged for components that cost the same however much is used, by their place in the tariff.

    A component that an earlier settlement has charged for this period is not among them.
    """
    uses: Sequence[Use]
    metered: bool = True
    """Whether components that are priced by the unit are charged: not again for uses that were settled before."""
    declared: Declared | None = None
    """By which figure the one fixed component is charged, in a pool of its own; `None` in a pool of reported use."""

    @property
    def currency(self) -> str:
        """Of the tariff."""
        return self.tariff.currency

    @property
    def part(self) -> str:
        """`use`, or which component is charged by which declaration: `net_income.2@17`."""
        return "use" if self.declared is None else self.declared.part(self.tariff)

    @property
    def key(self) -> tuple[str, Period, str]:
        """What a settlement has one pool for, and by which pools are ordered."""
        return self.licence, self.period, self.part


class Line(NamedTuple):
    """One row's amount for one payee: the smallest thing that a statement shows."""

    log_index: int
    row: int
    work: str
    payee: int
    """A payee's number, `UNCLAIMED` or `DISPUTED`."""
    ppm: int
    """Of the row's cost, before deductions."""
    exact: tuple[int, int]
    """Minor units before rounding and after deductions: numerator and denominator in lowest terms."""
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """A pool's total, split. The deductions and the lines sum to it."""

    total_minor: int
    """What the lab owes: the one place where a price is rounded."""
    management_minor: int
    social_minor: int
    lines: Sequence[Line]
    """By log index, row and payee."""


def holders(use: Use) -> tuple[tuple[int, int], ...]:
    """(payee, ppm) that share this row; always 1,000,000 together, each payee once."""
    given = sum(ppm for _, ppm in use.shares)
    if use.contested or given > WHOLE:
        return ((DISPUTED, WHOLE),)
    return use.shares if given == WHOLE else (*use.shares, (UNCLAIMED, WHOLE - given))


def distribute(pool: Pool, deductions: Deductions) -> Distribution:
    """The pool's total, split in one step: deductions first among equal remainders, then lines in their order.

    What a corrected figure gives back is split as if it were owed, and then taken with the other sign.
    """
    sign = -1 if min(pool.fixed.values(), default=0) < 0 else 1
    fixed = {place: sign * amount for place, amount in pool.fixed.items()}
    uses = sorted(pool.uses)
    costs, scale = row_costs(pool.tariff, fixed, uses, metered=pool.metered)
    parts = [
        (use, payee, ppm, cost * ppm)
        for use, cost in zip(uses, costs, strict=True)
        for payee, ppm in holders(use)
    ]
    cost, kept = sum(costs), deductions.kept_ppm
    total = round_half_up(Fraction(cost, scale))
    weights = [deductions.management_ppm * WHOLE * cost, deductions.social_ppm * WHOLE * cost]
    weights += [kept * weight for *_, weight in parts]
    management, social, *amounts = apportion(total, weights)
    whole = scale * WHOLE * WHOLE
    lines = []
    for (use, payee, ppm, _), weight, amount in zip(parts, weights[2:], amounts, strict=True):
        common = math.gcd(weight, whole)
        exact = (sign * weight // common, whole // common)
        lines.append(Line(use.log_index, use.row, use.work, payee, ppm, exact, sign * amount))
    return Distribution(sign * total, sign * management, sign * social, lines)
