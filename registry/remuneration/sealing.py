"""Seal bank details that an earlier release left in the database as they were: accounts, and files for the bank."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, Text, select, type_coerce, update
from sqlalchemy.orm import Session

from registry.base.db import Base, Database
from registry.base.sealing import MARK, CannotSeal, SealedText, SealingKey
from registry.remuneration.safeguards import statements

_COLUMNS = (("bank_account", "holder"), ("bank_account", "iban"), ("payout_run", "file"))
_GUARDED = "payout_run"
_FULL = ("VACUUM FULL bank_account", "VACUUM FULL payout_run")


def seal_bank_details(database: Database, key: SealingKey) -> int:
    """Make the key of a new registry, and seal what is not sealed; returns how many values were not.

    Older backups still have them as they were.

    `CannotSeal` if something is sealed already and its key is not here: another one would not open it.
    """
    with database.writing() as session:
        sealed = [_first_sealed(session, *_column(place)) for place in _COLUMNS]
        if key.exists():
            for value in sealed:
                if value is not None:
                    key.unseal(value)
        elif any(sealed):
            raise CannotSeal(
                f"Bank details are sealed, and {key.path} is not here. Put it there from its safe place."
            )
        else:
            key.make()
        with _unguarded(session):
            count = sum(_seal(session, *_column(place)) for place in _COLUMNS)
    if count:
        _sweep(database)
    return count


def _sweep(database: Database) -> None:
    """What was there before goes from the database's own files, too, which keep it until they need the room."""
    options: dict[str, str | None] = {"sqlite_begin": None}
    commands = ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    if database.engine.dialect.name == "postgresql":
        commands, options = _FULL, {"isolation_level": "AUTOCOMMIT"}
    with database.engine.execution_options(**options).connect() as connection:
        for command in commands:
            connection.exec_driver_sql(command)


def _column(place: tuple[str, str]) -> tuple[Table, Column[Any]]:
    table = Base.metadata.tables[place[0]]
    return table, table.columns[place[1]]


def _values(session: Session, table: Table, column: Column[Any]) -> Iterator[tuple[int, str | bytes]]:
    """Each row's key, and what is in the database; files one at a time."""
    for number in session.scalars(select(table.c.id).order_by(table.c.id)).all():
        yield number, session.execute(select(_raw(column)).where(table.c.id == number)).scalar_one()


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _first_sealed(session: Session, table: Table, column: Column[Any]) -> bytes | None:
    found = (_bytes(value) for _, value in _values(session, table, column))
    return next((value for value in found if value.startswith(MARK)), None)


def _seal(session: Session, table: Table, column: Column[Any]) -> int:
    """What goes into the column is sealed by its type."""
    count = 0
    for number, value in _values(session, table, column):
        if not _bytes(value).startswith(MARK):
            session.execute(update(table).where(table.c.id == number).values({column: value}))
            count += 1
    return count


def _raw(column: Column[Any]) -> Any:
    """As it is in the database."""
    return type_coerce(column, Text if isinstance(column.type, SealedText) else LargeBinary)


@contextmanager
def _unguarded(session: Session) -> Iterator[None]:
    """The files for the bank are append-only; this changes how they are kept, and not what they say."""
    dialect = session.connection().dialect.name
    guards = statements(dialect)[_GUARDED]
    triggers = [command.split()[2] for command in guards if command.startswith("CREATE TRIGGER")]
    on = f" ON {_GUARDED}" if dialect == "postgresql" else ""
    for trigger in triggers:
        session.connection().exec_driver_sql(f"DROP TRIGGER {trigger}{on}")
    yield
    for command in guards:
        session.connection().exec_driver_sql(command)
