"""Bring the database to the release's schema, and tell whether it is there.

Migrations run one at a time (an advisory lock on PostgreSQL; on SQLite the writer lock), with lock and statement
timeouts, so that a migration that cannot get its lock fails instead of stopping the service behind it.
The environment is Alembic's; `metadata` comes from the caller because the base knows no room.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection

from registry.base.db import Database
from registry.core.errors import NotReady

_SCRIPTS = Path(__file__).with_name("migrations")


def _config(connection: Connection | None, metadata: MetaData) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def _same_type(_context: Any, _inspected: Any, _declared: Any, inspected: Any, declared: Any) -> bool | None:
    """SQLite has few types; where both sides store the same there, it is no drift. `None`: Alembic decides."""
    return False if type(inspected).__name__ == type(declared).__name__ else None


def upgrade(database: Database, metadata: MetaData) -> None:
    """Apply every migration that is missing, in one transaction each where the database can."""
    with database.engine.execution_options(sqlite_begin="IMMEDIATE").connect() as connection:
        command.upgrade(_config(connection, metadata), "head")
        connection.commit()


def drift(database: Database, metadata: MetaData) -> list[str]:
    """What differs between the database and this release's models, in words; empty if nothing does."""
    head = ScriptDirectory.from_config(_config(None, metadata)).get_current_head()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _same_type})
        current = context.get_current_revision()
        if current != head:
            return [f"the schema is at revision {current}, this release needs {head}"]
        return [str(difference) for difference in compare_metadata(context, metadata)]


def ensure_current(database: Database, metadata: MetaData) -> None:
    """Refuse to start on another release's schema."""
    head = ScriptDirectory.from_config(_config(None, metadata)).get_current_head()
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != head:
        raise NotReady(
            f"The database is at revision {current}, this release needs {head}. "
            "Make a backup, then run: vorbehalt-server db upgrade"
        )
