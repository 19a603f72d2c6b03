"""From what is owed to what has arrived: each payment once, whatever fails in between and whatever the bank sends."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.db import Database
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.ids import format_id
from registry.core.records.leaves import PayoutLeaf, parse_leaf
from registry.log import service as log
from registry.remuneration import payouts
from registry.remuneration import service as remuneration
from registry.remuneration.bank_details import bank_account_of, set_bank_account
from registry.remuneration.beancount import export_ledger
from registry.remuneration.models import LedgerEntry, LedgerPosting
from registry.remuneration.payout_models import BankReply, Payout, PayoutEvent, PayoutRun
from registry.remuneration.payout_rules import BANK, IN_TRANSIT, State
from registry.remuneration.payouts import PreparePayouts, RecordPayment
from registry.remuneration.replies import take_reply
from registry.remuneration.rules import payee_account, receivable_account
from registry.works.service import NewShare
from tests.factories import Clock, make_sources
from tests.support.bank import IBANS, TRUST, booked, booked_at_once, status
from tests.support.usage import FLAT, Trade, name, open_trade, row

TABLES = (LedgerEntry, LedgerPosting, PayoutRun, Payout, PayoutEvent, BankReply)


def owing(trade: Trade) -> Trade:
    """30 euro to Anna, 10 to Bert; the lab has paid; both have had their bank details on record for two weeks."""
    shares = [NewShare(trade.anna.public_id, 750_000), NewShare(trade.bert.public_id, 250_000)]
    work = trade.work(shares=shares)
    components = [{**FLAT, "amount_minor": 4000}]
    trade.claim(row(work, trade.agreement(work, components=components)))
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    pay(trade)
    for actor, holder, iban in ((trade.anna, "Anna Müller", IBANS[0]), (trade.bert, "Bert", IBANS[1])):
        set_bank_account(trade.session, actor, holder, iban, trade.sources)
    trade.clock.advance(days=14)
    return trade


@pytest.fixture
def owed(trade: Trade) -> Trade:
    """See `owing`."""
    return owing(trade)


def pay(trade: Trade, amount: int = 4000, reference: str = "bank/1") -> bool:
    """The lab pays."""
    command = RecordPayment(trade.lab.public_id, amount, "EUR", reference)
    return payouts.record_payment(trade.session, trade.operator, command, trade.sources)


def prepare(trade: Trade, threshold: int = 1000) -> PayoutRun:
    """As the operator does."""
    command = PreparePayouts(*TRUST, trade.clock().date(), threshold)
    return payouts.prepare_payouts(trade.session, trade.operator, command, trade.sources)


def sent(trade: Trade) -> PayoutRun:
    """Prepared, and with the bank."""
    run = prepare(trade)
    return payouts.mark_sent(trade.session, trade.operator, run.public_id, trade.sources)


def reply(trade: Trade, data: bytes) -> tuple[int, int]:
    """(settled, returned) of a file of the bank."""
    taken = take_reply(trade.session, trade.operator, data, trade.sources)
    return taken.settled, taken.returned


def holdings(trade: Trade) -> tuple[int, int, int, int]:
    """Bank, in transit, Anna, Bert."""
    accounts = (BANK, IN_TRANSIT, payee_account(name(trade.anna)), payee_account(name(trade.bert)))
    return tuple(remuneration.balance(trade.session, a).get("EUR", 0) for a in accounts)  # type: ignore[return-value]


def counts(session: Session) -> list[int]:
    """Rows of every table that a payout touches."""
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def ids(trade: Trade, run: PayoutRun) -> dict[str, str]:
    """End-to-end id by the amount of the payment."""
    return {str(p.amount_minor): p.end_to_end_id for p in payouts.payouts_in(trade.session, run)}


def test_from_owed_to_arrived(owed: Trade) -> None:
    """Prepared sets aside, settled leaves the bank; the log holds the file's digest, the payee sees where it stands."""
    assert holdings(owed) == (4000, 0, -3000, -1000)
    run = sent(owed)
    assert holdings(owed) == (4000, -4000, 0, 0)
    file = payouts.file_of(owed.session, owed.operator, run.public_id)
    leaf = parse_leaf(log.entries(owed.session, run.log_index, run.log_index + 1)[0])
    assert leaf == PayoutLeaf(
        payout=format_id("payout", run.public_id),
        file=sha256(file).hexdigest(),
        payments=2,
        at=int(owed.clock().timestamp()),
    )
    assert IBANS[0].encode() in file
    (payment,) = payouts.payouts_to(owed.session, owed.anna)
    assert (payment.amount_minor, payment.state, payment.iban) == (3000, State.SENT, "DE… 3000")
    assert reply(owed, booked_at_once(run.message_id, "40.00")) == (2, 0)
    assert holdings(owed) == (0, 0, 0, 0)
    assert payouts.payouts_to(owed.session, owed.anna)[0].state is State.SETTLED


