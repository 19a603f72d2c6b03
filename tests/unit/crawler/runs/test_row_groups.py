"""Replacing row groups makes the bytes that writing the whole table anew makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.runs import papers
from crawler.runs.row_groups import replace_row_groups

_PER_GROUP = 20
_GROUPS = 5
_ROWS = _PER_GROUP * _GROUPS - 7


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "ROWS_PER_GROUP", _PER_GROUP)


def _verdict(row: int, reason: str, work: str | None) -> dict[str, Any]:
    use = {"work_id": work, "licence_id": f"licence of {reason}", "tariff_id": None, "how": 2}
    return {
        "shard": row // 30,
        "row": row % 30,
        "key": f"{reason}/{row}",
        "media": "text",
        "bytes": row * 1_000,
        "sha256": None if row % 5 == 0 else f"{row:064x}",
        "verdict": 2 if work else 4,
        "reason": reason,
        "kept": bool(row % 2),
        "work_id": work,
        "uses": [use] * (row % 3) if work else [],
        "error": None,
    }


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_batches([papers.batch(rows, papers.VERDICTS)])


@given(
    chosen=st.sets(st.integers(0, _GROUPS - 1)),
    reason=st.text("abcdefghij", max_size=300),
    work=st.none() | st.text("xyz", min_size=1, max_size=30),
)
@settings(max_examples=40)
def test_replaced_groups_are_those_of_a_table_written_anew(
    tmp_path_factory: pytest.TempPathFactory, chosen: set[int], reason: str, work: str | None
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    before = [_verdict(row, "none-found", None) for row in range(_ROWS)]
    after = [
        _verdict(row, reason, work) if row // _PER_GROUP in chosen else line
        for row, line in enumerate(before)
    ]
    papers.write_parquet(folder / "old", papers.VERDICTS, _table(before).to_batches())
    papers.write_parquet(folder / "anew", papers.VERDICTS, _table(after).to_batches())
    groups = {n: _table(after[n * _PER_GROUP : (n + 1) * _PER_GROUP]) for n in chosen}
    replace_row_groups(folder / "old", folder / "replaced", papers.VERDICTS, groups)
    assert (folder / "replaced").read_bytes() == (folder / "anew").read_bytes()
    # and from there back again, over groups that have moved
    undone = {n: _table(before[n * _PER_GROUP : (n + 1) * _PER_GROUP]) for n in chosen}
    replace_row_groups(folder / "replaced", folder / "undone", papers.VERDICTS, undone)
    assert (folder / "undone").read_bytes() == (folder / "old").read_bytes()


def test_a_table_without_rows_is_copied(tmp_path: Path) -> None:
    papers.write_parquet(tmp_path / "old", papers.VERDICTS, [])
    replace_row_groups(tmp_path / "old", tmp_path / "new", papers.VERDICTS, {})
    assert (tmp_path / "new").read_bytes() == (tmp_path / "old").read_bytes()
