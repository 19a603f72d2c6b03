"""The upgrade that lets an agreement have several pools in a settlement rebuilds two tables, and loses nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from registry.base import schema
from registry.base.db import Base, Database

TABLES = (
    "party", "tariff", "tariff_version", "offer", "agreement", "settlement", "run", "model", "work", "claim_batch",
    "settlement_pool", "flat_charge", "statement_line",
)  # fmt: skip
_VALUES = {"BLOB": b"x" * 32, "DATETIME": "2026-08-02 09:30:00", "JSON": "[]"}


def fill(connection: sqlite3.Connection, table: str) -> None:
    """A row of any content, all of whose references are to row 1."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    row: dict[str, Any] = {
        name: "lab" if name == "role" else _VALUES.get(kind, "text" if "CHAR" in kind else 1)
        for _, name, kind, needed, default, key in columns
        if key or (needed and default is None)
    }
    names = ",".join(f'"{name}"' for name in row)
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({','.join('?' * len(row))})", list(row.values())
    )


def test_settled_lines_and_their_guards_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.sqlite"
    database = Database(f"sqlite:///{path}")
    upgrade = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0008"))
        schema.upgrade(database, Base.metadata)
    with sqlite3.connect(path) as before:
        for table in TABLES:
            fill(before, table)
        lines = before.execute("SELECT * FROM statement_line").fetchall()
    before.close()

    schema.upgrade(database, Base.metadata)
    after = sqlite3.connect(path)
    assert after.execute("SELECT * FROM statement_line").fetchall() == lines
    assert after.execute("SELECT id, part FROM settlement_pool").fetchall() == [(1, "use")]
    for statement in ("UPDATE statement_line SET amount_minor = 2", "DELETE FROM settlement_pool"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            after.execute(statement)
    after.close()
    database.engine.dispose()
    assert not schema.drift(database, Base.metadata)
