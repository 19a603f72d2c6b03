"""Insert many rows of one table in the caller's transaction, at the speed of the database instead of the mapper's.

PostgreSQL takes them by COPY, SQLite by one prepared statement. Values are converted by the columns' own types, so
what comes out is what an ordinary insert would have stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session

from registry.base.db import Base

Row = Sequence[Any]


def insert_many(session: Session, model: type[Base], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert `rows`, whose values stand in the order of `columns`. Columns that are left out have their default."""
    if not rows:
        return
    table = cast("Table", model.__table__)
    connection = session.connection()
    convert = _converters(table, columns, connection.dialect)
    values = [tuple(f(v) if f is not None else v for f, v in zip(convert, row, strict=True)) for row in rows]
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns)
    target = f"{quote(table.name)} ({names})"
    session.flush()
    if connection.dialect.name == "postgresql":
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
    else:
        marks = ", ".join("?" for _ in columns)
        connection.exec_driver_sql(f"INSERT INTO {target} VALUES ({marks})", values)  # noqa: S608 - our own names


def _converters(table: Table, columns: Sequence[str], dialect: Dialect) -> list[Callable[[Any], Any] | None]:
    """For each column what makes its Python value one of the driver's; equal neighbours are converted once."""
    found = []
    for name in columns:
        processor = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        found.append(None if processor is None else _remembering(processor))
    return found


def _remembering(processor: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The processor, which is not called again for the very object that it saw last: times repeat row after row."""
    last: list[Any] = [object(), None]

    def convert(value: Any) -> Any:
        if value is not last[0]:
            last[0], last[1] = value, processor(value)
        return last[1]

    return convert
