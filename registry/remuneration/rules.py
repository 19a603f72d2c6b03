"""What a settlement posts: accounts and balanced entries. Amounts are computed in `registry.core.settlement.rules`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.core.settlement.rules import DISPUTED, UNCLAIMED, Distribution, Line, Pool

MANAGEMENT = "Income:AdminFee"
SOCIAL = "Liabilities:SocialFund"


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


# -- accounts ----------------------------------------------------------------------------------------------
def payee_account(party: str) -> str:
    """What is owed to a party."""
    return f"Liabilities:Payee:{party}"


def receivable_account(lab: str) -> str:
    """What a lab owes."""
    return f"Assets:Receivable:{lab}"


def disputed_account(work: str) -> str:
    """What is held until it is decided whose the work is."""
    return f"Liabilities:Disputed:{work}"


def unclaimed_account(year: int | str) -> str:
    """What was collected in this year and nobody is known for."""
    return f"Liabilities:Unclaimed:{year}"


def undistributable_account(year: int) -> str:
    """What of it counts as not distributable, three years after."""
    return f"Liabilities:Undistributable:{year}"


def tax_account(country: str) -> str:
    """What is owed to a country's tax office."""
    return f"Liabilities:VAT:{country}"


def pool_account(pool: Pool) -> str:
    """The pool's own: filled by the charge, emptied by the distribution."""
    return f"Liabilities:Pool:{pool.licence.partition('@')[0]}-{pool.period}"


def line_account(line: Line, pool: Pool, names: Sequence[str]) -> str:
    """Where a line's amount goes; `names` has the payees' public ids by number."""
    return part_account(line.payee, line.work, pool.period.year, names)


def part_account(payee: int, work: str, year: int, names: Sequence[str]) -> str:
    """Where a part of a row goes, or is held; `year` is that of its pool, in which the money was collected."""
    if payee == DISPUTED:
        return disputed_account(work)
    if payee == UNCLAIMED:
        return unclaimed_account(year)
    return payee_account(names[payee])


# -- entries -----------------------------------------------------------------------------------------------
def charge(pool: Pool, total_minor: int) -> list[Posting]:
    """The lab owes the pool's total."""
    return _without_zeros(
        [
            Posting(receivable_account(pool.lab), pool.currency, total_minor),
            Posting(pool_account(pool), pool.currency, -total_minor),
        ]
    )


def distribution(pool: Pool, split: Distribution, names: Sequence[str]) -> list[Posting]:
    """The pool's total goes to what is deducted and to the accounts of its lines, one posting for each."""
    sums: Counter[str] = Counter({MANAGEMENT: split.management_minor, SOCIAL: split.social_minor})
    for line in split.lines:
        sums[line_account(line, pool, names)] += line.amount_minor
    postings = [Posting(pool_account(pool), pool.currency, sum(sums.values()))]
    postings += [Posting(account, pool.currency, -amount) for account, amount in sorted(sums.items())]
    return _without_zeros(postings)


def release(
    currency: str, taken: Iterable[tuple[str, int]], given: Iterable[tuple[str, int]]
) -> list[Posting]:
    """What was held on accounts is booked back, and goes to others: (account, minor units), which sum to the same."""
    sums: Counter[str] = Counter()
    for account, amount in taken:
        sums[account] += amount
    for account, amount in given:
        sums[account] -= amount
    return _without_zeros(Posting(account, currency, amount) for account, amount in sorted(sums.items()))


def _without_zeros(postings: Iterable[Posting]) -> list[Posting]:
    return [posting for posting in postings if posting.amount_minor]
