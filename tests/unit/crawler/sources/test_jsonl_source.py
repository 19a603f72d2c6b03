from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sources.base import Sample, Shard, Written
from crawler.sources.jsonl import JsonLinesShard
from crawler.sources.places import LocalFile


def _shard(path: Path, data: bytes, column: str = "text") -> Shard:
    path.write_bytes(data)
    return JsonLinesShard(LocalFile.at(path), path.name, column)


def _read(path: Path, data: bytes, max_bytes: int = 100) -> list[Sample]:
    seen: list[bytes] = []
    samples = list(_shard(path, data).read(max_bytes, seen.append))
    assert b"".join(seen) == data
    return samples


@given(data=st.binary(max_size=300) | st.lists(st.binary(max_size=40)).map(b"\n".join))
def test_whatever_the_file_every_line_is_an_item_and_no_byte_is_lost(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    samples = _read(tmp_path_factory.mktemp("lines") / "x.jsonl", data, max_bytes=32)
    assert len(samples) == data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    assert [s.row for s in samples] == list(range(len(samples)))
    assert sum(s.size for s in samples) == len(data)


@pytest.mark.parametrize(
    ("line", "key", "gap"),
    [
        (b'{"id": "a", "text": "T"}', "a", None),
        (b'{"id": 12, "text": "T"}', "12", None),
        (b'{"text": "T"}', "1", None),
        (b'{"id": true, "text": "T"}', "1", None),
        (b'{"id": null, "text": "T"}', "1", None),
        (b'\xef\xbb\xbf{"id": "bom", "text": "T"}', "bom", None),
        (b'{"id": "a"}', "a", "error.no-text"),
        (b'{"id": "a", "text": 5}', "a", "error.no-text"),
        (b'{"id": "a", "text": null}', "a", "error.no-text"),
        (b'{"id": "a", "text": "cut', "1", "error.malformed"),
        (b'["text"]', "1", "error.malformed"),
        (b'"text"', "1", "error.malformed"),
        (b" ", "1", "error.malformed"),
        (b'{"text": NaN}', "1", "error.malformed"),
        (b'{"text": "\xff"}', "1", "error.malformed"),
        (b'{"text": "\\ud800"}', "1", "error.malformed"),
        (b'{"text": "T"} {"text": "U"}', "1", "error.malformed"),
        (b'{"text": "U", "text": "T"}', "1", "error.duplicate-key"),
        (b'{"text": "T", "id": "a", "text": "T"}', "a", "error.duplicate-key"),
        (b'{"text": "U", "\\u0074ext": "T"}', "1", "error.duplicate-key"),
        (b'{"\\u0074ex\\u0074": "U", "text": "T"}', "1", "error.duplicate-key"),
        (b'{"text": "T", "x": {"text": 1, "text": 2}}', "1", "error.duplicate-key"),
        (
            b'{"text": "T", "x": {"text": 1}, "y": "text", "z": "\\u0041", "m": 12345678901234567890123}',
            "1",
            None,
        ),
        (b'{"text": "T", "text ": "U", "Text": "U"}', "1", None),
        (b'{"text": "T", "a": "text", "b": ' + b"[" * 30 + b"]" * 30 + b"}", "1", None),
    ],
)
def test_a_line_has_its_key_or_the_reason_why_it_has_no_text(
    tmp_path: Path, line: bytes, key: str, gap: str | None
) -> None:
    (sample,) = _read(tmp_path / "x.jsonl", line)
    assert (sample.key, sample.gap, sample.text) == (key, gap, None if gap else "T")
    assert sample.raw == line


def test_a_line_above_the_limit_is_passed_over_without_being_held(tmp_path: Path) -> None:
    long = b'{"text": "' + b"x" * 500 + b'"}\n'
    samples = _read(tmp_path / "x.jsonl", long + b'{"text": "T"}\n' + long[:-1], max_bytes=64)
    assert [(s.gap, len(s.raw), s.size) for s in samples] == [
        ("error.too-large", 0, len(long)),
        (None, 14, 14),
        ("error.too-large", 0, len(long) - 1),
    ]


def test_kept_lines_are_written_back_byte_for_byte(tmp_path: Path) -> None:
    lines = [b'{"text":"a"}\n', b'  { "text" : "b" }  \r\n', json.dumps({"text": "é"}).encode()]
    shard = _shard(tmp_path / "x.jsonl", b"".join(lines))
    with shard.sink(tmp_path / "data") as sink:
        for sample in shard.read(100, lambda data: None):
            (sink.skip if sample.text == "a" else sink.write)(sample)
    kept = (tmp_path / "data" / "x.jsonl").read_bytes()
    assert kept == b"".join(lines[1:])
    assert sink.written == (Written("x.jsonl", sha256(kept).hexdigest(), len(kept)),)


def test_an_interrupted_sink_claims_no_digest(tmp_path: Path) -> None:
    shard = _shard(tmp_path / "x.jsonl", b'{"text":"a"}\n')
    sink = shard.sink(tmp_path / "data")
    with pytest.raises(RuntimeError), sink:
        raise RuntimeError
    assert sink.written == ()


def test_another_column_or_content_is_another_state(tmp_path: Path) -> None:
    first = _shard(tmp_path / "x.jsonl", b'{"text":"a"}\n').state()
    assert _shard(tmp_path / "x.jsonl", b'{"text":"a"}\n', column="body").state() != first
    assert _shard(tmp_path / "x.jsonl", b'{"text":"ab"}\n').state() != first
