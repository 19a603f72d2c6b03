"""The ledger refuses what must not be, and so does the database when somebody goes around our code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registry.base.db import Database
from registry.core.errors import Conflict, InvalidInput
from registry.remuneration.ledger import balance, post
from registry.remuneration.models import LedgerEntry, LedgerPosting
from registry.remuneration.rules import Posting
from registry.remuneration.safeguards import APPEND_ONLY
from tests.factories import START

FIRST, SECOND = b"1" * 32, b"2" * 32
TEN = (Posting("Assets:Receivable:lab", "EUR", 10), Posting("Liabilities:Payee:anna", "EUR", -10))


@pytest.fixture
def ledger(session: Session) -> Iterator[Session]:
    """A ledger with one entry over ten cents."""
    assert post(session, FIRST, "charge", TEN, START)
    yield session
    session.rollback()


def test_an_entry_changes_balances(ledger: Session) -> None:
    """Debits are positive; another currency is another balance."""
    assert post(
        ledger,
        SECOND,
        "charge",
        [Posting("a", "JPY", 5), Posting("Liabilities:Payee:anna", "JPY", -5)],
        START,
    )
    assert balance(ledger, "Liabilities:Payee:anna") == {"EUR": -10, "JPY": -5}
    assert balance(ledger, "Assets:Receivable:lab") == {"EUR": 10}
    assert balance(ledger, "nobody") == {}


def test_the_same_transfer_is_posted_once(ledger: Session) -> None:
    """In any order; under the same id with other postings it is a conflict."""
    assert not post(ledger, FIRST, "charge", TEN[::-1], START)
    assert balance(ledger, "Assets:Receivable:lab") == {"EUR": 10}
    with pytest.raises(Conflict):
        post(ledger, FIRST, "charge", [Posting("a", "EUR", 1), Posting("b", "EUR", -1)], START)


@pytest.mark.parametrize(
    "postings",
    [
        [],
        [Posting("a", "EUR", 1)],
        [Posting("a", "EUR", 10), Posting("b", "EUR", -9)],
        [Posting("a", "EUR", 10), Posting("b", "JPY", -10)],
    ],
)
def test_what_does_not_balance_is_not_recorded(ledger: Session, postings: list[Posting]) -> None:
    """Neither by us ..."""
    with pytest.raises(InvalidInput):
        post(ledger, SECOND, "charge", postings, START)
    assert balance(ledger, "a") == {}


@pytest.mark.parametrize(
    "amounts", [[], [("EUR", 1)], [("EUR", 10), ("EUR", -9)], [("EUR", 10), ("JPY", -10)]]
)
def test_nor_by_the_database(ledger: Session, amounts: list[tuple[str, int]]) -> None:
    """... nor if our code is gone around."""
    if amounts:
        rows = [
            {"transfer_id": SECOND, "account": "a", "currency": currency, "amount_minor": amount}
            for currency, amount in amounts
        ]
        ledger.execute(insert(LedgerPosting), rows)
    with pytest.raises(IntegrityError, match="does not balance"):
        ledger.execute(insert(LedgerEntry).values(transfer_id=SECOND, kind="charge", recorded_at=START))


def test_an_entry_is_sealed(ledger: Session) -> None:
    """Even postings that sum to zero cannot be added to it later."""
    row = {"transfer_id": FIRST, "account": "a", "currency": "EUR", "amount_minor": 1}
    with pytest.raises(IntegrityError, match="sealed"):
        ledger.execute(insert(LedgerPosting), [row])


def test_a_posting_of_nothing_is_refused(ledger: Session) -> None:
    """A zero would be a line that says nothing."""
    row = {"transfer_id": SECOND, "account": "a", "currency": "EUR", "amount_minor": 0}
    with pytest.raises(IntegrityError, match="not_zero"):
        ledger.execute(insert(LedgerPosting), [row])


def test_postings_without_an_entry_are_not_committed(database: Database) -> None:
    """So money cannot be moved half."""
    rows = [
        {"transfer_id": SECOND, "account": "a", "currency": "EUR", "amount_minor": amount}
        for amount in (1, -1)
    ]
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), database.writing() as session:
        session.execute(insert(LedgerPosting), rows)
    with database.reading() as session:
        assert balance(session, "a") == {}


@pytest.mark.parametrize("table", [LedgerPosting, LedgerEntry])
def test_what_was_posted_is_neither_changed_nor_removed(
    ledger: Session, table: type[LedgerPosting | LedgerEntry]
) -> None:
    """A mistake is corrected by another entry."""
    column = {"account": "x"} if table is LedgerPosting else {"kind": "x"}
    for statement in (update(table).values(column), delete(table)):
        with pytest.raises(IntegrityError, match="append-only"), ledger.begin_nested():
            ledger.execute(statement)


def test_every_table_of_money_is_guarded(session: Session) -> None:
    """Against every kind of change, so that a new table is not forgotten."""
    queries = {
        "sqlite": ("SELECT name FROM sqlite_master WHERE type = 'trigger'", ("no_update", "no_delete")),
        "postgresql": ("SELECT tgname FROM pg_trigger", ("no_change", "no_truncate")),
    }
    query, guards = queries[session.get_bind().dialect.name]
    found = set(session.scalars(text(query)))
    assert {f"{table}_{guard}" for table in APPEND_ONLY for guard in guards} <= found