def test_each_payment_is_settled_once_however_often_the_bank_says_so(owed: Trade) -> None:
    run = sent(owed)
    names = ids(owed, run)
    assert reply(owed, status(run.message_id, transactions=[(names["3000"], "ACSC")])) == (1, 0)
    assert reply(owed, booked(("DBIT", names["3000"], "30.00"), ("DBIT", names["1000"], "10.00"))) == (1, 0)
    assert reply(owed, booked_at_once(run.message_id, "40.00")) == (0, 0)
    assert holdings(owed) == (0, 0, 0, 0)


def test_a_rejected_payment_is_owed_again(owed: Trade) -> None:
    run = sent(owed)
    names = ids(owed, run)
    assert reply(owed, status(run.message_id, transactions=[(names["1000"], "RJCT")])) == (0, 1)
    assert holdings(owed) == (4000, -3000, 0, -1000)
    found = payouts.payouts_to(owed.session, owed.bert)[0]
    assert (found.state, found.reason) == (State.RETURNED, "AC04")
    with pytest.raises(Conflict, match="was returned, and the bank has booked it"):
        reply(owed, booked(("DBIT", names["1000"], "10.00")))


def test_money_that_comes_back_after_it_was_booked_is_owed_again_once(owed: Trade) -> None:
    run = sent(owed)
    names = ids(owed, run)
    back = ("CRDT", names["1000"], "10.00")
    with pytest.raises(Conflict, match="earlier statement"):
        reply(owed, booked(back))
    assert reply(owed, booked(back, ("DBIT", names["1000"], "10.00"))) == (1, 1)
    assert holdings(owed) == (4000, -3000, 0, -1000)
    assert reply(owed, booked(back)) == (0, 0)
    assert holdings(owed) == (4000, -3000, 0, -1000)


def test_faulty_answers_are_refused_before_anything_is_written(owed: Trade) -> None:
    """Though the file's other payments are in order; and a right file may come afterwards, once."""
    run = prepare(owed)
    names = ids(owed, run)
    good = ("DBIT", names["3000"], "30.00")
    before = counts(owed.session)
    with pytest.raises(Conflict, match="not marked as sent"):
        reply(owed, booked(good))
    payouts.mark_sent(owed.session, owed.operator, run.public_id, owed.sources)
    before = counts(owed.session)
    for error, file in (
        (Conflict, booked(good, ("DBIT", names["1000"], "9.99"))),
        (Conflict, booked(good, currency="USD")),
        (Conflict, booked_at_once(run.message_id, "40.01")),
        (NotFound, booked(good, ("DBIT", "PO-000000000000000000000000-00001", "10.00"))),
        (NotFound, status("PO-000000000000000000000000", group="ACSC")),
        (InvalidInput, booked(good)[:-3]),
    ):
        with pytest.raises(error):
            reply(owed, file)
        assert counts(owed.session) == before
    assert reply(owed, booked(good)) == (1, 0)
    before = counts(owed.session)
    with pytest.raises(Conflict, match="taken in before"):
        reply(owed, booked(good))
    assert counts(owed.session) == before


