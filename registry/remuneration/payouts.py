"""Paying out: prepare a file for the bank, say that it was sent, take in what the bank answers.

Each step is one transaction under the log's head, so that two of them never run at once, and posts under an id that
follows from what it is. After a crash a step was done or was not, and doing it again pays nobody twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, Corrupt, InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.core.records.leaves import PayoutLeaf
from registry.log import service as log
from registry.parties import service as parties
from registry.remuneration import payout_rules as rules
from registry.remuneration.bank_details import payable_accounts
from registry.remuneration.ledger import balance, post
from registry.remuneration.models import LedgerPosting
from registry.remuneration.money import decimal
from registry.remuneration.payout_models import Payout, PayoutEvent, PayoutRun
from registry.remuneration.payout_rules import CURRENCY, Payment, State
from registry.remuneration.rules import Posting, payee_account, receivable_account, tax_account
from registry.remuneration.sepa import bank_file

_OPERATE = frozenset({Scope.OPERATE})
_PAYEES = payee_account("")


# -- money that comes in -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class RecordPayment:
    """A lab has paid."""

    lab: bytes
    amount_minor: int
    currency: str
    reference: str
    """The bank's own for this booking: under one reference money is recorded once."""


def record_payment(session: Session, actor: Actor, command: RecordPayment, sources: Sources) -> bool:
    """The lab owes less, and the trust account has more; `False` if this was recorded before.

    `InvalidInput` for more than the lab owes, `Conflict` if the reference was used for another payment.
    """
    check_scopes(actor, _OPERATE)
    log.hold(session)
    party = parties.party_by_public_id(session, command.lab)
    reference = command.reference.strip()
    if party.role != Role.LAB or not 0 < len(reference) <= 140:
        raise InvalidInput("A payment is of a lab, with the bank's reference in 1 to 140 characters.")
    account = receivable_account(format_id("party", command.lab))
    postings = [
        Posting(rules.BANK, command.currency, command.amount_minor),
        Posting(account, command.currency, -command.amount_minor),
    ]
    identifier = rules.transfer_id("payment", reference)
    if command.amount_minor <= 0:
        raise InvalidInput("A payment is above zero.")
    owed = balance(session, account).get(command.currency, 0)
    known = session.scalar(
        select(func.count()).select_from(LedgerPosting).where(LedgerPosting.transfer_id == identifier)
    )
    if not known and command.amount_minor > owed:
        raise InvalidInput(
            f"The lab owes {decimal(owed, command.currency)} {command.currency}; nothing was recorded."
        )
    return post(session, identifier, "payment", postings, whole_second(sources.now()))


# -- prepare, send, cancel -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PreparePayouts:
    """From which account, and from which amount on."""

    holder: str
    iban: str
    execution: date
    threshold_minor: int = rules.THRESHOLD_MINOR


def prepare_payouts(session: Session, actor: Actor, command: PreparePayouts, sources: Sources) -> PayoutRun:
    """A file that pays everybody who is owed enough and has bank details two weeks old; their money is set aside.

    What is owed below the threshold, and what is held or unclaimed, stays where it is. `InvalidInput` if there is
    nobody to pay, `Conflict` if labs have not paid enough yet; then nothing was written.
    """
    check_scopes(actor, _OPERATE)
    log.hold(session)
    now = whole_second(sources.now())
    if command.execution < now.date():
        raise InvalidInput("The day of execution has passed.")
    public_id = sources.new_id()
    message = rules.message_id(public_id)
    party_ids, payments = _payments(session, command.threshold_minor, message, now)
    rules.check_payments(payments)
    total = sum(payment.amount_minor for payment in payments)
    bank, transit = (balance(session, a).get(CURRENCY, 0) for a in (rules.BANK, rules.IN_TRANSIT))
    rules.check_funds(total, bank, transit + _taxes(session))
    name = format_id("payout", public_id)
    file = bank_file(
        command.holder, command.iban, message, payments, now, command.execution, f"Vorbehalt {message}"
    )
    leaf = PayoutLeaf(
        payout=name, file=sha256(file).hexdigest(), payments=len(payments), at=int(now.timestamp())
    )
    (index,) = log.append(session, [(log.idempotency_key(b"payout", public_id), leaf.body())])
    run = PayoutRun(
        public_id=public_id,
        message_id=message,
        currency=CURRENCY,
        total_minor=total,
        payments=len(payments),
        file=file,
        file_sha256=sha256(file).digest(),
        log_index=index,
        prepared_by=actor.party_id,
        prepared_at=now,
    )
    session.add(run)
    session.flush()
    _add_payouts(session, run, payments, party_ids)
    post(
        session, rules.transfer_id("payout", message, State.PREPARED), "payout", rules.prepared(payments), now
    )
    return run


