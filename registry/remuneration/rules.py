"""How a claim becomes money: pure, in integers and rationals, the same on every machine.

A *pool* is what one agreement owes for one period. Its exact cost is a rational: the price of every reported unit
and, once per period, the flat fee. Only that total is rounded, half up, to a whole minor unit. The total then goes
to (row, account) pairs in one step by largest remainder, with the product of a row's exact cost and the holder's
share as weight; nothing is rounded in between, so no cent can drift. Every line is less than one minor unit off
its exact part of the total, and the lines of a pool sum to that total.

Shares are in ppm. What is missing to 1,000,000 goes to `Liabilities:Unclaimed:<year>`; a contested title, and a work
whose shares exceed 1,000,000, pay nobody: the whole work is held in `Liabilities:Disputed:<work>`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeVar

from registry.core.errors import InvalidInput
from registry.remuneration.periods import Period

WHOLE = 1_000_000
"""Shares of one right sum to this many ppm."""

PER_WORK = "work"
"""The unit of a price that is due once for each work of a claim batch."""


class Orderable(Hashable, Protocol):
    """A key by which ties are broken."""

    def __lt__(self, other: Any, /) -> bool:
        """Whether this key comes first."""
        ...


Key = TypeVar("Key", bound=Orderable)


# -- integers ----------------------------------------------------------------------------------------------
def round_half_up(value: Fraction) -> int:
    """The nearest integer; exactly one half goes up, in the payee's favour."""
    return math.floor(value + Fraction(1, 2))


