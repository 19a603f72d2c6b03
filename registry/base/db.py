"""The database: one declarative base, two kinds of transaction, the same behaviour on SQLite and PostgreSQL.

Only an edge (request, command, job) opens a transaction, and only it commits:

    with database.writing() as session:      # BEGIN IMMEDIATE on SQLite: a writer never fails half-way
        register_work(session, actor, command)

    with database.reading() as session: ...   # one consistent view, however many queries; rolled back at the end

Conventions for tables: a private bigint `id`, a public 16-byte `public_id` for every public noun, times as
timezone-aware UTC, money as integer minor units, history by `recorded_at` and `superseded_at`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Dialect,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
    create_engine,
    event,
)
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.types import JSON, TypeDecorator

from registry.base.sealing import SealingKey, use_key

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: A bigint that SQLite can still number by itself.
BigId = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware UTC time; SQLite, which has none, stores it naive and gives it back aware."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody can know what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in the database carries its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy
        datetime: UtcDateTime,
        bytes: LargeBinary,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class Identified:
    """A private key, and the public id that the world sees instead (`registry.core.ids`)."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)


#: A lock that is not to be had, and a transaction that its owner forgot, end; SQLite waits as long for its only writer.
_POSTGRESQL = {
    "connect_timeout": 10,
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=10min -c timezone=UTC",
}


_SINGLE = "single statements"


def _sqlite_on_connect(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None  # we emit BEGIN ourselves, see _sqlite_on_begin
    cursor = dbapi.cursor()
    for pragma in ("busy_timeout=20000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_on_begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    if mode is not None:
        connection.exec_driver_sql(f"BEGIN {mode}")


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`, set up alike."""
    sqlite = url.startswith("sqlite")
    engine = create_engine(url, pool_pre_ping=not sqlite, connect_args={} if sqlite else _POSTGRESQL)
    if sqlite:
        if engine.url.database not in {None, "", ":memory:"}:
            Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _sqlite_on_connect)
        event.listen(engine, "begin", _sqlite_on_begin)
    return engine


def look(
    session: Session, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]
) -> Sequence[Row[Any]]:
    """The rows of one statement for plain columns, for half of what a transaction costs with it.

    A session of `Database.reading` that has asked nothing yet does not begin its transaction for it: one statement is
    its own consistent view. What is asked afterwards may see what was committed meanwhile.
    """
    single: Engine | None = session.info.get(_SINGLE)
    if single is None or session.in_transaction():
        return session.execute(statement, parameters).all()
    with single.connect() as connection:
        return connection.execute(statement, parameters).all()


class Database:
    """Opens transactions. Holds no session itself; safe to share between threads."""

    def __init__(self, url: str, key: SealingKey | None = None) -> None:
        """`key` is what sealed columns are sealed with; without it they are neither read nor written."""
        self.engine = open_engine(url)
        use_key(self.engine, key)
        writer = self.engine.execution_options(sqlite_begin="IMMEDIATE")
        self._write = sessionmaker(writer, expire_on_commit=False)
        reader, single = self.engine, self.engine.execution_options(sqlite_begin=None)
        if self.engine.dialect.name == "postgresql":
            # Its usual transactions see what others commit meanwhile.
            reader = reader.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            single = single.execution_options(isolation_level="AUTOCOMMIT")
        self._read = sessionmaker(reader, expire_on_commit=False, info={_SINGLE: single})

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that commits when the block ends well and leaves no trace when it does not."""
        with self._write.begin() as session:
            yield session

    @contextmanager
    def rehearsing(self) -> Iterator[Session]:
        """A transaction that writes like any other and is rolled back in any case: what would happen, by what happens.

        It waits for other writers and lets them wait, so it is for what takes a moment.
        """
        with self._write() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view that changes nothing: closing rolls back, and what was loaded stays readable."""
        with self._read() as session:
            yield session

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()