def test_the_ledger_of_it_all_passes_bean_check(owed: Trade, tmp_path: Path) -> None:
    """And does not with one cent more on one side."""
    run = sent(owed)
    names = ids(owed, run)
    reply(owed, booked(("DBIT", names["3000"], "30.00")))
    reply(owed, status(run.message_id, transactions=[(names["1000"], "RJCT")]))
    lines = export_ledger(owed.session, owed.operator).splitlines()
    file = tmp_path / "ledger.beancount"
    program = str(Path(sys.executable).parent / "bean-check")
    cent_off = [line.replace(" 30.00 EUR", " 30.01 EUR") for line in lines]
    for wanted, text in ((0, lines), (1, cent_off)):
        file.write_text("\n".join(text) + "\n", "utf-8")
        done = subprocess.run([program, "--no-cache", str(file)], check=False, capture_output=True)
        assert done.returncode == wanted, done.stderr


def test_other_bookings_of_the_account_are_passed_over(owed: Trade) -> None:
    run = sent(owed)
    other = booked(("CRDT", "INVOICE 7", "99.00"), ("DBIT", "NOTPROVIDED", "3.20"))
    assert reply(owed, other) == (0, 0)
    assert reply(owed, status(run.message_id, group="ACCP")) == (0, 0)


def test_nothing_is_prepared_twice_and_what_is_below_the_threshold_waits(owed: Trade) -> None:
    run = prepare(owed, threshold=1001)
    assert (run.payments, run.total_minor) == (1, 3000)
    with pytest.raises(InvalidInput, match="nobody"):
        prepare(owed, threshold=1001)
    assert payouts.owed_to(owed.session, owed.bert) == {"EUR": 1000}
    assert prepare(owed, threshold=1).total_minor == 1000


def test_a_cancelled_run_is_owed_again_and_cannot_be_sent(owed: Trade) -> None:
    """And one that was sent cannot be cancelled."""
    run = prepare(owed)
    for _ in range(2):
        payouts.cancel_payouts(owed.session, owed.operator, run.public_id, owed.sources)
    assert holdings(owed) == (4000, 0, -3000, -1000)
    with pytest.raises(Conflict, match="cancelled"):
        payouts.mark_sent(owed.session, owed.operator, run.public_id, owed.sources)
    again = sent(owed)
    payouts.mark_sent(owed.session, owed.operator, again.public_id, owed.sources)
    with pytest.raises(Conflict, match="was sent"):
        payouts.cancel_payouts(owed.session, owed.operator, again.public_id, owed.sources)


def test_money_that_labs_have_not_paid_is_not_paid_out(trade: Trade) -> None:
    work = trade.work()
    trade.claim(row(work, trade.agreement(work, components=[FLAT])))
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    set_bank_account(trade.session, trade.anna, "Anna", IBANS[0], trade.sources)
    trade.clock.advance(days=14)
    before = counts(trade.session)
    with pytest.raises(Conflict, match="Record what labs have paid"):
        prepare(trade)
    assert counts(trade.session) == before
    pay(trade, 1000)
    assert prepare(trade).total_minor == 1000


def test_a_payment_is_recorded_once_by_its_reference(owed: Trade) -> None:
    assert not pay(owed)
    assert remuneration.balance(owed.session, receivable_account(name(owed.lab)))["EUR"] == 0
    with pytest.raises(Conflict):
        pay(owed, 3999)
    with pytest.raises(InvalidInput, match=r"owes 0\.00"):
        pay(owed, 1, "bank/2")
    for amount in (0, -1):
        with pytest.raises(InvalidInput, match="above zero"):
            pay(owed, amount, "bank/3")
    maker = RecordPayment(owed.anna.public_id, 1, "EUR", "bank/4")
    with pytest.raises(InvalidInput, match="of a lab"):
        payouts.record_payment(owed.session, owed.operator, maker, owed.sources)


