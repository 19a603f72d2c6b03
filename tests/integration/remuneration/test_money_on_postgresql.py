"""On PostgreSQL: the same refusals as on SQLite, and many who report or settle the same thing at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registry.base.db import Base, Database
from registry.base.sealing import SealingKey
from registry.licences.models import Agreement
from registry.models import metadata
from registry.remuneration import service as remuneration
from registry.remuneration.invoice_models import Invoice
from registry.remuneration.models import (
    DeclaredCharge,
    LedgerEntry,
    LedgerPosting,
    ReleasedLine,
    SettlementHold,
    SettlementPool,
)
from registry.remuneration.payout_models import BankReply, Payout, PayoutEvent, PayoutRun
from registry.remuneration.safeguards import APPEND_ONLY
from registry.usage import service as usage
from registry.usage.models import Declaration
from registry.works.service import Outcome
from tests.factories import START, Clock, make_sources
from tests.support import postgres
from tests.support.conflicts import contest, decide
from tests.support.usage import CENTS_PER_100_IMAGES, FLAT, Trade, name, open_trade, row

NEW = b"n" * 32
AT_ONCE = 6


@pytest.fixture(scope="module")
def on_postgresql(postgresql: str, bank_key: SealingKey) -> Iterator[Database]:
    """An empty registry."""
    with postgres.database(postgresql) as address:
        database = Database(address, bank_key)
        metadata.create_all(database.engine)
        yield database
        database.dispose()


@pytest.fixture(scope="module")
def settled(on_postgresql: Database) -> tuple[Trade, list[int], list[int]]:
    """A trade whose one claim was reported, and then settled, by six at once; log indices and settlements."""
    clock = Clock()
    sources = make_sources(clock)
    with on_postgresql.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        licence = trade.agreement(work, components=(CENTS_PER_100_IMAGES, FLAT))
        command = usage.SubmitClaim(trade.manifest(), trade.model, [row(work, licence, 100)])

    def report(_: int) -> int:
        with on_postgresql.writing() as session:
            return usage.submit_claim(session, trade.lab, command, sources).log_index

    def settle(_: int) -> int:
        with on_postgresql.writing() as session:
            return remuneration.settle(session, trade.operator, "2026-Q3", sources).id

    with ThreadPoolExecutor(AT_ONCE) as threads:
        indices = list(threads.map(report, range(AT_ONCE)))
        settlements = list(threads.map(settle, range(AT_ONCE)))
    return trade, indices, settlements


def test_what_many_report_and_settle_at_once_is_one_claim_and_one_settlement(
    on_postgresql: Database, settled: tuple[Trade, list[int], list[int]]
) -> None:
    """Nobody fails, nobody pays twice."""
    trade, indices, settlements = settled
    assert len(indices) == len(settlements) == AT_ONCE
    assert len(set(indices)) == len(set(settlements)) == 1
    with on_postgresql.reading() as session:
        assert remuneration.balance(session, f"Assets:Receivable:{name(trade.lab)}") == {"EUR": 1040}
        assert remuneration.balance(session, f"Liabilities:Payee:{name(trade.anna)}") == {"EUR": -1040}


@pytest.fixture(scope="module")
def released(on_postgresql: Database, settled: tuple[Trade, list[int], list[int]]) -> list[int]:
    """A contested title's money was held, and after the decision six settle at once; how much each released."""
    trade = settled[0]
    with on_postgresql.writing() as session:
        trade.session = session
        newer = trade.work(trade.bert)
        licence = trade.agreement(newer, owner=trade.bert, components=(FLAT,))
        contest(trade, newer, trade.work())
        trade.claim(row(newer, licence), number=2)
        remuneration.settle(session, trade.operator, "2026-Q3", trade.sources)
        decide(trade, newer, Outcome.UPHOLD)

    def settle(_: int) -> int:
        with on_postgresql.writing() as session:
            return remuneration.settle(session, trade.operator, "2026-Q3", trade.sources).id

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(settle, range(AT_ONCE)))


def test_what_many_release_at_once_is_released_once(on_postgresql: Database, released: list[int]) -> None:
    """By one settlement, which the others find."""
    assert len(set(released)) == 1
    with on_postgresql.reading() as session:
        lines = session.scalars(select(ReleasedLine)).all()
        assert [line.settlement_id for line in lines] == released[:1]
        query = select(LedgerPosting.amount_minor).join(LedgerEntry).where(LedgerEntry.kind == "release")
        assert sorted(session.scalars(query)) == [-1000, 1000]


