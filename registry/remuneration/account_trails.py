"""A payee's account for whoever may see it: what was attributed, what arrived, each payment with the bank's reply.

And why the rest has not arrived. No bank details are shown here, not even the last digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.remuneration.bank_details import newest_account_times
from registry.remuneration.models import StatementLine
from registry.remuneration.payout_models import BankReply, Payout, PayoutEvent, PayoutRun
from registry.remuneration.payout_rules import CURRENCY, THRESHOLD_MINOR, WAIT, State

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class PaymentTrail:
    """One payment, with the last that is known of it."""

    reference: str
    amount_minor: int
    currency: str
    state: State
    at: datetime
    reason: str | None
    """Of a return, as the bank gave it; `cancelled` if the file was never sent."""
    reply: str | None
    """What kind of file the bank answered with: `pain.002` or `camt.053`."""
    file_log_index: int
    """Of the log's entry for the file that the payment was in."""


@dataclass(frozen=True, slots=True)
class AccountTrail:
    """An account, over all quarters."""

    attributed: Mapping[str, int]
    """By all settlements, in minor units by currency."""
    arrived: Mapping[str, int]
    payments: Sequence[PaymentTrail]
    """The newest first."""
    reasons: Sequence[str]
    """Why something has not arrived: `on-its-way`, `returned`, `currency`, `threshold`, `no-bank`, `bank-new`, or
    `next-file`, if it only waits for the next payment."""

    @property
    def outstanding(self) -> Mapping[str, int]:
        """What has not arrived."""
        rest = {c: amount - self.arrived.get(c, 0) for c, amount in self.attributed.items()}
        return {currency: amount for currency, amount in rest.items() if amount}


def account_trails(session: Session, party_ids: Collection[int], now: datetime) -> dict[int, AccountTrail]:
    """By private key; the caller has checked that they may be seen."""
    ids = sorted(party_ids)
    payments = _payments(session, ids)
    accounts = newest_account_times(session, ids)
    found = {}
    for key, attributed in _attributed(session, ids).items():
        arrived = _arrived(payments[key])
        rest = {currency: amount - arrived.get(currency, 0) for currency, amount in attributed.items()}
        reasons = _reasons(rest, payments[key], accounts.get(key), now)
        found[key] = AccountTrail(attributed, arrived, payments[key], reasons)
    return found


def _attributed(session: Session, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {key: {} for key in ids}
    for start in range(0, len(ids), _CHUNK):
        query = (
            select(StatementLine.party_id, StatementLine.currency, func.sum(StatementLine.amount_minor))
            .where(StatementLine.party_id.in_(ids[start : start + _CHUNK]))
            .group_by(StatementLine.party_id, StatementLine.currency)
            .order_by(StatementLine.currency)
        )
        for key, currency, amount in session.execute(query):
            found[key or 0][currency] = int(amount)
    return found


def _payments(session: Session, ids: Sequence[int]) -> dict[int, list[PaymentTrail]]:
    order = list(State)
    last: dict[int, tuple[Payout, PayoutRun, PayoutEvent, str | None]] = {}
    for start in range(0, len(ids), _CHUNK):
        query = (
            select(Payout, PayoutRun, PayoutEvent, BankReply.kind)
            .join(PayoutRun, PayoutRun.id == Payout.run_id)
            .join(PayoutEvent, PayoutEvent.payout_id == Payout.id)
            .outerjoin(BankReply, BankReply.sha256 == PayoutEvent.reply_sha256)
            .where(Payout.party_id.in_(ids[start : start + _CHUNK]))
        )
        for payout, run, event, reply in session.execute(query):
            known = last.get(payout.id)
            if known is None or order.index(State(event.state)) > order.index(State(known[2].state)):
                last[payout.id] = (payout, run, event, reply)
    found: dict[int, list[PaymentTrail]] = defaultdict(list)
    for _key, (payout, run, event, kind) in sorted(last.items(), reverse=True):
        found[payout.party_id].append(
            PaymentTrail(
                payout.end_to_end_id,
                payout.amount_minor,
                payout.currency,
                State(event.state),
                event.recorded_at,
                event.reason,
                kind,
                run.log_index,
            )
        )
    return found


def _arrived(payments: Sequence[PaymentTrail]) -> dict[str, int]:
    """What was booked and did not come back, in minor units by currency."""
    found: dict[str, int] = {}
    for payment in payments:
        if payment.state is State.SETTLED:
            found[payment.currency] = found.get(payment.currency, 0) + payment.amount_minor
    return found


def _reasons(
    rest: Mapping[str, int], payments: Sequence[PaymentTrail], bank_since: datetime | None, now: datetime
) -> list[str]:
    """In the order in which they would be mended."""
    reasons = []
    if any(amount for currency, amount in rest.items() if currency != CURRENCY):
        reasons.append("currency")
    owed = rest.get(CURRENCY, 0)
    under_way = sum(p.amount_minor for p in payments if p.state in {State.PREPARED, State.SENT})
    if under_way:
        reasons.append("on-its-way")
    waiting = owed - under_way
    if waiting <= 0:
        return reasons
    if payments and payments[0].state is State.RETURNED and payments[0].reason != "cancelled":
        reasons.append("returned")
    if waiting < THRESHOLD_MINOR:
        reasons.append("threshold")
    elif bank_since is None:
        reasons.append("no-bank")
    elif bank_since + WAIT > now:
        reasons.append("bank-new")
    elif "returned" not in reasons:
        reasons.append("next-file")
    return reasons
