"""Faults that got past every edge, into the tables or the file: each is refused before anything is written.

What edges refuse is tested beside them; here somebody has restored an old backup, or written to the database by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sepaxml import SepaTransfer
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from registry.base.clock import Sources
from registry.core.errors import Conflict, InvalidInput
from registry.remuneration import service as remuneration
from registry.remuneration.bank_details import set_bank_account
from registry.remuneration.models import LedgerEntry, LedgerPosting
from registry.remuneration.payout_models import BankAccount, Payout, PayoutEvent, PayoutRun
from registry.remuneration.payouts import PreparePayouts, RecordPayment, prepare_payouts, record_payment
from tests.support.bank import IBANS, TRUST
from tests.support.usage import FLAT, Trade, row

TABLES = (LedgerEntry, LedgerPosting, PayoutRun, Payout, PayoutEvent)


@pytest.fixture
def owed(trade: Trade) -> Trade:
    """Anna and Bert are owed 10 euro each, the lab has paid, their bank details are right and old enough."""
    for maker, iban in ((trade.anna, IBANS[0]), (trade.bert, IBANS[1])):
        work = trade.work(maker)
        trade.claim(row(work, trade.agreement(work, components=[FLAT], owner=maker)), number=trade.made)
        set_bank_account(trade.session, maker, "A maker", iban, trade.sources)
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    command = RecordPayment(trade.lab.public_id, 2000, "EUR", "bank/1")
    record_payment(trade.session, trade.operator, command, trade.sources)
    trade.clock.advance(days=14)
    return trade


def prepare(trade: Trade, sources: Sources | None = None) -> PayoutRun:
    """As the operator does."""
    command = PreparePayouts(*TRUST, trade.clock().date())
    return prepare_payouts(trade.session, trade.operator, command, sources or trade.sources)


def counts(trade: Trade) -> list[int]:
    """Rows of every table that a payout touches."""
    return [trade.session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def refused(
    trade: Trade,
    act: Callable[[], object],
    error: type[Exception] | tuple[type[Exception], ...],
    said: str,
) -> None:
    """The act fails, and nothing of it is there."""
    before = counts(trade)
    with pytest.raises(error, match=said), trade.session.begin_nested():
        act()
    assert counts(trade) == before


@pytest.mark.parametrize(
    ("holder", "iban", "said"),
    [
        ("Anna", "DE89370400440532013001", "no IBAN"),
        ("Anna", "DE89 3704 0044 0532 0130 00", "normal form"),
        ("Anna", "BR1800360305000010009795493C1", "SEPA"),
        ("N" * 80, IBANS[0], "1 to 70|too long"),
        ("Anna  Maria", IBANS[0], "normal form"),
    ],
)
def test_bank_details_in_the_table_are_checked_again(owed: Trade, holder: str, iban: str, said: str) -> None:
    """PostgreSQL itself has no room for 80 characters. Nobody else is paid in a file with a fault either."""

    def plant() -> None:
        values = {"party_id": owed.anna.party_id, "holder": holder, "iban": iban}
        owed.session.execute(insert(BankAccount).values(**values, recorded_at=owed.clock.at.replace(day=1)))
        prepare(owed)

    refused(owed, plant, Exception if len(holder) > 70 else InvalidInput, said)
    assert prepare(owed).total_minor == 2000


def test_a_run_under_an_id_that_was_used_is_refused(owed: Trade) -> None:
    """The same message id would be the same file to a bank."""
    again = replace(owed.sources, new_id=lambda: bytes(range(16)))
    first = prepare(owed, again)
    remuneration.cancel_payouts(owed.session, owed.operator, first.public_id, owed.sources)
    refused(owed, lambda: prepare(owed, again), (Conflict, IntegrityError), "(?i)unique|another")
    assert prepare(owed).message_id != first.message_id


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (b"<CtrlSum>20.00</CtrlSum>", b"<CtrlSum>20.01</CtrlSum>", r"20\.01 altogether"),
        (b"<NbOfTxs>2</NbOfTxs>", b"<NbOfTxs>3</NbOfTxs>", "3 payments"),
        (b"<PmtMtd>TRF</PmtMtd>", b"<PmtMtd>XXX</PmtMtd>", "schema"),
        (b">10.00</InstdAmt>", b">10.01</InstdAmt>", "what was meant by PO-"),
        (IBANS[1].encode(), IBANS[2].encode(), "what was meant by PO-"),
        (b"</GrpHdr>", b"</GrpHdr><!-- ", "Comment not terminated"),
    ],
)
def test_a_file_that_says_something_else_is_not_kept(
    owed: Trade, monkeypatch: pytest.MonkeyPatch, right: bytes, wrong: bytes, said: str
) -> None:
    """Were the library to count or write wrongly: one cent off, one payment off, against the schema, cut short."""
    export = SepaTransfer.export

    def faulty(transfer: Any, **options: Any) -> bytes:
        data: bytes = export(transfer, **options)
        assert right in data
        return data.replace(right, wrong)

    with monkeypatch.context() as patch:
        patch.setattr(SepaTransfer, "export", faulty)
        refused(owed, lambda: prepare(owed), Exception, said)
    assert prepare(owed).total_minor == 2000


def test_an_entry_one_cent_off_is_refused_by_the_database(owed: Trade) -> None:
    """Whoever writes it, by whatever way."""
    transfer_id = bytes(32)

    def plant() -> None:
        for account, amount in (("Assets:Bank:Trust", 1000), ("Liabilities:Payee:party_x", -999)):
            values = {"account": account, "currency": "EUR", "amount_minor": amount}
            owed.session.execute(insert(LedgerPosting).values(transfer_id=transfer_id, **values))
        entry = {"transfer_id": transfer_id, "kind": "payout", "recorded_at": owed.clock.at}
        owed.session.execute(insert(LedgerEntry).values(**entry))

    refused(owed, plant, DBAPIError, "does not balance")
