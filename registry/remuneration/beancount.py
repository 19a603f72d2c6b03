"""The ledger as a beancount file (https://beancount.github.io), so that a program of others can check it.

One transaction for each entry, one posting for each account in it; parties by their public ids only. At the end
stands what each account must hold. Amounts have exactly the currency's decimals and the tolerance is zero: by default
beancount would accept half a unit of the last digit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.remuneration.models import LedgerEntry, LedgerPosting
from registry.remuneration.money import decimal
from registry.remuneration.rules import Posting


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger."""

    day: date
    kind: str
    transfer_id: bytes
    postings: tuple[Posting, ...]


def account_name(account: str) -> str:
    """Our account in beancount's letters: `Liabilities:Payee:party_1ab` as `Liabilities:Payee:Party-1ab`."""
    return ":".join(part[:1].upper() + part[1:].replace("_", "-") for part in account.split(":"))


def to_beancount(entries: Iterable[Entry]) -> Iterator[str]:
    """The lines of the file; entries by day, and in the given order within one."""
    found = sorted(entries, key=lambda entry: entry.day)
    yield 'option "title" "Vorbehalt"'
    yield 'option "tolerance_multiplier" "0"'
    if not found:
        return
    first, last = found[0].day, found[-1].day
    for account in sorted({posting.account for entry in found for posting in entry.postings}):
        yield f"{first} open {account_name(account)}"
    held: Counter[tuple[str, str]] = Counter()
    for entry in found:
        yield f'{entry.day} * "{entry.kind}" "{entry.transfer_id.hex()}"'
        sums: Counter[tuple[str, str]] = Counter()
        for posting in entry.postings:
            sums[posting.account, posting.currency] += posting.amount_minor
        for (account, currency), amount in sorted(sums.items()):
            yield f"  {account_name(account)}  {decimal(amount, currency)} {currency}"
        held.update(sums)
    for (account, currency), amount in sorted(held.items()):
        yield f"{last + timedelta(days=1)} balance {account_name(account)}  {decimal(amount, currency)} {currency}"


def export_ledger(session: Session, actor: Actor) -> str:
    """The whole ledger, for the operator and its auditors."""
    check_scopes(actor, frozenset({Scope.OPERATE}))
    postings: dict[bytes, list[Posting]] = defaultdict(list)
    columns = (LedgerPosting.transfer_id, LedgerPosting.account, LedgerPosting.currency)
    for identifier, account, currency, amount in session.execute(
        select(*columns, LedgerPosting.amount_minor).order_by(LedgerPosting.id)
    ):
        postings[identifier].append(Posting(account, currency, amount))
    query = select(LedgerEntry).order_by(LedgerEntry.recorded_at, LedgerEntry.transfer_id)
    entries = [
        Entry(e.recorded_at.date(), e.kind, e.transfer_id, tuple(postings[e.transfer_id]))
        for e in session.scalars(query)
    ]
    return "".join(f"{line}\n" for line in to_beancount(entries))
