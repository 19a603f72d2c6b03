"""Web archives packed with Zstandard, with and without a dictionary: kept frames as they were, broken ones counted."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BytesIO
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sources import Sample, open_sources
from crawler.sources.places import LocalFile
from crawler.sources.warc import WarcShard
from crawler.sources.warc_packed import Damaged, members, zstd
from tests.unit.crawler.archives import frames, packed, record, response, to_skip, urn
from tests.unit.crawler.shards import write

LIMIT = 1 << 20
INFO = record("warcinfo", 90, b"software: x\r\n", None)
PAGES = [response(n, b"<!doctype html><p>Page %d of some words.</p>" % n * 9) for n in range(40)]
DICTIONARY = zstd.train_dict(PAGES, 2000)
DICTIONARY_FRAME = to_skip(DICTIONARY.dict_content)


def read(path: Path, max_bytes: int = LIMIT) -> list[Sample]:
    digest = sha256()
    found = list(WarcShard(LocalFile.at(path), path.name).read(max_bytes, digest.update))
    assert digest.digest() == sha256(path.read_bytes()).digest()
    return found


def rewritten(path: Path, *dropped: str) -> bytes:
    shard, data = WarcShard(LocalFile.at(path), path.name), path.parent / "data"
    with shard.sink(data) as sink:
        for sample in shard.read(LIMIT, lambda _: None):
            (sink.write if sample.gap is None and sample.key not in dropped else sink.skip)(sample)
    return (data / path.name).read_bytes()


@pytest.mark.parametrize("name", ["a.warc.zst", "a.wet.zst", "a.wat.zst"])
def test_the_names_are_known(tmp_path: Path, name: str) -> None:
    (source,) = open_sources([write(tmp_path / name, frames(INFO))])
    assert source.format == "warc"


def test_kept_frames_are_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.zst", frames(INFO, *PAGES[:3]))
    assert [(s.key, s.gap, s.size) for s in read(path)] == [
        (urn(n), None, len(frames(PAGES[n]))) for n in range(3)
    ]
    assert rewritten(path) == path.read_bytes()
    assert rewritten(path, urn(0), urn(2)) == frames(INFO, PAGES[1])


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("info", [(), (INFO,)])
def test_the_dictionary_stays_in_front(tmp_path: Path, is_packed: bool, info: tuple[bytes, ...]) -> None:
    content = DICTIONARY.dict_content
    first = to_skip(zstd.compress(content) if is_packed else content)
    path = write(tmp_path / "a.warc.zst", first + frames(*info, *PAGES[:3], dictionary=DICTIONARY))
    assert [s.gap for s in read(path)] == [None] * 3
    parts = [part.text or part.data.decode() for s in read(path) for part in s.parts if part.data]
    assert len(parts) == 3
    assert "Page 2 of some words." in parts[2]
    assert rewritten(path) == path.read_bytes()
    assert rewritten(path, urn(0)) == first + frames(*info, *PAGES[1:3], dictionary=DICTIONARY)
    again = write(tmp_path / "b.warc.zst", rewritten(path, urn(0), urn(1)))
    assert [s.key for s in read(again)] == [urn(2)]


def with_dictionary(*records: bytes) -> bytes:
    return DICTIONARY_FRAME + frames(*records, dictionary=DICTIONARY)


GOOD = frames(PAGES[0])
BROKEN = {
    "cut": (GOOD + frames(PAGES[1])[:-1], "error.truncated"),
    "cut in the mark": (GOOD + frames(PAGES[1])[:2], "error.truncated"),
    "no frame": (GOOD + b"what is this", "error.malformed"),
    "changed": (GOOD + frames(PAGES[1])[:20] + b"\xff\xff" + frames(PAGES[1])[22:], "error.malformed"),
    "two records": (GOOD + frames(PAGES[1] + PAGES[2]), "error.malformed"),
    "half a record": (GOOD + frames(PAGES[1][:-9]), "error.malformed"),
    "an empty frame": (GOOD + frames(b""), "error.malformed"),
    "a frame to skip": (GOOD + to_skip(PAGES[1], 0), "error.malformed"),
    "a late dictionary": (GOOD + DICTIONARY_FRAME, "error.malformed"),
    "a dictionary that is missing": (GOOD + frames(PAGES[1], dictionary=DICTIONARY), "error.malformed"),
    "zeros": (GOOD + bytes(512), "error.malformed"),
}
LOST = {
    "nothing but a mark": (DICTIONARY_FRAME[:6], "error.truncated"),
    "a cut dictionary": (DICTIONARY_FRAME[:-1], "error.truncated"),
    "a large dictionary": (to_skip(b"")[:4] + b"\xff\xff\xff\x7f", "error.too-large"),
    "a bomb": (to_skip(zstd.compress(bytes(20 << 20))), "error.too-large"),
    "no dictionary": (to_skip(b"1234"), "error.malformed"),
    "a packed piece": (to_skip(zstd.compress(DICTIONARY.dict_content)[:-5]), "error.malformed"),
    "another dictionary": (
        to_skip(zstd.train_dict([p[::-1] for p in PAGES], 2000).dict_content)
        + frames(PAGES[0], dictionary=DICTIONARY),
        "error.malformed",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damage_is_one_item_behind_the_good_ones(tmp_path: Path, name: str) -> None:
    data, gap = BROKEN[name]
    path = write(tmp_path / "a.warc.zst", data)
    assert [(s.key, s.gap) for s in read(path)] == [(urn(0), None), ("a.warc.zst/…", gap)]
    assert rewritten(path) == GOOD


@pytest.mark.parametrize("name", LOST)
def test_without_its_dictionary_nothing_is_read(tmp_path: Path, name: str) -> None:
    data, gap = LOST[name]
    path = write(tmp_path / "a.warc.zst", data)
    assert [(s.key, s.gap) for s in read(path)] == [("a.warc.zst/…", gap)]


def test_a_record_that_grows_beyond_the_limit_is_counted_and_not_held(tmp_path: Path) -> None:
    bomb = frames(response(1, bytes(200 << 20)))
    path = write(tmp_path / "a.warc.zst", GOOD + bomb + frames(PAGES[2]))
    tracemalloc.start()
    found = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(s.key, s.gap) for s in found] == [
        (urn(0), None), (urn(1), "error.too-large"), (urn(2), None),
    ]  # fmt: skip
    assert found[1].size == len(bomb)
    assert peak < 24 << 20
    assert rewritten(path) == GOOD + frames(PAGES[2])


def test_a_window_beyond_what_is_allowed_is_refused() -> None:
    level: Mapping[int, int] = {
        zstd.CompressionParameter.window_log: 30,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    packer = zstd.ZstdCompressor(options=level)
    frame = packer.compress(PAGES[0]) + packer.flush()
    with pytest.raises(Damaged) as problem:
        list(members(BytesIO(frame), LIMIT, LIMIT))
    assert problem.value.gap == "error.malformed"


@pytest.mark.parametrize("pack", [frames, packed, with_dictionary])
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_cut_anywhere_loses_only_what_is_behind(pack: Callable[..., bytes], cut: float) -> None:
    data = pack(*PAGES[:4])
    whole = list(members(BytesIO(data), LIMIT, LIMIT))
    ends = [0, *accumulate(member.size for member in whole)]
    end, found = int(cut * len(data)), []
    try:
        for member in members(BytesIO(data[:end]), LIMIT, LIMIT):
            found.append(member)
    except Damaged:
        assert end not in ends
    else:
        assert end in ends
    assert found == whole[: sum(one <= end for one in ends[1:])]


def test_members_are_the_same_however_the_file_is_read() -> None:
    data = with_dictionary(*PAGES, response(77, random.Random(1).randbytes(300_000)))
    assert b"".join(m.raw for m in members(BytesIO(data), LIMIT, LIMIT)) == data
    assert [m.content for m in members(BytesIO(data), LIMIT, LIMIT)][1:-1] == PAGES