def allocate(total: int, weights: Mapping[Key, int] | Iterable[tuple[Key, int]]) -> dict[Key, int]:
    """Split `total` minor units in proportion to integer weights, by largest remainder, ties by key.

    The parts sum to `total`, each is less than one unit off its exact value, weight zero gets zero, and the order
    in which the weights come does not matter. `ValueError` if the weights cannot carry the total.
    """
    pairs = list(weights.items()) if isinstance(weights, Mapping) else list(weights)
    parts = dict(pairs)
    if len(parts) != len(pairs):
        raise ValueError("a key was given twice")
    if total < 0 or any(weight < 0 for weight in parts.values()):
        raise ValueError("totals and weights are not negative; a correction is an entry of its own")
    whole = sum(parts.values())
    if whole == 0:
        if total:
            raise ValueError("there is an amount, but nobody to give it to")
        return dict.fromkeys(parts, 0)
    result = {key: total * weight // whole for key, weight in parts.items()}
    left = total - sum(result.values())
    by_remainder = sorted((-(total * weight % whole), key) for key, weight in parts.items())
    for _, key in by_remainder[:left]:
        result[key] += 1
    return result


# -- prices ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Prices:
    """A tariff version as a settlement computes with it."""

    currency: str
    per_unit: Mapping[str, Fraction]
    """Minor units per unit of use, and per `work`; what has no price costs nothing by itself."""
    flat_minor: int
    """Due once for each agreement and period in which use is reported."""

    @classmethod
    def of(cls, tariff: Mapping[str, Any]) -> Prices:
        """From a tariff's canonical JSON; components of one kind add up. `InvalidInput` for one we cannot price."""
        per_unit: dict[str, Fraction] = {}
        flat = 0
        for component in tariff["components"]:
            match component:
                case {"type": "per_unit", "unit": unit, "amount_minor": amount, "per_units": units}:
                    per_unit[unit] = per_unit.get(unit, Fraction(0)) + Fraction(amount, units)
                case {"type": "flat_per_period", "amount_minor": amount}:
                    flat += amount
                case _:
                    raise InvalidInput(
                        f"This program cannot price a component {component.get('type')!r:.40}."
                    )
        return cls(tariff["currency"], per_unit, flat)


# -- pools -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class UsedRow:
    """One reported use, with the facts that its price and its payees rest on."""

    log_index: int
    """Of the claim batch's leaf."""
    row: int
    """Number of the row in the batch, from 0."""
    work: str
    units: int
    unit: str
    """What the units count: `image`, `1k_tokens`, …"""
    shares: tuple[tuple[str, int], ...]
    """(public id of the party, ppm) on the day of the claim."""
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything reported under one agreement in one period, and what it costs."""

    licence: str
    """`agreement_…@<tariff version>`"""
    tariff: str
    """Digest (hex) of that version."""
    lab: str
    period: Period
    prices: Prices
    flat_minor: int
    """The flat fee, or 0 where an earlier settlement has charged it for this period."""
    rows: tuple[UsedRow, ...]

    @property
    def currency(self) -> str:
        """Of the tariff."""
        return self.prices.currency

    @property
    def account(self) -> str:
        """The pool's own account: filled by the charge, emptied by the distribution."""
        return f"Liabilities:Pool:{self.licence.partition('@')[0]}-{self.period}"


@dataclass(frozen=True, slots=True)
class Line:
    """One row's amount for one account: the smallest thing that a statement shows."""

    log_index: int
    row: int
    work: str
    account: str
    party: str | None
    """Public id of the payee; `None` for what is unclaimed or in dispute."""
    ppm: int
    exact: Fraction
    """Minor units before rounding."""
    amount_minor: int


def payee_account(party: str) -> str:
    """What is owed to a party."""
    return f"Liabilities:Payee:{party}"


def receivable_account(lab: str) -> str:
    """What a lab owes."""
    return f"Assets:Receivable:{lab}"


def holders(row: UsedRow, year: int) -> list[tuple[str, str | None, int]]:
    """(account, party or `None`, ppm) that share this row; always 1,000,000 together, each account once."""
    given = sum(ppm for _, ppm in row.shares)
    if row.contested or given > WHOLE:
        return [(f"Liabilities:Disputed:{row.work}", None, WHOLE)]
    of_party: Counter[str] = Counter()
    for party, ppm in row.shares:
        of_party[party] += ppm
    found: list[tuple[str, str | None, int]] = [
        (payee_account(party), party, ppm) for party, ppm in sorted(of_party.items()) if ppm
    ]
    if given < WHOLE:
        found.append((f"Liabilities:Unclaimed:{year}", None, WHOLE - given))
    return found


def row_costs(pool: Pool) -> dict[tuple[int, int], Fraction]:
    """Exact cost in minor units of each row, by (log index, row).

    Reported units cost their price each. A price per work is due once for each work of a claim batch, however many
    items of it were used. The flat fee is split equally among the reported works, as in STIM's licence for training.
    What is due once for a work stands with its first row.
    """
    nothing, price = Fraction(0), pool.prices.per_unit
    works = {row.work for row in pool.rows}
    flat = Fraction(pool.flat_minor, len(works)) if works else nothing
    seen: set[str] = set()
    seen_in_batch: set[tuple[int, str]] = set()
    costs: dict[tuple[int, int], Fraction] = {}
    for row in sorted(pool.rows, key=lambda row: (row.log_index, row.row)):
        cost = price.get(row.unit, nothing) * row.units
        if (row.log_index, row.work) not in seen_in_batch:
            cost += price.get(PER_WORK, nothing)
        if row.work not in seen:
            cost += flat
        seen_in_batch.add((row.log_index, row.work))
        seen.add(row.work)
        costs[row.log_index, row.row] = cost
    return costs


def total(pool: Pool) -> int:
    """What the lab owes for this pool, in whole minor units: the one place where a price is rounded."""
    return round_half_up(sum(row_costs(pool).values(), Fraction(0)))


def distribute(pool: Pool) -> list[Line]:
    """The pool's total, split to its payees in one step; ordered by log index, row and account."""
    costs = row_costs(pool)
    scale = math.lcm(*(cost.denominator for cost in costs.values()))
    entitled: dict[tuple[int, int, str], tuple[UsedRow, str | None, int]] = {}
    weights: dict[tuple[int, int, str], int] = {}
    for row in pool.rows:
        cost = costs[row.log_index, row.row]
        for account, party, ppm in holders(row, pool.period.year):
            key = (row.log_index, row.row, account)
            entitled[key] = (row, party, ppm)
            weights[key] = cost.numerator * (scale // cost.denominator) * ppm
    amounts = allocate(round_half_up(sum(costs.values(), Fraction(0))), weights)
    return [
        Line(
            log_index=key[0],
            row=key[1],
            work=row.work,
            account=key[2],
            party=party,
            ppm=ppm,
            exact=Fraction(weights[key], scale * WHOLE),
            amount_minor=amounts[key],
        )
        for key, (row, party, ppm) in sorted(entitled.items(), key=lambda item: item[0])
    ]


# -- postings ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, order=True)
class Posting:
    """One side of an entry; debits are positive, credits negative, as beancount writes them."""

    account: str
    currency: str
    amount_minor: int


def balanced(postings: Sequence[Posting]) -> bool:
    """Whether the postings sum to zero in each currency."""
    sums: Counter[str] = Counter()
    for posting in postings:
        sums[posting.currency] += posting.amount_minor
    return not any(sums.values())


def charge(pool: Pool) -> list[Posting]:
    """The lab owes the pool's total."""
    amount = total(pool)
    return _without_zeros(
        [
            Posting(receivable_account(pool.lab), pool.currency, amount),
            Posting(pool.account, pool.currency, -amount),
        ]
    )


def distribution(pool: Pool, lines: Sequence[Line]) -> list[Posting]:
    """The pool's total goes to the accounts of its lines, one posting for each."""
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.account] += line.amount_minor
    postings = [Posting(pool.account, pool.currency, sum(sums.values()))]
    postings += [Posting(account, pool.currency, -amount) for account, amount in sorted(sums.items())]
    return _without_zeros(postings)


def _without_zeros(postings: Iterable[Posting]) -> list[Posting]:
    return [posting for posting in postings if posting.amount_minor]