def _taxes(session: Session) -> int:
    """What tax offices are owed: it came in with the invoices, and pays nobody."""
    query = select(func.sum(LedgerPosting.amount_minor)).where(
        LedgerPosting.account.like(f"{tax_account('')}%"), LedgerPosting.currency == CURRENCY
    )
    return int(session.scalar(query) or 0)


def _payments(
    session: Session, threshold_minor: int, message: str, now: datetime
) -> tuple[Mapping[str, int], list[Payment]]:
    """Who is paid, by party; and the private keys of those who are owed anything."""
    sums = (
        select(LedgerPosting.account, func.sum(LedgerPosting.amount_minor))
        .where(LedgerPosting.account.like(f"{_PAYEES}%"), LedgerPosting.currency == CURRENCY)
        .group_by(LedgerPosting.account)
    )
    owed = {account.removeprefix(_PAYEES): -int(amount) for account, amount in session.execute(sums)}
    party_ids = {
        name: parties.party_by_public_id(session, parse_id("party", name), deleted_too=True).id
        for name, amount in owed.items()
        if amount >= threshold_minor
    }
    accounts = payable_accounts(session, party_ids.values(), now)
    ready = {name for name, key in party_ids.items() if key in accounts}
    chosen = rules.payable(owed, ready, threshold_minor)
    return party_ids, [
        Payment(
            party=name,
            holder=accounts[party_ids[name]].holder,
            iban=accounts[party_ids[name]].iban,
            amount_minor=amount,
            end_to_end_id=rules.end_to_end_id(message, number),
        )
        for number, (name, amount) in enumerate(chosen, start=1)
    ]


def _add_payouts(
    session: Session, run: PayoutRun, payments: Sequence[Payment], party_ids: Mapping[str, int]
) -> None:
    rows = [
        {
            "run_id": run.id,
            "party_id": party_ids[payment.party],
            "end_to_end_id": payment.end_to_end_id,
            "iban_end": payment.iban[:2] + payment.iban[-4:],
            "currency": CURRENCY,
            "amount_minor": payment.amount_minor,
        }
        for payment in payments
    ]
    session.execute(insert(Payout), rows)
    reach(session, payouts_in(session, run), State.PREPARED, run.prepared_at)


