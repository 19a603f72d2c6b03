from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.sources import open_sources
from crawler.sources.base import Listing, Sample
from crawler.sources.folder import FolderShard, FolderSource, walk
from registry.core.errors import InvalidInput

_NAMES = st.text(st.sampled_from("ab.-/ é~Z"), min_size=1, max_size=9)


def _unwatched(data: bytes) -> None:
    raise AssertionError("a folder has no bytes of its own")


def _read(root: Path, max_bytes: int = 100) -> list[Sample]:
    (shard,) = FolderSource(root, root.name, nested=False).shards(100)
    return list(shard.read(max_bytes, _unwatched))


@given(names=st.sets(_NAMES, max_size=12))
@settings(max_examples=60)
def test_files_come_in_the_order_of_their_whole_path_as_bytes(names: set[str]) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        for name in names:
            path = root / name.strip("/")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
            except OSError:  # a folder of that name is there already
                continue
        found = [entry.path for entry in walk(root)]
        there = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
        assert found == sorted(there, key=os.fsencode)
    finally:
        shutil.rmtree(root)


def test_hidden_files_are_items_and_links_are_listed_but_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / ".hidden").write_bytes(b"seen")
    (outside / "secret").write_bytes(b"never read")
    (inside / "file-link").symlink_to(outside / "secret")
    (inside / "folder-link").symlink_to(outside)
    (inside / "dangling").symlink_to("nowhere")
    os.mkfifo(inside / "pipe")

    found = {sample.key: (sample.raw, sample.gap) for sample in _read(inside)}

    assert found == {
        ".hidden": (b"seen", None),
        "dangling": (b"", "unchecked.symlink"),
        "file-link": (b"", "unchecked.symlink"),
        "folder-link": (b"", "unchecked.symlink"),
        "pipe": (b"", "unchecked.special-file"),
    }


def test_a_file_above_the_limit_is_not_held_but_has_its_digest(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 101)
    (tmp_path / "limit").write_bytes(b"y" * 100)
    large, limit = _read(tmp_path)
    assert (large.raw, large.size, large.gap) == (b"", 101, "error.too-large")
    assert large.sha256 == sha256(b"x" * 101).hexdigest()
    assert limit.gap is None
    assert len(limit.raw) == 100


@pytest.mark.parametrize("becomes", ["gone", "link", "folder"])
def test_a_file_that_changes_its_nature_after_the_walk_is_unreadable(tmp_path: Path, becomes: str) -> None:
    path, other = tmp_path / "in" / "a", tmp_path / "other"
    path.parent.mkdir()
    path.write_bytes(b"x")
    other.write_bytes(b"never read")
    (shard,) = FolderSource(path.parent, "in", nested=False).shards(9)
    path.unlink()
    if becomes == "link":
        path.symlink_to(other)
    elif becomes == "folder":
        path.mkdir()
    (sample,) = shard.read(100, _unwatched)
    assert (sample.raw, sample.gap) == (b"", "error.unreadable")


def test_names_that_are_no_utf8_are_shown_and_written_back_as_they_are(tmp_path: Path) -> None:
    source, data = tmp_path / "in", tmp_path / "data"
    source.mkdir()
    name = os.fsdecode(b"caf\xe9.txt")
    (source / name).write_bytes(b"x")
    (shard,) = FolderSource(source, "in", nested=False).shards(9)
    (sample,) = shard.read(100, _unwatched)
    assert sample.key == "caf\\xe9.txt"
    with shard.sink(data) as sink:
        sink.write(sample)
    assert (data / name).read_bytes() == b"x"


def test_a_skipped_file_leaves_nothing_of_an_earlier_attempt(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a").write_bytes(b"x")
    left = tmp_path / "data" / "deep" / "a"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    (shard,) = FolderSource(tmp_path / "in", "in", nested=False).shards(9)
    with shard.sink(tmp_path / "data") as sink:
        for sample in shard.read(100, _unwatched):
            sink.skip(sample)
    assert not left.exists()


def test_shards_are_cut_by_number_and_notice_any_change(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}").write_bytes(b"x")
    source = FolderSource(tmp_path, "in", nested=False)
    before = [shard.state() for shard in source.shards(2)]
    assert len(before) == 3
    (tmp_path / "3").write_bytes(b"xy")
    after = [shard.state() for shard in source.shards(2)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_a_folder_among_several_inputs_keeps_its_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(b"x")
    alone = next(open_sources([tmp_path / "a"])[0].shards(9))
    beside = next(open_sources([tmp_path / "a", tmp_path / "b"])[0].shards(9))
    assert isinstance(alone, FolderShard)
    assert [next(iter(s.read(9, _unwatched))).key for s in (alone, beside)] == ["x", "a/x"]
    assert beside.kept_path(tmp_path / "data", 0) == tmp_path / "data" / "a" / "x"


def test_inputs_that_cannot_be_told_apart_or_read_are_refused(tmp_path: Path) -> None:
    for name in ("one/x", "two/x"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notes.doc").write_bytes(b"x")
    with pytest.raises(InvalidInput, match="Two inputs are called"):
        open_sources([tmp_path / "one/x", tmp_path / "two/x"])
    with pytest.raises(InvalidInput, match="no file or folder"):
        open_sources([tmp_path / "missing"])
    with pytest.raises(InvalidInput, match="neither a folder"):
        open_sources([tmp_path / "notes.doc"])


def test_a_listing_is_the_digest_of_what_sha256sum_prints(tmp_path: Path) -> None:
    names = ["a", "b c", "back\\slash", "line\nbreak"]
    listing = Listing()
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
        listing.add(name, sha256(name.encode()).hexdigest(), len(name))
    printed = subprocess.run(["sha256sum", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    assert listing.hexdigest() == sha256(printed).hexdigest()
    assert (listing.files, listing.bytes) == (4, sum(map(len, names)))
