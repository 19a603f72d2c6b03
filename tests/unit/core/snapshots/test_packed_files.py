"""Packed files: unpacked they are the very same bytes, and nothing else is ever taken for them."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registry.core.errors import Corrupt
from registry.core.snapshots import EditionFiles, write_edition
from registry.core.snapshots.blocks import Reader, bytes_block, facts_block, numbers_block
from registry.core.snapshots.manifest import MANIFEST, TERMS, WORKS
from registry.core.snapshots.packs import pack, pack_edition, pack_target, unpack, unpack_file
from registry.core.snapshots.tables import read_table, write_table
from tests.support.snapshots import growing_content, make_columns, make_content

LIST = "lists/image.phash256.v1.arrow"
HEAD = struct.Struct("<BQQ")


@pytest.fixture
def files(tmp_path: Path) -> EditionFiles:
    return write_edition(tmp_path / "edition", growing_content(3, 40, {4, 5}))


@pytest.mark.parametrize("works", [0, 1, 2, 9, 300])
def test_every_file_comes_back_byte_for_byte(tmp_path: Path, works: int) -> None:
    content = growing_content(2, works) if works > 9 else make_content(2, works=max(works, 3))
    if not works:
        content = replace(content, work_ids=[], work_terms=[], withdrawn=set(), lists={})
    files = write_edition(tmp_path / "edition", content)
    targets = pack_edition(files)
    assert set(targets) == {MANIFEST, *map(pack_target, files.manifest.files)}
    for name, entry in files.manifest.files.items():
        back = tmp_path / "back"
        unpack_file(targets[pack_target(name)].read_bytes(), name, entry, back)
        assert back.read_bytes() == files.paths[name].read_bytes()


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    packs = []
    for name in ("one", "two"):
        targets = pack_edition(write_edition(tmp_path / name, growing_content(1, 50)))
        packs.append({target: path.read_bytes() for target, path in targets.items()})
    assert packs[0] == packs[1]


def test_what_is_not_random_hardly_takes_room(tmp_path: Path) -> None:
    """32 bytes of code, and next to nothing for its row, kind and a regular aux."""
    rows = list(range(50_000))
    content = replace(
        make_content(works=len(rows)), withdrawn=set(), lists={"image.phash256.v1": make_columns(32, rows)}
    )
    files = write_edition(tmp_path / "edition", content)
    size = pack_edition(files)[pack_target(LIST)].stat().st_size
    assert size / len(rows) < 32.1


def test_any_flipped_bit_is_noticed(files: EditionFiles, tmp_path: Path) -> None:
    for name, entry in files.manifest.files.items():
        good = pack(name, read_table(files.paths[name], name))
        for position in np.random.default_rng(5).integers(0, len(good), 60).tolist():
            bad = bytearray(good)
            bad[position] ^= 1 << (position % 8)
            if bytes(bad) == good:
                continue
            try:
                unpack_file(bytes(bad), name, entry, tmp_path / "back")
            except Corrupt:
                assert not (tmp_path / "back").exists()
            else:  # a bit that means nothing, such as one of zstd's: what came out is what was signed
                assert (tmp_path / "back").read_bytes() == files.paths[name].read_bytes()
                (tmp_path / "back").unlink()


def test_a_pack_that_is_cut_off_or_too_long(files: EditionFiles) -> None:
    good = pack(LIST, read_table(files.paths[LIST], LIST))
    size = files.manifest.files[LIST].size
    for bad in (b"", good[:7], good[:-1], good[: len(good) // 2], good + b"\0", b"x" + good):
        with pytest.raises(Corrupt):
            unpack(bad, LIST, size)


def test_a_pack_of_another_file(files: EditionFiles) -> None:
    terms = pack(TERMS, read_table(files.paths[TERMS], TERMS))
    with pytest.raises(Corrupt, match="another file"):
        unpack(terms, LIST, 10_000)


@pytest.mark.parametrize("claimed", [1 << 33, 1 << 62, (1 << 64) - 1])
def test_a_claim_of_more_than_the_file_can_be_takes_no_memory(files: EditionFiles, claimed: int) -> None:
    """A block of a few bytes that says it unpacks to terabytes."""
    good = pack(LIST, read_table(files.paths[LIST], LIST))
    first_block = 8 + HEAD.size + HEAD.unpack(good[8 : 8 + HEAD.size])[2]
    bomb = good[:first_block] + HEAD.pack(0, claimed, 9) + bytes(9)
    with pytest.raises(Corrupt, match="more than it may"):
        unpack(bomb, LIST, files.manifest.files[LIST].size)


def test_rows_that_would_not_fit_the_file(files: EditionFiles) -> None:
    table = read_table(files.paths[LIST], LIST)
    facts = {"file": LIST, "frame": [0] * 5, "rows": 1 << 31, "width": 32}
    bomb = (
        b"VBHPACK1" + facts_block(facts) + bytes_block(b"") + bytes_block(table.columns["code"].reshape(-1))
    )
    with pytest.raises(Corrupt, match="belong"):
        unpack(bomb, LIST, files.manifest.files[LIST].size)


@pytest.mark.parametrize("facts", [{}, {"file": LIST}, {"file": LIST, "frame": 3, "rows": 1, "width": 1}])
def test_facts_that_are_none(facts: dict[str, object]) -> None:
    with pytest.raises(Corrupt):
        unpack(b"VBHPACK1" + facts_block(dict(facts)) + bytes_block(b""), LIST, 1000)


@pytest.mark.parametrize("kind", ["u1", "<u4", "<u8"])
def test_numbers_come_back(kind: str) -> None:
    rng, top = np.random.default_rng(1), int(np.iinfo(kind).max)
    for values in (
        np.empty(0, kind),
        np.array([top, 0, top, 1], kind),
        np.arange(100).astype(kind),
        rng.integers(0, top, 1000, dtype=np.dtype(kind), endpoint=True),
    ):
        back = Reader(numbers_block(values), 1 << 20).numbers(len(values), kind)
        assert back.dtype == values.dtype
        assert back.tolist() == values.tolist()


def test_bytes_are_no_numbers() -> None:
    with pytest.raises(Corrupt, match="numbers belong"):
        Reader(bytes_block(b"abcd"), 100).numbers(1, "<u4")
    with pytest.raises(Corrupt, match="bytes belong"):
        Reader(numbers_block(np.arange(4, dtype="<u4")), 100).data()


def test_a_table_is_put_together_as_it_was_taken_apart(files: EditionFiles, tmp_path: Path) -> None:
    for name in (WORKS, TERMS, LIST):
        digest = write_table(tmp_path / "again", name, read_table(files.paths[name], name))
        assert digest == files.manifest.files[name].sha256


def test_a_damaged_file_is_not_taken_apart(files: EditionFiles) -> None:
    files.paths[LIST].write_bytes(files.paths[LIST].read_bytes()[:100])
    with pytest.raises(Corrupt, match="vorbehalt sync"):
        read_table(files.paths[LIST], LIST)
    with pytest.raises(Corrupt, match="other columns"):
        read_table(files.paths[WORKS], LIST)