def test_new_bank_details_wait_two_weeks(owed: Trade) -> None:
    """Whoever breaks into an account cannot be paid at once; the last four digits are all that is shown."""
    shown = set_bank_account(owed.session, owed.anna, "Somebody", IBANS[2], owed.sources)
    assert (shown.iban, shown.payable_from) == ("NL… 4300", owed.clock() + timedelta(days=14))
    assert bank_account_of(owed.session, owed.anna) == shown
    assert prepare(owed).total_minor == 1000
    owed.clock.advance(days=13, hours=23)
    with pytest.raises(InvalidInput, match="nobody"):
        prepare(owed)
    same = set_bank_account(owed.session, owed.anna, "Somebody", IBANS[2], owed.sources)
    assert same == shown
    owed.clock.advance(hours=1)
    assert prepare(owed).total_minor == 3000


def test_only_payees_give_bank_details_and_only_operators_pay(owed: Trade) -> None:
    with pytest.raises(Forbidden):
        set_bank_account(owed.session, owed.lab, "A lab", IBANS[0], owed.sources)
    with pytest.raises(InvalidInput):
        set_bank_account(owed.session, owed.anna, "N" * 80, IBANS[0], owed.sources)
    with pytest.raises(InvalidInput, match="passed"):
        payouts.prepare_payouts(
            owed.session, owed.operator, PreparePayouts(*TRUST, date(2026, 8, 1)), owed.sources
        )
    run = prepare(owed)
    for actor in (owed.anna, owed.lab):
        for forbidden in (
            lambda actor=actor: payouts.prepare_payouts(
                owed.session, actor, PreparePayouts(*TRUST, owed.clock().date()), owed.sources
            ),
            lambda actor=actor: payouts.file_of(owed.session, actor, run.public_id),
            lambda actor=actor: payouts.mark_sent(owed.session, actor, run.public_id, owed.sources),
            lambda actor=actor: payouts.cancel_payouts(owed.session, actor, run.public_id, owed.sources),
            lambda actor=actor: take_reply(owed.session, actor, b"", owed.sources),
        ):
            with pytest.raises(Forbidden):
                forbidden()


@pytest.mark.parametrize("step", ["reach", "post", "give_back", "bank_file"])
def test_a_crash_between_any_two_steps_pays_nobody_twice(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Each act is cut off before and after each of its writes, then done again: the same as if nothing had happened."""
    sources = make_sources(clock)
    with database.writing() as session:
        trade = owing(open_trade(session, sources, clock))

    def attempt(act: str) -> None:
        with database.writing() as session:
            trade.session = session
            if act == "prepare":
                prepare(trade)
                return
            run = session.scalars(select(PayoutRun)).one()
            if act == "sent":
                payouts.mark_sent(session, trade.operator, run.public_id, sources)
            else:
                names = ids(trade, run)
                reply(trade, booked(("DBIT", names["3000"], "30.00")))
                reply(trade, status(run.message_id, transactions=[(names["1000"], "RJCT")]))

    from registry.remuneration import replies

    for act in ("prepare", "sent", "reply"):
        for when in ("before", "after"):
            with monkeypatch.context() as patch:
                for module in (payouts, replies):
                    if hasattr(module, step):
                        patch.setattr(module, step, crashing(getattr(module, step), when))
                try:
                    attempt(act)
                except KeyboardInterrupt:
                    continue
                break
        else:
            attempt(act)
    with database.reading() as session:
        trade.session = session
        assert holdings(trade) == (1000, 0, 0, -1000)
        assert counts(session)[2:] == [1, 2, 6, 2]


def crashing(original: object, when: str) -> object:
    """A function after, or in place of, which the process dies."""

    def crash(*arguments: object, **named: object) -> None:
        if when == "after":
            original(*arguments, **named)  # type: ignore[operator]
        raise KeyboardInterrupt

    return crash
