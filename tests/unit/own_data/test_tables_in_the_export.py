"""No table is forgotten in the export of one's own data, and every path in it leads to an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import Column

from registry.models import metadata
from registry.own_data.holdings import LEFT_OUT, SECTIONS, Section


def steps(table: str, path: str) -> Iterator[Column[object]]:
    """The columns that a path goes through."""
    for name in path.split("."):
        column = metadata.tables[table].columns[name]
        yield column
        table = next((key.column.table.name for key in column.foreign_keys), "")


def test_every_table_is_exported_or_named_with_the_reason_why_not() -> None:
    exported = Counter(section.table for section in SECTIONS)

    assert max(exported.values()) == 1
    assert exported.keys() & LEFT_OUT.keys() == set()
    assert exported.keys() | LEFT_OUT.keys() == metadata.tables.keys()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.table)
def test_every_path_leads_to_an_account(section: Section) -> None:
    for path in section.paths:
        *_, last = steps(section.table, path)
        targets = {key.column.table.name for key in last.foreign_keys}
        assert "party" in targets or (section.table, path) in {("party", "id"), ("job", "party_id")}


def test_secrets_are_not_exported() -> None:
    left = {(s.table, name) for s in SECTIONS for name in s.without}

    assert {("party", "password"), ("api_key", "digest"), ("login_session", "digest")} <= left
