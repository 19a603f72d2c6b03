"""What the log serves: receipts that verify offline, tiles from which anyone can rebuild the tree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from registry.base.db import Database
from registry.core.errors import NotFound, NotReady
from registry.core.records.leaves import TariffLeaf
from registry.core.records.receipts import verify_receipt
from registry.core.tlog import merkle, tiles
from registry.log import service
from registry.log.keys import LogKey

NOW = datetime(2026, 8, 2, 9, 30, tzinfo=UTC)


def _bodies(start: int, stop: int) -> list[bytes]:
    return [
        TariffLeaf(tariff="tariff_x", version=n, terms="ab" * 32, at=5).body() for n in range(start, stop)
    ]


def _grow(database: Database, key: LogKey, start: int, stop: int) -> None:
    with database.writing() as session:
        service.append(session, [(service.idempotency_key(body), body) for body in _bodies(start, stop)])
    with database.writing() as session:
        service.sign_checkpoint(session, key, NOW)


def test_a_receipt_verifies_offline(database: Database, log_key: LogKey) -> None:
    _grow(database, log_key, 0, 300)
    for index in (0, 255, 256, 299):
        with database.reading() as session:
            text = service.receipt(session, index)
        verified = verify_receipt(text, log_key.policy)
        assert (verified.index, verified.size) == (index, 300)
        assert verified.leaf.body() == _bodies(index, index + 1)[0]


def test_an_entry_has_no_receipt_before_it_is_signed(database: Database, log_key: LogKey) -> None:
    _grow(database, log_key, 0, 3)
    with database.writing() as session:
        service.append(session, [(bytes(32), b"late")])
    with database.reading() as session:
        with pytest.raises(NotReady, match="not covered"):
            service.receipt(session, 3)
        for index in (-1, 4):
            with pytest.raises(NotFound):
                service.receipt(session, index)


def test_the_tree_can_be_rebuilt_from_what_is_served_and_from_nothing_else(
    database: Database, log_key: LogKey
) -> None:
    size = 1_000
    _grow(database, log_key, 0, size)
    with database.reading() as session:
        served = {tile: service.tile(session, tile.path) for tile in tiles.tiles_of(size)}
        checkpoint = service.latest_checkpoint(session).checkpoint
    entries = [e for tile, data in served.items() if tile.level is None for e in tiles.unbundle(data)]
    assert entries == _bodies(0, size)
    assert {len(served[tile]) for tile in served if tile.level is not None and tile.width == 256} == {8_192}

    def read(level: int, start: int, stop: int) -> Sequence[bytes]:
        data = b"".join(served[tile] for tile in served if tile.level == level)
        return [data[i * 32 : (i + 1) * 32] for i in range(start, stop)]

    assert read(0, 0, size) == [merkle.leaf_hash(entry) for entry in entries]
    assert tiles.subtree_root(read, 0, size) == checkpoint.root


def test_tiles_never_change_as_the_log_grows(database: Database, log_key: LogKey) -> None:
    _grow(database, log_key, 0, 300)
    with database.reading() as session:
        before = {tile.path: service.tile(session, tile.path) for tile in tiles.tiles_of(300)}
    _grow(database, log_key, 300, 600)
    with database.reading() as session:
        assert {path: service.tile(session, path) for path in before} == before


@pytest.mark.parametrize(
    "path",
    ["tile/0/000", "tile/0/000.p/4", "tile/entries/000.p/4", "tile/1/000.p/1", "tile/0/0", "checkpoint", ""],
)
def test_what_no_signed_checkpoint_covers_is_not_there(
    database: Database, log_key: LogKey, path: str
) -> None:
    with database.reading() as session, pytest.raises(NotFound):
        service.tile(session, path)
    _grow(database, log_key, 0, 3)
    with database.writing() as session:
        service.append(session, [(bytes([n]) * 32, b"unsigned") for n in range(255)])
    with database.reading() as session:
        assert len(service.tile(session, "tile/0/000.p/3")) == 96
        with pytest.raises(NotFound):
            service.tile(session, path)
