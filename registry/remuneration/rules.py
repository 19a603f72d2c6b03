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
    if line.payee == DISPUTED:
        return f"Liabilities:Disputed:{line.work}"
    if line.payee == UNCLAIMED:
        return unclaimed_account(pool.period.year)
    return payee_account(names[line.payee])


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


def _without_zeros(postings: Iterable[Posting]) -> list[Posting]:
    return [posting for posting in postings if posting.amount_minor]
