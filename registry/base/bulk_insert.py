"""Insert many rows of one table in the caller's transaction, at the speed of the database instead of the mapper's.

PostgreSQL takes them by COPY, SQLite by one prepared statement. Values are converted by the columns' own types, so
what comes out is what an ordinary insert would have stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import LargeBinary, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from registry.base.db import Base, UtcDateTime

Row = Sequence[Any]


def insert_many(session: Session, model: type[Base], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert `rows`, whose values stand in the order of `columns`. Columns that are left out have their default."""
    if not rows:
        return
    table = cast("Table", model.__table__)
    connection = session.connection()
    values = _converted(table, columns, connection.dialect, rows)
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
        connection.exec_driver_sql(f"INSERT INTO {target} VALUES ({marks})", list(values))  # noqa: S608 - our own names


def _converted(table: Table, columns: Sequence[str], dialect: Dialect, rows: Sequence[Row]) -> Iterable[Row]:
    """The rows as the driver takes them, converted column by column: most columns need nothing."""
    converters = [_converter(table.c[name].type, dialect) for name in columns]
    by_column = zip(*rows, strict=True)
    converted = [
        values if f is None else map(f, values) for f, values in zip(converters, by_column, strict=True)
    ]
    return zip(*converted, strict=True)


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes a Python value one of the driver's; `None` if it is one already. Equal neighbours cost once."""
    if isinstance(kind, LargeBinary):
        return None  # bytes are bytes everywhere; the type would wrap each of them
    processor = kind.dialect_impl(dialect).bind_processor(dialect)
    if processor is None:
        return None
    if isinstance(kind, UtcDateTime) and dialect.name == "postgresql":
        return _remembering(
            lambda moment: None if moment is None else str(processor(moment))
        )  # as COPY sends it
    return _remembering(processor)


def _remembering(processor: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The processor, which is not called again for the very object that it saw last: times repeat row after row."""
    last: list[Any] = [object(), None]

    def convert(value: Any) -> Any:
        if value is not last[0]:
            last[0], last[1] = value, processor(value)
        return last[1]

    return convert
