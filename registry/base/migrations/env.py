"""Alembic's environment: runs in the transaction that `registry.base.schema` has opened, locked and will commit."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy.engine import Connection

from registry.base.db import UtcDateTime


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Migrations are frozen and import nothing of ours: our own column types appear as what they store."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run(connection: Connection) -> None:
    """Run the migrations that the command asks for."""
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
