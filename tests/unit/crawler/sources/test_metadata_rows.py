"""Rows that name items elsewhere: which columns say something, what they say, and what is wrong with the rest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sources import Sample, open_sources, stated_in
from crawler.sources.metadata import Stated, fingerprints_of_row, read_row, stated_columns
from registry.core.errors import InvalidInput
from registry.core.fingerprints import SOURCE_DOMAIN, check_code, fingerprint_url

URL = "https://anna.example/dunes.jpg"
SHA = hashlib.sha256(b"dunes").digest()
MD5 = hashlib.md5(b"dunes").digest()


def algorithms(row: dict[str, Any], *asked: str) -> list[str]:
    return [f.algorithm for f in fingerprints_of_row(row, stated_columns(tuple(row), asked))]


# -- columns ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("names", "stated"),
    [
        (("URL", "TEXT", "WIDTH", "hash", "pwatermark"), Stated(("URL",))),  # LAION-400M
        (("uid", "url", "text", "sha256"), Stated(("url",), (("sha256", "digest.sha256.v1"),))),  # DataComp
        (("url", "key", "status", "md5", "width"), Stated(("url",), (("md5", "digest.md5.v1"),))),
        (("id", "url", "image_phash"), Stated(("url",))),  # COYO; its hash is another one of 64 bits
        (("text", "id", "dump", "url", "date"), Stated(("url",))),  # FineWeb
        (("Image.PHash256.v1",), Stated((), (("Image.PHash256.v1", "image.phash256.v1"),))),
        (("url", "phash", "pHash", "hash"), Stated(("url",))),  # somebody's, made somehow
        (("phash64",), Stated((), (("phash64", "image.phash64.v1"),))),
        (("license_url", "page", "text"), Stated()),
    ],
)
def test_columns_are_known_by_name(names: tuple[str, ...], stated: Stated) -> None:
    assert stated_columns(names) == stated


def test_columns_that_are_asked_for_are_the_only_ones() -> None:
    names = ("url", "link", "sha256", "md5")
    assert stated_columns(names, ("link", "md5")) == Stated(("link",), (("md5", "digest.md5.v1"),))
    assert stated_columns(names, ("gone",)) == Stated()


# -- rows ---------------------------------------------------------------------------------------------------
def test_a_row_states_its_address_with_all_scopes_and_its_digests() -> None:
    row = {"url": URL, "sha256": SHA.hex().upper(), "md5": MD5, "caption": "dunes"}
    found = fingerprints_of_row(row, stated_columns(tuple(row)))
    assert found[:-2] == fingerprint_url(URL)
    assert [(f.algorithm, f.code) for f in found[-2:]] == [("digest.sha256.v1", SHA), ("digest.md5.v1", MD5)]
    for f in found:
        check_code(f.algorithm, f.kind, f.code)


def test_a_stored_picture_code_is_of_the_full_frame() -> None:
    (found,) = fingerprints_of_row({"phash256": "ab" * 32}, stated_columns(("phash256",)))
    assert (found.algorithm, found.kind) == ("image.phash256.v1", "full")


def test_two_columns_with_one_address_state_it_once() -> None:
    row = {"url": URL, "image_url": URL}
    assert fingerprints_of_row(row, stated_columns(tuple(row))) == fingerprint_url(URL)


@pytest.mark.parametrize(
    ("row", "gap"),
    [
        ({"url": URL}, None),
        ({"url": URL, "sha256": None}, None),
        ({"url": URL, "sha256": ""}, None),
        ({"sha256": SHA}, None),
        ({"url": None, "sha256": SHA}, "unchecked.no-address"),
        ({"url": ""}, "unchecked.no-address"),
        ({"url": None, "image_url": URL}, None),
        ({"text": "dunes"}, "unchecked.no-address"),
        ({}, "unchecked.no-address"),
        ({"url": "dunes.jpg"}, "error.malformed"),
        ({"url": "data:image/png;base64,xx"}, "error.malformed"),
        ({"url": 7}, "error.malformed"),
        ({"url": [URL]}, "error.malformed"),
        ({"url": URL.encode()}, "error.malformed"),
        ({"url": URL, "sha256": "ab"}, "error.malformed"),
        ({"url": URL, "sha256": "zz" * 32}, "error.malformed"),
        ({"url": URL, "sha256": SHA[:31]}, "error.malformed"),
        ({"url": URL, "sha256": 7}, "error.malformed"),
        ({"url": URL, "md5": SHA}, "error.malformed"),
    ],
)
def test_what_is_not_all_that_should_be_known_is_a_gap(row: dict[str, Any], gap: str | None) -> None:
    assert read_row(row, stated_columns(tuple(row)))[1] == gap


@pytest.mark.parametrize("code", ["33b6cc25d9d3c959", "25eca8f7b1d2b6d2"])
def test_a_short_hash_that_ours_cannot_be_is_refused(code: str) -> None:
    """No first bit: the DC coefficient, by which ours begins, is not in it."""
    row = {"image_phash": code}
    assert read_row(row, stated_columns(tuple(row), ("phash64=image_phash",))) == ((), "error.malformed")


@pytest.mark.parametrize("code", ["8000000000000000", "0000000000000000", "ffff0000ff800000"])
def test_the_short_hash_of_a_flat_or_symmetric_picture_states_nothing(code: str) -> None:
    rows: list[dict[str, object]] = [{"phash64": code}, {"phash64": bytes.fromhex(code)}]
    for row in rows:
        assert read_row(row, stated_columns(tuple(row))) == ((), "unchecked.no-address")


@pytest.mark.parametrize("code", ["ffffffff80000000", "7fffffff80000000", "ffffffff8", "ffffffff0000000g", 7])
def test_what_is_no_short_hash_is_refused(code: object) -> None:
    row = {"phash64": code}
    assert read_row(row, stated_columns(tuple(row))) == ((), "error.malformed")


def test_a_bad_value_does_not_hide_the_good_ones() -> None:
    """What is on record is denied, whatever else is wrong with its row."""
    row = {"url": "nowhere", "image_url": URL, "sha256": "zz", "md5": MD5}
    found, gap = read_row(row, stated_columns(tuple(row)))
    assert found[0].algorithm == "source.url.v1"
    assert found[-1].code == MD5
    assert gap == "error.malformed"
    with pytest.raises(InvalidInput):
        fingerprints_of_row(row, stated_columns(tuple(row)))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_NAMES = (
    st.sampled_from(["url", "URL", "image_url", "sha256", "md5", "phash256", "digest.sha256.v1"]) | st.text()
)


@given(st.dictionaries(_NAMES, _VALUES | st.text().map("https://".__add__), max_size=6))
def test_no_row_does_worse_than_having_a_gap(row: dict[str, Any]) -> None:
    found, gap = read_row(row, stated_columns(tuple(row)))
    assert found or gap
    for f in found:
        check_code(f.algorithm, f.kind, f.code)


# -- formats ------------------------------------------------------------------------------------------------
def samples(path: Path, column: str | None = None) -> list[Sample]:
    (source,) = open_sources([path], column=column, metadata_only=True)
    (shard,) = source.shards(10)
    return list(shard.read(1 << 20, lambda data: None))


def gaps(found: list[Sample]) -> list[str | None]:
    return [sample.gap for sample in found]


def test_json_lines_state_each_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "urls.jsonl"
    lines = [
        json.dumps({"id": "a", "url": URL, "text": "dunes"}),
        json.dumps({"URL": URL}),
        json.dumps({"text": "no address"}),
        "[1]",
        '{"url": "\\ud800"}',
        json.dumps({"url": "ftp://anna.example/"}),
        '{"url": "https://other.example/", "url": "https://bert.example/"}',
    ]
    path.write_text("\n".join(lines))
    found = samples(path)
    assert [s.key for s in found] == ["a", "2", "3", "4", "5", "6", "7"]
    assert [s.stated for s in found[:2]] == [fingerprint_url(URL)] * 2
    assert gaps(found)[:4] == [None, None, "unchecked.no-address", "error.malformed"]
    assert gaps(found)[4:] == ["error.malformed", "error.malformed", "error.duplicate-key"]
    assert found[0].raw == lines[0].encode() + b"\n"


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_parquet_rows_state_by_the_columns_of_their_table(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "urls.parquet"
    urls = pa.array([URL, None, "", "nowhere"], pa.string()).cast(kind)
    digests = pa.array([SHA.hex(), SHA.hex(), None, None], pa.string())
    pq.write_table(pa.table({"URL": urls, "sha256": digests, "WIDTH": [1, 2, 3, 4]}), path)
    found = samples(path)
    assert [s.key for s in found] == [f"urls.parquet#{i}" for i in range(4)]
    assert gaps(found) == [None, "unchecked.no-address", "unchecked.no-address", "error.malformed"]
    assert found[0].stated is not None
    assert [f.algorithm for f in found[0].stated] == [
        "source.url.v1",
        *["source.domain.v1"] * 2,
        "digest.sha256.v1",
    ]


def test_digests_may_be_bytes(tmp_path: Path) -> None:
    path = tmp_path / "digests.parquet"
    column = pa.array([SHA, b"short", None], pa.binary())
    pq.write_table(pa.table({"sha256": column}), path)
    assert gaps(samples(path)) == [None, "error.malformed", "unchecked.no-address"]


def test_a_text_that_is_no_utf8_is_one_broken_row(tmp_path: Path) -> None:
    path = tmp_path / "urls.parquet"
    raw = pa.array([URL.encode(), b"https://a.example/\xff"], pa.binary())
    urls = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    pq.write_table(pa.table({"url": urls}), path)
    assert gaps(samples(path)) == [None, "error.malformed"]


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ({"text": ["a"]}, None, "no column of addresses"),
        ({"url": [1]}, None, "of type int64"),
        ({"link": ["a"]}, "gone", "no column gone"),
    ],
)
def test_a_table_that_states_nothing_is_refused_before_the_run(
    tmp_path: Path, table: dict[str, list[Any]], column: str | None, words: str
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(table), path)
    with pytest.raises(InvalidInput, match=words):
        samples(path, column)


@pytest.mark.parametrize(
    ("names", "asked", "expect"),
    [
        (("h", "u"), ("md5=h", "url=u"), Stated(("u",), (("h", "digest.md5.v1"),))),
        (("h",), ("PHASH256=h",), Stated((), (("h", "image.phash256.v1"),))),
        (("site",), ("domain=site",), Stated(domains=("site",))),
        (("domain", "text"), (), Stated(domains=("domain",))),
        (("domain", "url"), (), Stated(("url",))),
        (("md5=h",), ("md5=h",), Stated(("md5=h",))),
        (("a=b",), ("a=b",), Stated(("a=b",))),
        (("h",), ("sha1=h",), Stated()),
    ],
)
def test_a_column_can_be_said_to_hold_something(
    names: tuple[str, ...], asked: tuple[str, ...], expect: Stated
) -> None:
    assert stated_columns(names, asked) == expect


def test_a_domain_stands_for_the_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"site": ["WWW.Anna.example", "", None, "no domain", "http://a.example/"]}), path)
    found = samples(path, "domain=site")
    assert [f.algorithm for f in found[0].stated or ()] == [SOURCE_DOMAIN] * 3
    assert found[0].stated == fingerprint_url("https://www.anna.example/")[1:]
    assert gaps(found) == [
        None,
        "unchecked.no-address",
        "unchecked.no-address",
        "error.malformed",
        "error.malformed",
    ]
    assert (
        stated_in(open_sources([path], column="domain=site", metadata_only=True))
        == "rows.parquet: site (domain)"
    )


def test_a_column_of_any_name_can_be_the_address(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"link": [URL], "url": ["nowhere"]}), path)
    assert gaps(samples(path, "link")) == [None]


def test_only_rows_state_anything(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"x")
    with pytest.raises(InvalidInput, match="parquet, JSON lines and WARC"):
        samples(tmp_path / "pictures")


def test_another_way_to_compare_is_another_run(tmp_path: Path) -> None:
    path = tmp_path / "urls.jsonl"
    path.write_text("{}\n")
    states = {
        next(source.shards(1)).state()
        for more in ({}, {"metadata_only": True}, {"metadata_only": True, "column": "url"})
        for source in open_sources([path], **more)
    }
    assert len(states) == 3
