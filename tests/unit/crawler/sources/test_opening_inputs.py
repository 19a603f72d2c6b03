"""From a command line's inputs to sources: names, ranges in braces, folders of shards and what lies beside them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sources import local_paths, open_sources
from crawler.sources.names import expand, format_of, shards_among
from registry.core.errors import InvalidInput
from tests.unit.crawler.shards import hugging_face, tar, write


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        ("a.tar", ["a.tar"]),
        ("{0..2}.tar", ["0.tar", "1.tar", "2.tar"]),
        ("{008..011}", ["008", "009", "010", "011"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{00..01}/{1..2}", ["00/1", "00/2", "01/1", "01/2"]),
        ("{a..c}", ["{a..c}"]),
        ("{}", ["{}"]),
    ],
)
def test_ranges_in_braces(text: str, expect: list[str]) -> None:
    assert expand(text) == expect


@pytest.mark.parametrize("text", ["{0..1000000}", "{1..2000}/{1..2000}", "{0..99999999999999999999}"])
def test_ranges_without_measure_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="names"):
        expand(text)


@given(st.text(max_size=30))
def test_any_name_can_be_asked_about(text: str) -> None:
    assert format_of(text) in {None, "jsonl", "parquet", "warc", "webdataset"}
    assert text in expand(text) or "{" in text


@pytest.mark.parametrize(
    ("names", "expect"),
    [
        (["00000.tar", "00001.tar"], ["00000.tar", "00001.tar"]),
        (["00000.tar", "00000.parquet", "00000_stats.json", "00000.idx"], ["00000.tar"]),
        (["README.md", "data/train-0.parquet", ".gitattributes"], ["data/train-0.parquet"]),
        (["a.jsonl.gz", "_SUCCESS", "LICENSE.txt"], ["a.jsonl.gz"]),
        (["documents/c4-0.json.gz", "dataset_info.json"], ["documents/c4-0.json.gz"]),
        (["00000.tar", "cat.jpg"], None),
        (["cat.jpg", "cat.txt"], None),
        (["README.md"], None),
        ([], None),
    ],
)
def test_a_folder_is_a_folder_of_shards_if_nothing_else_is_in_it(
    names: list[str], expect: list[str] | None
) -> None:
    assert shards_among(names) == expect


def test_a_folder_of_pictures_is_known_by_its_first() -> None:
    def names() -> object:
        yield "a.jpg"
        raise AssertionError("read on")

    assert shards_among(names()) is None  # type: ignore[arg-type]


def test_shards_get_sources_with_their_place_in_the_output(tmp_path: Path) -> None:
    write(tmp_path / "set/a/0.tar", tar([]))
    write(tmp_path / "set/b.parquet", hugging_face([]))
    write(tmp_path / "x.tar", tar([]))
    alone = open_sources([tmp_path / "set"])
    assert [(s.name, s.data_uri, s.format) for s in alone] == [
        ("set/a/0.tar", "a/0.tar", "webdataset"),
        ("set/b.parquet", "b.parquet", "parquet"),
    ]
    beside = open_sources([str(tmp_path / "set"), str(tmp_path / "x.tar")])
    assert [s.data_uri for s in beside] == ["set/a/0.tar", "set/b.parquet", "x.tar"]


def test_a_link_to_a_file_has_the_link_s_name(tmp_path: Path) -> None:
    write(tmp_path / "blobs/5f1c", hugging_face([]))
    (tmp_path / "train.parquet").symlink_to(tmp_path / "blobs/5f1c")
    assert open_sources([tmp_path / "train.parquet"])[0].name == "train.parquet"


def test_a_shard_that_is_a_link_makes_its_folder_one_of_files(tmp_path: Path) -> None:
    write(tmp_path / "out.tar", tar([]))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/0.tar").symlink_to(tmp_path / "out.tar")
    assert [s.format for s in open_sources([tmp_path / "set"])] == ["folder"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["no.tar"], "no file or folder"),
        (["{0..3}.tar"], r"no file or folder .*1\.tar"),
        (["notes.doc"], "neither a folder nor a dataset"),
        (["0.tar", "sub/0.tar"], "Two inputs are called “0.tar”"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, inputs: list[str], message: str) -> None:
    for name in ("0.tar", "sub/0.tar", "notes.doc"):
        write(tmp_path / name, tar([]))
    with pytest.raises(InvalidInput, match=message):
        open_sources([str(tmp_path / name) for name in inputs])


def test_a_file_whose_name_has_braces_is_that_file(tmp_path: Path) -> None:
    write(tmp_path / "{0..3}.tar", tar([]))
    assert [s.name for s in open_sources([tmp_path / "{0..3}.tar"])] == ["{0..3}.tar"]


def test_columns_are_tried_before_anything_is_done(tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", hugging_face([b"x"]))
    with pytest.raises(InvalidInput, match="has no column picture"):
        open_sources([table], column="picture")
    assert [s.format for s in open_sources([table], column=" image")] == ["parquet"]
    write(tmp_path / "set/0.parquet", pa.table({"text": ["a"]}))
    write(tmp_path / "set/1.parquet", b"broken")
    write(tmp_path / "set/2.parquet", pa.table({"body": ["a"], "title": ["b"]}))
    with pytest.raises(InvalidInput, match=r"2\.parquet: any of the columns body, title"):
        open_sources([tmp_path / "set"])
    lines = write(tmp_path / "t.jsonl", b"")
    with pytest.raises(InvalidInput, match="one column"):
        open_sources([lines], column="a,b")


def test_an_index_of_another_kind_stops_before_the_run(tmp_path: Path) -> None:
    write(tmp_path / "0.tar", tar([]))
    write(tmp_path / "0.idx", b"something else")
    with pytest.raises(InvalidInput, match=r"0\.idx is no index of DALI"):
        open_sources([tmp_path / "0.tar"])


def test_addresses_in_buckets_are_not_taken_for_paths(tmp_path: Path) -> None:
    assert local_paths(["s3://bucket/a.tar", str(tmp_path), "{1..2}"]) == [tmp_path, Path("1"), Path("2")]