@pytest.fixture(scope="module")
def paid(on_postgresql: Database, settled: tuple[Trade, list[int], list[int]]) -> None:
    """A payment that the bank has answered."""
    trade = settled[0]
    by, digest = trade.operator.party_id, bytes(32)
    with on_postgresql.writing() as session:
        run = PayoutRun(
            public_id=bytes(16),
            message_id="PO-1",
            currency="EUR",
            total_minor=1,
            payments=1,
            file=b"",
            file_sha256=digest,
            log_index=0,
            prepared_by=by,
            prepared_at=START,
        )
        session.add_all(
            [run, BankReply(sha256=digest, kind="pain.002", changes=1, recorded_by=by, recorded_at=START)]
        )
        session.flush()
        payout = Payout(
            run_id=run.id,
            party_id=trade.anna.party_id,
            end_to_end_id="PO-1-1",
            iban_end="DE3000",
            currency="EUR",
            amount_minor=1,
        )
        session.add(payout)
        session.flush()
        session.add(PayoutEvent(payout_id=payout.id, state="settled", reply_sha256=digest, recorded_at=START))


@pytest.fixture(scope="module")
def charged(on_postgresql: Database, settled: tuple[Trade, list[int], list[int]]) -> None:
    """A declared income that was charged, a component that waits, and an invoice."""
    trade, _, settlements = settled
    with on_postgresql.writing() as session:
        agreement = session.scalars(select(Agreement.id)).first()
        pool = session.scalars(select(SettlementPool.id)).first()
        assert agreement is not None
        assert pool is not None
        lab = trade.lab.party_id
        declaration = Declaration(**_row(Declaration, agreement_id=agreement, lab_id=lab, models=[]))
        session.add(declaration)
        session.flush()
        links: dict[str, object] = {"declaration_id": declaration.id, "settlement_id": settlements[0]}
        links |= {"agreement_id": agreement, "pool_id": pool}
        links |= {"lab_id": lab, "issued_by": trade.operator.party_id, "kind": "invoice"}
        for kind in (DeclaredCharge, SettlementHold, Invoice):
            session.add(kind(**_row(kind, **links)))


def _row(table: type[Base], **known: object) -> dict[str, object]:
    """Something for every column that must not be empty; what is known where there is such a column."""
    columns = [
        c for c in table.__table__.columns if not c.nullable and c.autoincrement is not True and c.key != "id"
    ]
    plain: dict[type, object] = {str: "x", bytes: bytes(16)}
    some = {c.key: START if c.key.endswith("_at") else plain.get(c.type.python_type, 1) for c in columns}
    return {key: known.get(key, value) for key, value in some.items()}


def refused(database: Database, act: Callable[[Session], object], because: str) -> None:
    """The act, and with it its whole transaction, is refused by the database."""
    with pytest.raises(IntegrityError, match=because), database.writing() as session:
        act(session)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.usefixtures("settled", "released", "paid", "charged")
def test_no_row_of_money_is_changed_or_removed(on_postgresql: Database, table: str) -> None:
    """Not even by emptying the table."""
    with on_postgresql.reading() as session:
        column = session.scalars(
            text("SELECT column_name FROM information_schema.columns WHERE table_name = :t LIMIT 1"),
            {"t": table},
        ).one()
    for command in (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    ):
        refused(on_postgresql, partial(Session.execute, statement=text(command)), "append-only")


def _post(session: Session, *amounts: int, transfer_id: bytes = NEW) -> None:
    rows = [
        {"transfer_id": transfer_id, "account": "a", "currency": "EUR", "amount_minor": amount}
        for amount in amounts
    ]
    session.execute(insert(LedgerPosting), rows)


def _close(session: Session) -> None:
    session.execute(insert(LedgerEntry).values(transfer_id=NEW, kind="charge", recorded_at=START))


def _post_one_side(session: Session) -> None:
    _post(session, 1)
    _close(session)


@pytest.mark.usefixtures("settled")
def test_entries_balance_are_complete_and_stay_closed(on_postgresql: Database) -> None:
    """Whatever our code does."""
    with on_postgresql.reading() as session:
        closed = session.scalars(text("SELECT transfer_id FROM ledger_entry LIMIT 1")).one()
    refused(on_postgresql, _post_one_side, "does not balance")
    refused(on_postgresql, _close, "does not balance")
    refused(on_postgresql, lambda s: _post(s, 1, -1), "foreign key")
    refused(on_postgresql, lambda s: _post(s, 1, -1, transfer_id=bytes(closed)), "sealed")
