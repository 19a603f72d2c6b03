"""What SQLAlchemy has compiled for one engine serves all others of its kind that tests open.

Each test has a database of its own and so an engine of its own, and SQLAlchemy compiles every statement once for each
engine: a fifth of what a test costs that asks a database. Engines with different keys share nothing, since a compiled
statement seals with the key of the engine that it was made for.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Dialect, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from registry.base import db, sealing

_MOST = 3_000


def _kind(dialect: Dialect) -> tuple[object, ...]:
    return type(dialect), getattr(dialect, sealing._KEY, None)


def _is_alike(dialect: Dialect, other: object) -> bool:
    return isinstance(other, Dialect) and _kind(dialect) == _kind(other)


def share(patch: pytest.MonkeyPatch) -> None:
    """From now on, until the patch is undone."""
    compiled: LRUCache[Any, Any] = LRUCache(_MOST)

    def create(*arguments: Any, **options: Any) -> Any:
        return create_engine(*arguments, **options, execution_options={"compiled_cache": compiled})

    patch.setattr(db, "create_engine", create)
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        patch.setattr(kind, "__eq__", _is_alike)
        patch.setattr(kind, "__hash__", lambda dialect: hash(type(dialect)))
