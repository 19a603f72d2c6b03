from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.runs import papers
from registry.core.errors import VerificationFailed


def _rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "shard": 0,
            "row": n,
            "key": f"k{n}",
            "algorithm": "digest.md5.v1",
            "kind": "whole",
            "code": bytes([n % 256]),
        }
        for n in range(count)
    ]


@given(cuts=st.lists(st.integers(0, 300), max_size=5), most=st.sampled_from([1, 700, 16 * 2**20]))
@settings(max_examples=30)
def test_the_bytes_do_not_depend_on_how_rows_were_batched(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "BYTES_PER_GROUP", most)
        _compare_batched(tmp_path_factory.mktemp("papers"), cuts)


def _compare_batched(folder: Path, cuts: list[int]) -> None:
    rows = _rows(300)
    edges = [0, *sorted(cuts), len(rows)]
    parts = [rows[a:b] for a, b in pairwise(edges)]
    papers.write_parquet(folder / "cut", papers.CODES, [papers.batch(p, papers.CODES) for p in parts])
    papers.write_parquet(folder / "whole", papers.CODES, [papers.batch(rows, papers.CODES)])
    assert (folder / "cut").read_bytes() == (folder / "whole").read_bytes()


def test_row_groups_have_a_fixed_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "ROWS_PER_GROUP", 100)
    batches = [papers.batch(_rows(70), papers.CODES) for _ in range(4)]
    assert papers.write_parquet(tmp_path / "x", papers.CODES, batches) == 280
    with pq.ParquetFile(tmp_path / "x") as file:
        assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [100, 100, 80]


def test_row_groups_of_long_codes_have_fewer_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "BYTES_PER_GROUP", 1_000)
    sizes = [300, 300, 300, 300, 5_000, 10, 400, 400]
    rows = [row | {"key": "k", "code": bytes(size - 1)} for row, size in zip(_rows(8), sizes, strict=True)]
    shown: list[int] = []
    papers.write_parquet(
        tmp_path / "x",
        papers.CODES,
        [papers.batch(rows, papers.CODES)],
        lambda group: shown.append(len(group)),
    )
    with pq.ParquetFile(tmp_path / "x") as file:
        assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == shown
    assert shown == [3, 1, 1, 3]
    assert list(papers.read_parquet(tmp_path / "x", papers.CODES)) == rows


def test_an_empty_table_can_be_written_and_read(tmp_path: Path) -> None:
    assert papers.write_parquet(tmp_path / "x", papers.VERDICTS, []) == 0
    assert list(papers.read_parquet(tmp_path / "x", papers.VERDICTS)) == []


def test_what_is_no_such_table_is_refused(tmp_path: Path) -> None:
    papers.write_parquet(tmp_path / "x", papers.CODES, [])
    with pytest.raises(VerificationFailed, match="columns"):
        list(papers.read_parquet(tmp_path / "x", papers.VERDICTS))
    (tmp_path / "y").write_bytes(b"PAR1")
    with pytest.raises(VerificationFailed, match="cannot be read"):
        list(papers.read_parquet(tmp_path / "y", papers.CODES))
