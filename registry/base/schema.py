"""Bring the database to the release's schema, and tell whether it is there.

All migrations that are missing run in one transaction, on SQLite too: there is the whole new schema or the old one.
One process migrates at a time (an advisory lock on PostgreSQL, the writer lock on SQLite), and a migration that cannot
get a lock soon fails instead of stopping the service that queues up behind it.
`metadata` comes from the caller, because the base knows no room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from registry.base.db import Database
from registry.core.errors import Conflict, Corrupt, NotReady

LOCK_SECONDS = 5.0
STATEMENT_SECONDS = 600.0

_SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x566F7262  # "Vorb"
_TIMED_OUT = {"55P03", "57014"}  # lock_not_available, query_canceled


def _config(connection: Connection | None, metadata: MetaData) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


# -- upgrade -----------------------------------------------------------------------------------------------
def upgrade(
    database: Database,
    metadata: MetaData,
    *,
    lock_seconds: float = LOCK_SECONDS,
    statement_seconds: float = STATEMENT_SECONDS,
) -> None:
    """Apply every migration that is missing, or nothing.

    `Conflict` if a lock was not to be had in time or one statement took too long: nothing was changed, try again.
    `NotReady` if the database cannot be reached. SQLite knows no limit for statements.
    """
    begin = _begin_postgresql if database.engine.dialect.name == "postgresql" else _begin_sqlite
    with _explained(), database.engine.execution_options(sqlite_begin="IMMEDIATE").connect() as connection:
        begin(connection, lock_seconds, statement_seconds)
        try:
            command.upgrade(_config(connection, metadata), "head")
            _check_references(connection)
            connection.commit()
        finally:
            connection.invalidate()  # with the settings that were made for this transaction alone


def _begin_postgresql(connection: Connection, lock_seconds: float, statement_seconds: float) -> None:
    """A lock that ends with the transaction, awaited as long as any other."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(lock_seconds * 1000)}")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(statement_seconds * 1000)}")
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _begin_sqlite(connection: Connection, lock_seconds: float, _statement_seconds: float) -> None:
    """Foreign keys are checked at the end only: they would not let a table that others refer to be rebuilt."""
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    driver.execute(f"PRAGMA busy_timeout={int(lock_seconds * 1000)}")
    connection.begin()


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise Corrupt(
                f"Row {broken[1]} of {broken[0]} refers to a row of {broken[2]} that does not exist."
            )


@contextmanager
def _explained() -> Iterator[None]:
    """Say what to do about a lock that was not to be had, and about a database that does not answer."""
    try:
        yield
    except DBAPIError as error:
        code = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", ""))
        if code in _TIMED_OUT or code.startswith("SQLITE_BUSY"):
            raise Conflict(
                "Another process holds a lock that the migration needs: another upgrade, a backup, a long query. "
                "Nothing was changed; try again when it has ended."
            ) from error
        if (
            error.connection_invalidated
            or code == ""
            or code.startswith(("08", "28", "3D", "SQLITE_CANTOPEN"))
        ):
            raise NotReady(
                f"The database cannot be used: {str(error.orig).strip()}. Correct VORBEHALT_DATABASE_URL, or start it."
            ) from error
        raise


# -- check -------------------------------------------------------------------------------------------------
def ensure_current(database: Database, metadata: MetaData) -> None:
    """Refuse to start on another release's schema."""
    head = ScriptDirectory.from_config(_config(None, metadata)).get_current_head()
    with _explained(), database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != head:
        raise NotReady(
            f"The database is at revision {current}, this release needs {head}. "
            "Make a backup, then run: vorbehalt-server db upgrade"
        )


def drift(database: Database, metadata: MetaData) -> list[str]:
    """What differs between the database and this release's models, in words; empty if nothing does."""
    head = ScriptDirectory.from_config(_config(None, metadata)).get_current_head()
    with _explained(), database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _same_type})
        current = context.get_current_revision()
        if current != head:
            return [f"the schema is at revision {current}, this release needs {head}"]
        differences = [words for found in compare_metadata(context, metadata) for words in _in_words(found)]
        return differences + [
            f"the trigger {name} is missing" for name in _missing_triggers(connection, metadata)
        ]


def _same_type(_context: Any, _inspected: Any, _declared: Any, inspected: Any, declared: Any) -> bool | None:
    """SQLite has few types; where both sides store the same there, it is no drift. `None`: Alembic decides."""
    return False if type(inspected).__name__ == type(declared).__name__ else None


def _in_words(difference: Any) -> Iterator[str]:
    """One finding of Alembic: a tuple that begins with what would have to be done, or a list of changes to a column."""
    if isinstance(difference, list):
        for part in difference:
            yield from _in_words(part)
        return
    verb, _, noun = difference[0].partition("_")
    if verb == "modify":
        _, _, table, column, _, found, needed = difference
        yield f"the {noun} of {table}.{column} is {found}, this release needs {needed}"
        return
    subject = difference[-1]
    table = getattr(subject, "table", None)
    name = subject.name if table is None else f"{subject.name} of {table.name}"
    yield f"the {noun} {name} {'is missing' if verb == 'add' else 'is no part of this release'}"


def _missing_triggers(connection: Connection, metadata: MetaData) -> list[str]:
    """Triggers that a room demands by `Table.info["triggers"]`, and that are not there or are switched off."""
    dialect = connection.dialect.name
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
    }[dialect]
    needed = {
        name for table in metadata.tables.values() for name in table.info.get("triggers", {}).get(dialect, ())
    }
    return sorted(needed - set(connection.exec_driver_sql(query).scalars()))
