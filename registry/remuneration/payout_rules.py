"""Payouts, pure: who is paid how much, under which ids, and what each step posts.

A payment is *prepared* (the payee's money is set aside), *sent* (the file is with the bank), and then *settled* or
*returned*. These are the two phases of TigerBeetle's pending transfers (https://docs.tigerbeetle.com): what is pending
is posted or voided at most once. A bank may return money that it had booked; then a settled payment is returned, by a
booking of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from registry.core.errors import Conflict, InvalidInput
from registry.remuneration.money import decimal
from registry.remuneration.rules import Posting, payee_account

CURRENCY = "EUR"
"""SEPA credit transfers are in euro; other currencies stay on the payee's account."""
BANK = "Assets:Bank:Trust"
IN_TRANSIT = "Assets:PayoutInTransit"
THRESHOLD_MINOR = 1000
"""What is less is carried forward: 10 euro."""
WAIT = timedelta(days=14)
"""Between entering bank details and the first payment to them: time to notice that somebody else entered them."""
MAX_PAYMENTS = 10_000
"""In one file; whoever is left is in the next one."""
MAX_MINOR = 99_999_999_999
"""The largest single SEPA credit transfer, 999,999,999.99 (EPC115-06, AT-04)."""
_MAX_HOLDER = 70


class State(StrEnum):
    """What became of a payment."""

    PREPARED = "prepared"
    SENT = "sent"
    SETTLED = "settled"
    RETURNED = "returned"


# -- bank details --------------------------------------------------------------------------------------------
def check_iban(text: str) -> str:
    """The IBAN without blanks: of a SEPA country, with its length, form and check digits right (ISO 13616)."""
    try:
        iban = IBAN(text)
    except SchwiftyException:
        raise InvalidInput("This is no IBAN: a digit is wrong, or one is missing.") from None
    if not iban.in_sepa_zone:
        raise InvalidInput("This account is in a country that SEPA transfers do not reach.")
    return str(iban)


def check_holder(text: str) -> str:
    """The name as the bank has it, at most 70 characters, which is all that a transfer carries."""
    name = " ".join(text.split())
    if not name or len(name) > _MAX_HOLDER or not name.isprintable():
        raise InvalidInput(f"The holder's name has 1 to {_MAX_HOLDER} characters, as the bank has it.")
    return name


def shown_iban(country: str, end: str) -> str:
    """Enough for its owner to know it by: `DE… 3000`."""
    return f"{country}… {end}"


# -- who is paid ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Payment:
    """One line of a bank file."""

    party: str
    """Public id."""
    holder: str
    iban: str
    amount_minor: int
    end_to_end_id: str


def message_id(run: bytes) -> str:
    """`PO-` and half a run's hexadecimal id: with a payment's number still within the 35 characters of SEPA."""
    return f"PO-{run.hex()[:24]}"


def end_to_end_id(message: str, number: int) -> str:
    """At most 35 characters of SEPA's set, and never the same for two payments."""
    return f"{message}-{number:05d}"


def payable(owed: Mapping[str, int], ready: Collection[str], threshold_minor: int) -> list[tuple[str, int]]:
    """(party, amount) of everybody who is owed the threshold or more and can be paid, by party."""
    if threshold_minor < 1:
        raise InvalidInput("The threshold is at least one minor unit.")
    chosen = [(p, a) for p, a in sorted(owed.items()) if p in ready and threshold_minor <= a <= MAX_MINOR]
    return chosen[:MAX_PAYMENTS]


def check_payments(payments: Sequence[Payment]) -> None:
    """`InvalidInput` for what a bank or its schema would let through or cut: bad IBANs, long names, ids given twice."""
    if not payments:
        raise InvalidInput("There is nobody to pay.")
    ids = {payment.end_to_end_id for payment in payments}
    if len(ids) != len(payments):
        raise InvalidInput("Two payments have the same end-to-end id; nothing was prepared.")
    for payment in payments:
        if check_iban(payment.iban) != payment.iban or check_holder(payment.holder) != payment.holder:
            raise InvalidInput(f"The bank details of {payment.party} are not in their normal form.")
        if not 0 < payment.amount_minor <= MAX_MINOR:
            raise InvalidInput(f"{payment.party} would get {payment.amount_minor} cents; that is no payment.")


def check_funds(total_minor: int, bank_minor: int, in_transit_minor: int) -> None:
    """`Conflict` if the trust account, less what is on its way, does not cover the payments.

    Both balances as the ledger has them: money on the account positive, money on its way negative.
    """
    available = bank_minor + in_transit_minor
    if total_minor > available:
        raise Conflict(
            f"The payments need {decimal(total_minor, CURRENCY)} {CURRENCY}, and the trust account has "
            f"{decimal(available, CURRENCY)} to give. Record what labs have paid, then prepare again."
        )


# -- postings ------------------------------------------------------------------------------------------------
def transfer_id(*facts: str) -> bytes:
    """The id of an entry, which follows from what it is: so it cannot be posted twice."""
    return sha256("\n".join(facts).encode()).digest()


def prepared(payments: Iterable[Payment]) -> list[Posting]:
    """The payees' money is set aside."""
    found = [Posting(payee_account(p.party), CURRENCY, p.amount_minor) for p in payments]
    return [*found, Posting(IN_TRANSIT, CURRENCY, -sum(p.amount_minor for p in found))]


def settled(amount_minor: int) -> list[Posting]:
    """It has left the trust account."""
    return [Posting(IN_TRANSIT, CURRENCY, amount_minor), Posting(BANK, CURRENCY, -amount_minor)]


def returned(party: str, amount_minor: int, *, was_settled: bool) -> list[Posting]:
    """It is owed to the payee again, as before."""
    source = BANK if was_settled else IN_TRANSIT
    return [Posting(source, CURRENCY, amount_minor), Posting(payee_account(party), CURRENCY, -amount_minor)]
