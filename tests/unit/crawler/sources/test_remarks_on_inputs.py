"""What is said of inputs before a run, where they could be meant otherwise than they are read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from crawler.sources import open_sources
from crawler.sources.remarks import remarks
from tests.unit.crawler.shards import hugging_face, jpeg, samples, tar, write


def test_what_is_plain_needs_no_remark(tmp_path: Path) -> None:
    write(tmp_path / "tars/0.tar", tar(samples({"a": jpeg(1)})))
    write(tmp_path / "tars/README.md", b"")
    write(tmp_path / "files/a.jpg", jpeg(1))
    write(tmp_path / "t.parquet", hugging_face([b""]))
    inputs = [tmp_path / "tars", tmp_path / "files", tmp_path / "t.parquet"]
    assert list(remarks(open_sources(inputs))) == []


@pytest.mark.parametrize("limit", [None, 5])
def test_columns_that_could_be_compared_and_are_not(tmp_path: Path, limit: int | None) -> None:
    table = hugging_face([b""]).append_column("caption", pa.array(["a"]))
    write(tmp_path / "set/0.parquet", b"broken")
    write(tmp_path / "set/1.parquet", table)
    write(tmp_path / "set/2.parquet", table)
    said = "set/1.parquet: compared is the column image, and not caption. Several are given as --column image,caption."
    assert list(remarks(open_sources([tmp_path / "set"], limit=limit))) == [said]
    assert list(remarks(open_sources([tmp_path / "set"], column="image"))) == []
    for name in "bcdefgh":
        table = table.append_column(name, pa.array([["a"]], pa.list_(pa.string())))
    write(tmp_path / "set/1.parquet", table)
    (said,) = remarks(open_sources([tmp_path / "set"]))
    assert "and not caption, b, c, d, e and 3 more" in said


def test_a_table_of_metadata_says_what_is_read_as_what(tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"url": ["a"], "text": ["b"]}))
    (said,) = remarks(open_sources([tmp_path / "t.parquet"], metadata_only=True))
    assert said == "Compared are the columns of t.parquet: url (address)"


@pytest.mark.parametrize("odd", ["a.jpg", "1.tar"])
def test_a_folder_of_datasets_that_is_read_file_by_file(tmp_path: Path, odd: str) -> None:
    write(tmp_path / "set/0.tar", tar([]))
    (tmp_path / "set" / odd).symlink_to("0.tar")
    (said,) = remarks(open_sources([tmp_path / "set"], limit=3))
    assert said.startswith(
        f"set is read file by file, because {odd} is no dataset. What is in 0.tar is not looked at"
    )
