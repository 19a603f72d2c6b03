"""Bank details in the database are sealed, those of an earlier release too; a missing key is a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from registry.base.db import Database
from registry.base.sealing import CannotSeal, SealingKey
from registry.remuneration import service as remuneration
from tests.factories import Clock, make_sources
from tests.support.bank import IBANS, TRUST
from tests.support.usage import FLAT, Trade, open_trade, row

SECRETS = (IBANS[0], "Anna Beispiel")


def pay_anna(database: Database, clock: Clock) -> tuple[Trade, bytes]:
    """She has an account, and a file for the bank pays her 10 euro; the trade, and the file's run."""
    with database.writing() as session:
        trade = open_trade(session, make_sources(clock), clock)
        work = trade.work()
        trade.claim(row(work, trade.agreement(work, components=(FLAT,))))
        remuneration.set_bank_account(session, trade.anna, SECRETS[1], IBANS[0], trade.sources)
        clock.advance(days=14)
        remuneration.settle(session, trade.operator, "2026-Q3", trade.sources)
        paid = remuneration.RecordPayment(trade.lab.public_id, 1000, "EUR", "bank/1")
        remuneration.record_payment(session, trade.operator, paid, trade.sources)
        command = remuneration.PreparePayouts(*TRUST, clock().date())
        run = remuneration.prepare_payouts(session, trade.operator, command, trade.sources)
        return trade, run.public_id


def stored(database: Database) -> str:
    """What a thief of the database reads of holders, IBANs and files."""
    with database.engine.connect() as connection:
        account = connection.execute(text("SELECT holder, iban FROM bank_account")).one()
        file = connection.execute(text("SELECT file FROM payout_run")).scalar_one()
    return " ".join([*account, bytes(file).decode("latin-1")])


def as_it_was(database: Database, file: bytes) -> None:
    """The rows as an earlier release wrote them; its files for the bank were append-only already."""
    postgresql = database.engine.dialect.name == "postgresql"
    with database.engine.begin() as connection:
        guard = "no_change" if postgresql else "no_update"
        on = " ON payout_run" if postgresql else ""
        definition = None
        if postgresql:
            connection.execute(text("ALTER TABLE payout_run DISABLE TRIGGER payout_run_no_change"))
        else:
            query = "SELECT sql FROM sqlite_master WHERE name = 'payout_run_no_update'"
            definition = connection.execute(text(query)).scalar_one()
            connection.execute(text(f"DROP TRIGGER payout_run_{guard}{on}"))
        values = {"holder": SECRETS[1], "iban": SECRETS[0]}
        connection.execute(text("UPDATE bank_account SET holder = :holder, iban = :iban"), values)
        connection.execute(text("UPDATE payout_run SET file = :file"), {"file": file})
        if definition is None:
            connection.execute(text("ALTER TABLE payout_run ENABLE TRIGGER payout_run_no_change"))
        else:
            connection.execute(text(definition))


def test_the_database_holds_no_bank_details_in_plain(
    database: Database, bank_key: SealingKey, clock: Clock
) -> None:
    """Nor after an upgrade from a release that did; the file is still the one that was logged."""
    trade, run = pay_anna(database, clock)
    assert not any(secret in stored(database) for secret in SECRETS)
    with database.reading() as session:
        file = remuneration.file_of(session, trade.operator, run)
        shown = remuneration.bank_account_of(session, trade.anna)
    assert all(secret.encode() in file for secret in SECRETS)
    assert shown is not None
    assert (shown.holder, shown.iban) == (SECRETS[1], "DE… 3000")

    as_it_was(database, file)
    assert all(secret in stored(database) for secret in SECRETS)
    with database.reading() as session, pytest.raises(CannotSeal, match="db upgrade"):
        remuneration.bank_account_of(session, trade.anna)
    assert remuneration.seal_bank_details(database, bank_key) == 3
    assert not any(secret in stored(database) for secret in SECRETS)
    if database.engine.dialect.name == "sqlite":
        path = Path(str(database.engine.url.database))
        files = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
        assert not any(secret.encode() in files for secret in SECRETS)
    assert remuneration.seal_bank_details(database, bank_key) == 0
    with database.reading() as session:
        assert remuneration.file_of(session, trade.operator, run) == file
        assert remuneration.bank_account_of(session, trade.anna) == shown
    with pytest.raises(IntegrityError, match="append-only"), database.writing() as session:
        session.execute(text("UPDATE payout_run SET payments = 2"))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_without_the_key_nothing_is_read_or_written(database: Database, clock: Clock, tmp_path: Path) -> None:
    """And no other key is made in its place while something is sealed with it."""
    trade, run = pay_anna(database, clock)
    missing = SealingKey(tmp_path / "elsewhere" / "bank.key")
    before = stored(database)
    for other in (Database(str(database.engine.url)), Database(str(database.engine.url), missing)):
        with other.reading() as session:
            with pytest.raises(CannotSeal):
                remuneration.bank_account_of(session, trade.anna)
            with pytest.raises(CannotSeal):
                remuneration.file_of(session, trade.operator, run)
        with pytest.raises(CannotSeal), other.writing() as session:
            remuneration.set_bank_account(session, trade.bert, "Bert", IBANS[1], trade.sources)
        with pytest.raises(CannotSeal, match="not here"):
            remuneration.seal_bank_details(other, missing)
        other.dispose()
    assert not missing.exists()
    missing.make()
    with pytest.raises(CannotSeal, match="Put the right one there"):
        remuneration.seal_bank_details(database, missing)
    assert stored(database) == before
