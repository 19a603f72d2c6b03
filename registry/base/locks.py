"""One at a time among all processes of a registry: work that is longer than a transaction, or a part of one.

On PostgreSQL an advisory lock, so also among several machines; longer work has it on a connection of its own. With
SQLite, whose file only one machine can use and only one transaction can write, longer work has a file lock beside it.
Whoever dies lets go.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from registry.base.db import Database
from registry.core.errors import Conflict

_LOOK_EVERY = 0.1


@contextmanager
def exclusive(database: Database, name: str, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock of this name until the block ends; `Conflict` if somebody else holds it for all that time."""
    hold = _on_postgresql if database.engine.dialect.name == "postgresql" else _on_sqlite
    with hold(database, name) as take:
        deadline = time.monotonic() + wait_seconds
        while not take():
            if time.monotonic() >= deadline:
                raise Conflict(f"Another process is at it already ({name}). Try again when it has ended.")
            time.sleep(_LOOK_EVERY)
        yield


def queue_up(session: Session, name: str) -> None:
    """Wait until nobody else is past this line with this name in a transaction that is still open.

    For what may be there only once and has no unique index; what the others have committed is seen from here on.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _number(name)})


def _number(name: str) -> int:
    return int.from_bytes(sha256(f"vorbehalt {name}".encode()).digest()[:8], "big", signed=True)


@contextmanager
def _on_postgresql(database: Database, name: str) -> Iterator[Callable[[], bool]]:
    key = _number(name)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:

        def take() -> bool:
            return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))

        try:
            yield take
        finally:
            with suppress(SQLAlchemyError):  # a connection that was lost holds no lock
                connection.execute(text("SELECT pg_advisory_unlock_all()"))


@contextmanager
def _on_sqlite(database: Database, name: str) -> Iterator[Callable[[], bool]]:
    path = Path(f"{database.engine.url.database}.{name}.lock")
    with path.open("ab") as file:

        def take() -> bool:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return False

        yield take
