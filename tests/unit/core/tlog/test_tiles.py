"""Addresses and contents of tiles, as C2SP tlog-tiles has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import Corrupt, InvalidInput
from registry.core.tlog.tiles import WIDTH, Tile, bundle, tiles_of, unbundle

PATHS = {
    Tile(0, 255): "tile/0/255",
    Tile(0, 256): "tile/0/256",
    Tile(0, 0): "tile/0/000",
    Tile(0, 1_000): "tile/0/x001/000",
    Tile(0, 1_234_067): "tile/0/x001/x234/067",
    Tile(2, 0, 1): "tile/2/000.p/1",
    Tile(None, 1_000, 17): "tile/entries/x001/000.p/17",
}


@pytest.mark.parametrize(("tile", "path"), PATHS.items())
def test_paths_are_the_published_ones(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0/0",
        "tile/00/000",
        "tile/8/000",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/300",
        "tile/0/000.p/01",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/data/000",
        "tile/0/٠٠٠",
        "tile/0/000\n",
    ],
)
def test_a_tile_has_one_path(path: str) -> None:
    with pytest.raises(InvalidInput):
        Tile.parse(path)


def test_seventy_thousand_entries_are_the_published_551_files() -> None:
    found = list(tiles_of(70_000))
    assert len(found) == 551
    assert len({tile.path for tile in found}) == 551
    assert all(tile.exists_in(70_000) for tile in found)
    partial = {(tile.level, tile.index, tile.width) for tile in found if tile.width < 256}
    assert partial == {(None, 273, 112), (0, 273, 112), (1, 1, 17), (2, 0, 1)}


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    assert {tile.path for tile in tiles_of(256)} == {"tile/entries/000", "tile/0/000", "tile/1/000.p/1"}
    assert list(tiles_of(0)) == []


@pytest.mark.parametrize(
    ("tile", "size"),
    [
        (Tile(0, 0), 255),
        (Tile(0, 0, 8), 7),
        (Tile(1, 0, 1), 255),
        (Tile(None, 1, 1), 256),
        (Tile(2, 0, 1), 65_535),
    ],
)
def test_a_tile_exists_only_when_all_that_it_holds_does(tile: Tile, size: int) -> None:
    assert not tile.exists_in(size)
    assert tile.exists_in(size + 1)


def test_bundles() -> None:
    entries = [b"a", b"", b"x" * 65_535, b"claim-3"]
    assert bundle([b"ab"]) == b"\x00\x02ab"
    assert unbundle(bundle(entries)) == entries
    with pytest.raises(InvalidInput):
        bundle([b"x" * 65_536])


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01ab", b"\xff\xff"])
def test_a_bundle_that_is_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt):
        unbundle(data)


@given(since=st.integers(0, 70_000), more=st.integers(0, 70_000))
def test_what_is_new_and_what_was_whole_are_all_there_is(since: int, more: int) -> None:
    size = since + more
    new, old, all_ = (set(tiles_of(*args)) for args in ((size, since), (since,), (size,)))
    assert new <= all_
    assert all_ - new <= old
    assert not {tile for tile in new & old if tile.width == WIDTH}