def mark_sent(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> PayoutRun:
    """The file was given to the bank. Again is no error; `Conflict` if the run was cancelled."""
    check_scopes(actor, _OPERATE)
    log.hold(session)
    run = run_of(session, actor, public_id)
    payouts = payouts_in(session, run)
    states = states_of(session, payouts)
    if any(State.RETURNED in s and State.SENT not in s for s in states.values()):
        raise Conflict("This payout run was cancelled; its file must not be sent. Prepare a new one.")
    fresh = [payout for payout in payouts if State.SENT not in states[payout.id]]
    reach(session, fresh, State.SENT, whole_second(sources.now()))
    return run


def cancel_payouts(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> PayoutRun:
    """The file was not and will not be sent: everybody is owed the money again. `Conflict` once it was sent."""
    check_scopes(actor, _OPERATE)
    log.hold(session)
    run = run_of(session, actor, public_id)
    payouts = payouts_in(session, run)
    states = states_of(session, payouts)
    if any(State.SENT in s for s in states.values()):
        raise Conflict("This file was sent: the bank settles or returns its payments.")
    fresh = [payout for payout in payouts if State.RETURNED not in states[payout.id]]
    give_back(session, fresh, whole_second(sources.now()), was_settled=False)
    reach(session, fresh, State.RETURNED, whole_second(sources.now()), reason="cancelled")
    return run


# -- what the steps share ------------------------------------------------------------------------------------
def run_of(session: Session, actor: Actor, public_id: bytes) -> PayoutRun:
    """One run, for the operator; `NotFound` if there is none."""
    check_scopes(actor, _OPERATE)
    run = session.scalar(select(PayoutRun).where(PayoutRun.public_id == public_id))
    if run is None:
        raise NotFound(f"There is no {format_id('payout', public_id)}.")
    return run


def file_of(session: Session, actor: Actor, public_id: bytes) -> bytes:
    """The file for the bank, as it was made; `Corrupt` if it is not what the log says."""
    run = run_of(session, actor, public_id)
    if sha256(run.file).digest() != run.file_sha256:
        raise Corrupt(f"The file of {run.message_id} was changed. Do not send it; restore the database.")
    return run.file


def payouts_in(session: Session, run: PayoutRun) -> Sequence[Payout]:
    """Its payments, in the order of the file."""
    return session.scalars(select(Payout).where(Payout.run_id == run.id).order_by(Payout.end_to_end_id)).all()


def states_of(session: Session, payouts: Iterable[Payout]) -> Mapping[int, set[str]]:
    """Which states each payment has reached, by its key."""
    runs = {payout.run_id for payout in payouts}
    query = (
        select(PayoutEvent.payout_id, PayoutEvent.state)
        .join(Payout, Payout.id == PayoutEvent.payout_id)
        .where(Payout.run_id.in_(runs))
    )
    found: dict[int, set[str]] = defaultdict(set)
    for key, state in session.execute(query):
        found[key].add(state)
    return found


def reach(
    session: Session,
    payouts: Sequence[Payout],
    state: State,
    now: datetime,
    *,
    reason: str | None = None,
    reply: bytes | None = None,
) -> None:
    """These payments have reached a state; the database refuses a second time."""
    rows = [
        {"payout_id": p.id, "state": state.value, "reason": reason, "reply_sha256": reply, "recorded_at": now}
        for p in payouts
    ]
    if rows:
        session.execute(insert(PayoutEvent), rows)


def give_back(session: Session, payouts: Sequence[Payout], now: datetime, *, was_settled: bool) -> None:
    """These payments are owed to their payees again."""
    people = parties.parties_by_id(session, {payout.party_id for payout in payouts})
    for payout in payouts:
        name = format_id("party", people[payout.party_id].public_id)
        identifier = rules.transfer_id("payout", payout.end_to_end_id, State.RETURNED)
        postings = rules.returned(name, payout.amount_minor, was_settled=was_settled)
        post(session, identifier, "payout", postings, now)


# -- for the payee -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PayoutDetails:
    """One payment to a party."""

    run: bytes
    reference: str
    iban: str
    amount_minor: int
    currency: str
    state: State
    """The last one that it reached."""
    reason: str | None
    prepared_at: datetime
    changed_at: datetime


def payouts_to(session: Session, actor: Actor) -> list[PayoutDetails]:
    """What was paid to the actor, the newest first."""
    check_scopes(actor, frozenset({Scope.STATEMENTS_READ}))
    query = (
        select(Payout, PayoutRun, PayoutEvent)
        .join(PayoutRun, PayoutRun.id == Payout.run_id)
        .join(PayoutEvent, PayoutEvent.payout_id == Payout.id)
        .where(Payout.party_id == actor.party_id)
        .order_by(Payout.id.desc())
    )
    last: dict[int, tuple[Payout, PayoutRun, PayoutEvent]] = {}
    order = list(State)
    for payout, run, event in session.execute(query):
        known = last.get(payout.id)
        if known is None or order.index(State(event.state)) > order.index(State(known[2].state)):
            last[payout.id] = (payout, run, event)
    return [
        PayoutDetails(
            run=run.public_id,
            reference=payout.end_to_end_id,
            iban=rules.shown_iban(payout.iban_end[:2], payout.iban_end[2:]),
            amount_minor=payout.amount_minor,
            currency=payout.currency,
            state=State(event.state),
            reason=event.reason,
            prepared_at=run.prepared_at,
            changed_at=event.recorded_at,
        )
        for payout, run, event in last.values()
    ]


def paid_to(session: Session, party_id: int) -> dict[str, int]:
    """What has left the trust account for this party and did not come back, in minor units by currency."""
    came_back = select(PayoutEvent.payout_id).where(PayoutEvent.state == State.RETURNED)
    query = (
        select(Payout.currency, func.sum(Payout.amount_minor))
        .join(PayoutEvent, PayoutEvent.payout_id == Payout.id)
        .where(
            Payout.party_id == party_id,
            PayoutEvent.state == State.SETTLED,
            Payout.id.not_in(came_back),
        )
        .group_by(Payout.currency)
    )
    return {currency: int(amount) for currency, amount in session.execute(query)}


def owed_to(session: Session, actor: Actor) -> dict[str, int]:
    """What stands on the actor's account now, in minor units by currency: carried forward until it is paid."""
    check_scopes(actor, frozenset({Scope.STATEMENTS_READ}))
    found = balance(session, payee_account(format_id("party", actor.public_id)))
    return {currency: -amount for currency, amount in sorted(found.items()) if amount}


def list_runs(session: Session, actor: Actor) -> list[tuple[PayoutRun, dict[State, int]]]:
    """All runs, the newest first, each with how many of its payments stand where."""
    check_scopes(actor, _OPERATE)
    found = []
    for run in session.scalars(select(PayoutRun).order_by(PayoutRun.id.desc())):
        counts = dict.fromkeys(State, 0)
        for states in states_of(session, payouts_in(session, run)).values():
            counts[max((State(s) for s in states), key=list(State).index)] += 1
        found.append((run, {state: n for state, n in counts.items() if n}))
    return found
