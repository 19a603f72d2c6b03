"""All that the registry holds about an account, as one ZIP of JSON files: one a table, each a list of objects.

Previews of works lie beside them as pictures, `previews/<work>.webp`.

Rows are read and written one after the other, so the size of an account costs no memory. Public ids stand where the
database has private keys; bytes are hexadecimal, times RFC 3339.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import Column, ColumnElement, FromClause, Select, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.db import Base
from registry.base.files import Store
from registry.core.ids import format_id
from registry.own_data.holdings import LEFT_OUT, SECTIONS, Section
from registry.works import service as works

FORMAT = "vorbehalt-own-data-v1"
_NOUNS = {
    "api_key": "key",
    "claim_batch": "claim",
    "licence_request": "request",
    "login_session": "session",
    "payout_run": "payout",
}
"""How ids of a table's rows begin, where it is not with the table's name."""
_ROWS = 1_000
"""Read at once."""


def write_export(session: Session, actor: Actor, now: datetime, store: Store, target: IO[bytes]) -> None:
    """Write the ZIP with all about the actor. The caller holds one reading transaction: it is one state of things."""
    counts: dict[str, int] = {}
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for section in SECTIONS:
            with archive.open(f"{section.table}.json", "w", force_zip64=True) as file:
                counts[section.table] = _write_rows(file, rows_of(session, section, actor.party_id))
        for work, picture in works.previews_of_owner(session, store, actor.party_id):
            archive.writestr(f"previews/{format_id('work', work)}.webp", picture)
        about = {
            "format": FORMAT,
            "account": format_id("party", actor.public_id),
            "made_at": _plain(now),
            "rows": counts,
            "left_out": LEFT_OUT,
        }
        archive.writestr("about.json", json.dumps(about, indent=1) + "\n")


def _write_rows(file: IO[bytes], rows: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    for row in rows:
        file.write(b",\n" if count else b"[\n")
        file.write(json.dumps(row, ensure_ascii=False).encode())
        count += 1
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def rows_of(session: Session, section: Section, party_id: int) -> Iterator[dict[str, Any]]:
    """The account's rows of one table, each once, as they are exported."""
    for number in range(len(section.paths)):
        query = _Query(section, number, party_id)
        for row in session.execute(query.select, execution_options={"yield_per": _ROWS}):
            values = zip(query.names, query.nouns, row, strict=True)
            yield {name: _plain(value, noun) for name, noun, value in values}


class _Query:
    """One path of a section; rows that an earlier path leads to are not asked for again."""

    def __init__(self, section: Section, number: int, party_id: int) -> None:
        table = Base.metadata.tables[section.table]
        self._from: FromClause = table
        self._reached: dict[str, FromClause] = {"": table}
        self.names: list[str] = []
        self.nouns: list[str | None] = []
        self._columns: list[ColumnElement[Any]] = []
        for column in table.columns:
            if column.name not in section.without:
                self._add(column.name)
        for path in section.also:
            self._add(path)
        conditions = [self._at(path) == party_id for path in section.paths[number : number + 1]]
        conditions += [self._at(path).is_distinct_from(party_id) for path in section.paths[:number]]
        order = list(table.primary_key.columns)
        self.select: Select[Any] = (
            select(*self._columns).select_from(self._from).where(*conditions).order_by(*order)
        )

    def _add(self, path: str) -> None:
        """Show this column: in place of a private key the public id of what it points to, or nothing."""
        column = self._at(path)
        target = _target(column)
        name = path.replace(".", "_").replace("_id_", "_").removesuffix("_id")
        if path == "public_id":
            self._show("id", column, _noun(str(column.table)))
        elif target is None:
            if path != "id":
                self._show(name, column, None)
        elif "public_id" in target.table.columns:
            self._show(name, self._at(f"{path}.public_id"), _noun(target.table.name))

    def _show(self, name: str, column: ColumnElement[Any], noun: str | None) -> None:
        self.names.append(name)
        self.nouns.append(noun)
        self._columns.append(column)

    def _at(self, path: str) -> Column[Any]:
        before, _, name = path.rpartition(".")
        found: Column[Any] = self._table(before).columns[name]  # type: ignore[assignment]
        return found

    def _table(self, path: str) -> FromClause:
        if path not in self._reached:
            column = self._at(path)
            target = _target(column)
            if target is None:
                raise ValueError(f"{path} leads nowhere")
            table = target.table.alias()
            self._reached[path] = table
            self._from = self._from.outerjoin(table, column == table.columns[target.name])
        return self._reached[path]


def _target(column: Column[Any]) -> Column[Any] | None:
    return next((key.column for key in column.foreign_keys), None)


def _noun(table: str) -> str:
    return _NOUNS.get(table, table)


def _plain(value: Any, noun: str | None = None) -> Any:
    """As JSON has it."""
    if isinstance(value, bytes):
        return format_id(noun, value) if noun is not None else value.hex()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value
