"""Alembic's environment: runs on the connection that `registry.base.schema` hands in."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection

from registry.base.db import UtcDateTime

_LOCK = 0x566F7262  # "Vorb": one migrating process at a time


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Migrations are frozen and import nothing of ours: our own column types appear as what they store."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run(connection: Connection) -> None:
    """Run the migrations under a lock, with time limits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
