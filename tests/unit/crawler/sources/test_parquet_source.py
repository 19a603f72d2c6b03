"""Parquet: which column is compared, what a cell is, and that kept rows keep every column and type."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from crawler.sources import parquet
from crawler.sources.base import Sample
from crawler.sources.columns import find_columns
from crawler.sources.parquet import ParquetShard
from crawler.sources.places import LocalFile
from registry.core.errors import InvalidInput
from tests.unit.crawler.shards import HUGGING_FACE, hugging_face, write

LIMIT = 1 << 20


def shard(tmp_path: Path, content: pa.Table | bytes, *columns: str, **options: Any) -> ParquetShard:
    """One shard over this table."""
    path = write(tmp_path / "t.parquet", content, **options)
    return ParquetShard(LocalFile.at(path), "t.parquet", columns)


def read(one: ParquetShard, max_bytes: int = LIMIT) -> list[Sample]:
    """All its rows; every byte of the file was seen once."""
    digest = sha256()
    found = list(one.read(max_bytes, digest.update))
    assert one.place.path is not None
    assert digest.digest() == sha256(one.place.path.read_bytes()).digest()
    assert [s.row for s in found] == list(range(len(found)))
    return found


def rewrite(one: ParquetShard, tmp_path: Path, *dropped: int) -> pq.ParquetFile:
    """The output without these rows."""
    with one.sink(tmp_path / "data") as sink:
        for sample in one.read(LIMIT, lambda data: None):
            (sink.write if sample.origin and sample.row not in dropped else sink.skip)(sample)
    path = tmp_path / "data" / "t.parquet"
    (written,) = sink.written
    assert (written.sha256, written.bytes) == (sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    return pq.ParquetFile(path)


# -- which column ------------------------------------------------------------------------------------------
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    ("fields", "expect"),
    [
        ([("image", PICTURE), ("caption", pa.string()), ("thumb", pa.binary())], "image"),
        ([("key", pa.string()), ("jpg", pa.binary()), ("url", pa.string())], "jpg"),
        ([("text", pa.large_string()), ("url", pa.string())], "text"),
        ([("body", pa.string()), ("n", pa.int64())], "body"),
        ([("images", pa.list_(PICTURE)), ("n", pa.int64())], "images"),
        ([("c", pa.dictionary(pa.int32(), pa.string()))], "c"),
    ],
)
def test_the_only_column_that_can_be_meant_is_found(fields: list[tuple[str, Any]], expect: str) -> None:
    (found,) = find_columns(pa.schema(fields), (), "t")
    assert found.name == expect


@pytest.mark.parametrize(
    ("fields", "asked", "message"),
    [
        ([("a", PICTURE), ("b", PICTURE)], (), "columns a, b could be meant"),
        ([("a", pa.binary()), ("b", pa.large_binary())], (), "columns a, b could be meant"),
        ([("title", pa.string()), ("body", pa.string())], (), "columns title, body could be meant"),
        ([("n", pa.int64())], (), r"it has n \(int64\)"),
        ([], (), "no column at all"),
        ([("n", pa.int64())], ("image",), r"no column image .* it has n \(int64\)"),
        ([("n", pa.float64())], ("n",), "of type double"),
        ([("n", pa.string()), ("n", pa.string())], ("n",), "two of that name"),
    ],
)
def test_what_is_not_clear_is_asked_for_with_what_there_is(
    fields: list[tuple[str, Any]], asked: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_columns(pa.schema(fields), asked, "t")


def test_sounds_of_hugging_face_are_not_taken_for_pictures() -> None:
    metadata = json.dumps({"info": {"features": {"audio": {"_type": "Audio"}}}})
    schema = pa.schema([("audio", PICTURE), ("text", pa.string())], metadata={"huggingface": metadata})
    assert find_columns(schema, (), "t")[0].name == "text"
    for broken in ("", "[]", '{"info": 5}', '{"info": {"features": {"audio": 5}}}'):
        other = schema.with_metadata({"huggingface": broken})
        assert find_columns(other, (), "t")[0].name == "audio"


# -- cells -------------------------------------------------------------------------------------------------
def test_cells_without_a_picture_have_their_reason(tmp_path: Path) -> None:
    cells = [{"bytes": b"x", "path": "p"}, None, {"bytes": None, "path": "/etc/passwd"}, {"bytes": b"y" * 99}]
    found = read(shard(tmp_path, pa.table({"image": pa.array(cells, PICTURE)})), max_bytes=50)
    assert [(s.key, s.gap, s.raw, s.size) for s in found] == [
        ("t.parquet#0", None, b"x", 1),
        ("t.parquet#1", "error.no-bytes", b"", 0),
        ("t.parquet#2", "error.no-bytes", b"", 0),
        ("t.parquet#3", "error.too-large", b"", 99),
    ]


def test_texts_that_are_missing_or_no_unicode_have_their_reason(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    text = pa.chunked_array([pa.array(["Text", None, ""]), broken])
    found = read(shard(tmp_path, pa.table({"text": text})))
    assert [(s.gap, s.text) for s in found] == [
        (None, "Text"),
        ("error.no-text", None),
        (None, ""),
        ("error.undecodable", None),
    ]


def test_lists_and_several_columns_are_compared_with_all_that_is_in_them(tmp_path: Path) -> None:
    pictures = [[{"bytes": b"1"}, {"bytes": b"2"}], [], None, [{"bytes": b"3"}, None]]
    table = pa.table({"images": pa.array(pictures, pa.list_(PICTURE)), "text": ["a", "b", "c", "d"]})
    found = read(shard(tmp_path, table, "images", "text"))
    assert [[(p.data, p.text) for p in s.parts] for s in found] == [
        [(b"1", None), (b"2", None), (b"a", "a")],
        [],
        [],
        [],
    ]
    assert [s.gap for s in found] == [None, *["error.no-bytes"] * 3]


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.large_binary(),
        pa.binary(3),
        pa.string(),
        pa.large_string(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.binary()),
    ],
)
def test_every_type_that_can_hold_bytes_or_text(tmp_path: Path, kind: Any) -> None:
    values = ["abc", "def", "abc"] if pa.types.is_string(getattr(kind, "value_type", kind)) else [b"abc"] * 2
    array = pa.array(values).cast(kind) if not pa.types.is_fixed_size_binary(kind) else pa.array(values, kind)
    found = read(shard(tmp_path, pa.table({"c": array, "n": range(len(values))})))
    assert [s.raw.decode() for s in found] == [v if isinstance(v, str) else v.decode() for v in values]


# -- what is written ---------------------------------------------------------------------------------------
def test_hugging_face_metadata_survives(tmp_path: Path) -> None:
    out = rewrite(shard(tmp_path, hugging_face([b"a", b"b", None]), row_group_size=2), tmp_path, 0)
    assert out.schema_arrow.metadata[b"huggingface"].decode() == HUGGING_FACE
    assert out.read().to_pylist() == [{"image": {"bytes": b"b", "path": "1.jpg"}, "label": 1}]


def everything() -> pa.Table:
    """A table with a column of most types, nulls among them."""
    n = 40
    when = [datetime(2020, 1, 1 + i % 28, tzinfo=UTC) for i in range(n)]
    return pa.table(
        {
            "jpg": [b"%d" % i for i in range(n)],
            "dictionary": pa.array(["a", None, "b", "a"] * 10).dictionary_encode(),
            "list": pa.array([[1, None], None, [], [3]] * 10, pa.list_(pa.int16())),
            "large": pa.array(["x", None] * 20, pa.large_string()),
            "nested": pa.array([{"a": [{"b": 1.5}], "c": None}, None] * 20),
            "map": pa.array([[("k", 1)], None] * 20, pa.map_(pa.string(), pa.int32())),
            "decimal": pa.array([Decimal("1.25"), None] * 20, pa.decimal128(9, 2)),
            "when": pa.array(when, pa.timestamp("us", "Europe/Berlin")),
            "nanoseconds": pa.array(range(0, n * 1_000, 1_000), pa.timestamp("ns")),
            "duration": pa.array(range(n), pa.duration("ms")),
            "small": pa.array([1, 2] * 20, pa.uint8()),
            "half": pa.array([1.5, None] * 20).cast(pa.float16()),
            "fixed": pa.array([b"abcd"] * n, pa.binary(4)),
            "nan": [float("nan"), None] * 20,
            "nothing": pa.nulls(n),
            "vector": pa.array([[1.0, 2.0], None] * 20, pa.list_(pa.float32(), 2)),
            "bool": [True, None] * 20,
        }
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd"},
        {"compression": {"jpg": "none", "large": "gzip", "small": "brotli"}, "use_dictionary": ["large"]},
        {"compression": "lz4"},
        {"version": "1.0"},
        {"version": "2.4"},
        {"use_compliant_nested_type": False},
        {"store_decimal_as_integer": True},
        {"store_schema": False},
        {"use_deprecated_int96_timestamps": True},
        {"row_group_size": 7},
        {"write_page_index": True},
    ],
)
def test_types_columns_and_compression_are_those_of_the_input(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    table = everything()
    if options.get("use_deprecated_int96_timestamps") or not options.get("store_schema", True):
        table = table.drop_columns(["duration"])
    one = shard(tmp_path, table, "jpg", **options)
    before = pq.ParquetFile(tmp_path / "t.parquet")
    out = rewrite(one, tmp_path, *range(0, 40, 2))
    assert out.schema.equals(before.schema)
    assert out.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert _comparable(out.read()) == _comparable(before.read().take(list(range(1, 40, 2))))
    for number in range(out.metadata.num_columns):
        ours, theirs = (f.metadata.row_group(0).column(number) for f in (out, before))
        assert (ours.compression, ours.path_in_schema) == (theirs.compression, theirs.path_in_schema)
    assert out.metadata.row_group(0).column(0).has_column_index == options.get("write_page_index", False)
    most = before.metadata.row_group(0).num_rows
    assert {out.metadata.row_group(n).num_rows for n in range(out.num_row_groups - 1)} <= {most}


def _comparable(table: pa.Table) -> str:
    """As text, in which not-a-number equals itself."""
    return repr(table.to_pylist())


def test_a_table_of_which_nothing_is_kept_or_that_has_no_row_keeps_its_schema(tmp_path: Path) -> None:
    for table in (hugging_face([b"a"]), hugging_face([])):
        out = rewrite(shard(tmp_path, table), tmp_path, 0)
        assert out.metadata.num_rows == 0
        assert out.schema_arrow.equals(table.schema, check_metadata=True)


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    one = shard(tmp_path, everything(), "jpg", row_group_size=9)
    rewrite(one, tmp_path, 3)
    first = (tmp_path / "data" / "t.parquet").read_bytes()
    rewrite(one, tmp_path, 3)
    assert (tmp_path / "data" / "t.parquet").read_bytes() == first


# -- hostile files -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"\xff\xd8\xff" * 50])
def test_what_is_no_parquet_is_one_broken_item_and_no_file(tmp_path: Path, data: bytes) -> None:
    one = shard(tmp_path, data)
    assert [(s.key, s.gap) for s in read(one)] == [("t.parquet#…", "error.malformed")]
    with one.sink(tmp_path / "data") as sink:
        pass
    assert sink.written == ()
    assert not (tmp_path / "data").exists()


def test_a_truncated_parquet_has_lost_its_end_and_so_everything(tmp_path: Path) -> None:
    whole = shard(tmp_path, hugging_face([b"a"] * 9)).place.path
    assert whole is not None
    assert [s.gap for s in read(shard(tmp_path, whole.read_bytes()[:-20]))] == ["error.malformed"]


def test_damage_in_one_row_group_does_not_hide_the_others(tmp_path: Path) -> None:
    pictures = [os.urandom(300) for _ in range(30)]
    one = shard(tmp_path, hugging_face(pictures), row_group_size=10, compression="zstd", use_dictionary=False)
    path = tmp_path / "t.parquet"
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    for at in range(column.data_page_offset + 40, column.data_page_offset + column.total_compressed_size):
        data[at] ^= 0xA5
    path.write_bytes(data)
    one = ParquetShard(LocalFile.at(path), "t.parquet")
    found = read(one)
    assert [s.key for s in found if s.gap is None] == [f"t.parquet#{n}" for n in (*range(10), *range(20, 30))]
    assert [(s.key, s.gap) for s in found if s.gap] == [("t.parquet#10…", "error.malformed")]
    out = rewrite(one, tmp_path)
    assert out.read().column("label").to_pylist() == [*range(10), *range(20, 30)]


def test_one_huge_row_group_is_never_held_whole(tmp_path: Path) -> None:
    rows, cell = 120_000, 1_000
    path = tmp_path / "big.parquet"
    column = pa.array([os.urandom(cell) for _ in range(4_000)] * (rows // 4_000))
    pq.write_table(
        pa.table({"jpg": column, "n": range(rows)}), path, row_group_size=rows, use_dictionary=False
    )
    assert pq.ParquetFile(path).num_row_groups == 1
    del column
    pa.default_memory_pool().release_unused()
    before, peak, seen = pa.total_allocated_bytes(), 0, 0
    one = ParquetShard(LocalFile.at(path), "big.parquet")
    with one.sink(tmp_path / "data") as sink:
        for sample in one.read(LIMIT, lambda data: None):
            (sink.skip if sample.row % 7 else sink.write)(sample)
            if sample.row % 500 == 0:
                peak = max(peak, pa.total_allocated_bytes() - before)
            seen += 1
    assert seen == rows
    assert peak < rows * cell // 3, f"{peak:,} bytes of {rows * cell:,}"
    out = pq.ParquetFile(tmp_path / "data" / "big.parquet")
    assert out.read(["n"]).column("n").to_pylist() == list(range(0, rows, 7))


# -- before Arrow may be let loose ---------------------------------------------------------------------------
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd", "gzip", "brotli", "lz4"])
@pytest.mark.parametrize("shape", ["plain", "struct", "list"])
def test_a_long_value_that_a_file_has_once_is_not_held_as_often_as_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, shape: str
) -> None:
    monkeypatch.setattr(parquet, "_MOST_REPEATED", LIMIT)
    values, rows = [b"short", os.urandom(100_000)], [n % 50 == 3 for n in range(1_000)]
    cells = pa.array([values[long] for long in rows])
    if shape == "struct":
        cells = pa.StructArray.from_arrays([cells, pa.nulls(1_000, pa.string())], fields=list(PICTURE))
    elif shape == "list":
        cells = pa.ListArray.from_arrays(pa.array(range(0, 1_001, 2), pa.int32()), cells)
    one = shard(tmp_path, pa.table({"jpg": cells}), compression=codec)
    assert one.place.size < 130_000
    found = read(one)
    assert [s.sha256 for s in found] == [None] * len(cells)
    assert len(found) == len(cells)
    assert max(s.origin.batch.num_rows for s in found) == (5 if shape == "list" else 10)


def test_what_is_often_used_and_short_is_read_as_before(tmp_path: Path) -> None:
    one = shard(tmp_path, pa.table({"text": ["the same, " * 20] * 5_000, "n": range(5_000)}))
    assert max(s.origin.batch.num_rows for s in read(one)) == 1_024


class _Keys(encryption.KmsClient):
    """Hides nothing."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        """As text."""
        return b64encode(key)

    def unwrap_key(self, key: str, _: str) -> bytes:
        """The same again."""
        return b64decode(key)


@pytest.mark.parametrize("plain_footer", [False, True])
@pytest.mark.parametrize("what", [{"column_keys": {"k": ["text"]}}, {"uniform_encryption": True}], ids=str)
def test_an_encrypted_table_is_one_broken_item(
    tmp_path: Path, what: dict[str, Any], plain_footer: bool
) -> None:
    asked = encryption.EncryptionConfiguration(footer_key="k", plaintext_footer=plain_footer, **what)
    factory = encryption.CryptoFactory(_Keys)
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), asked)
    table = pa.table({"text": ["a text"], "n": [1]})
    one = shard(tmp_path, table, encryption_properties=properties)
    assert [(s.key, s.gap) for s in read(one)] == [("t.parquet#…", "error.malformed")]
    with one.sink(tmp_path / "data") as sink:
        pass
    assert sink.written == ()
