"""The one append path: indices without gaps, retries without doubles, refusals without traces."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from sqlalchemy import select

from registry.base.db import Database
from registry.core.errors import Conflict, InvalidInput
from registry.core.tlog import merkle
from registry.log import service
from registry.log.models import LogEntry, LogNode


def item(number: int, body: bytes | None = None) -> tuple[bytes, bytes]:
    """The entry number such-and-such, with its idempotency key."""
    return service.idempotency_key(b"test", b"%d" % number), body or b"claim-%d" % number


def _append(database: Database, items: Sequence[tuple[bytes, bytes]]) -> list[int]:
    with database.writing() as session:
        return service.append(session, items)


def _head(database: Database) -> service.Head:
    with database.reading() as session:
        return service.head(session)


def test_an_empty_log(database: Database) -> None:
    assert _head(database) == service.Head(0, merkle.empty_root(), 0)
    assert _append(database, []) == []


def test_entries_get_the_next_indices_and_the_head_is_the_published_root(database: Database) -> None:
    assert _append(database, [item(0), item(1), item(2)]) == [0, 1, 2]
    assert _append(database, [item(3)]) == [3]
    assert _append(database, [item(4), item(5), item(6)]) == [4, 5, 6]
    head = _head(database)
    assert head.size == 7
    assert head.root.hex() == "5890cbe242706b126ae19c3fe2ec8acd39e614dfbe87b21ba53d84fa01325f4b"
    with database.reading() as session:
        assert service.entries(session, 2, 5) == [b"claim-2", b"claim-3", b"claim-4"]


def test_a_retry_gets_the_index_of_the_first_attempt(database: Database) -> None:
    _append(database, [item(0), item(1)])
    before = _head(database)
    assert _append(database, [item(1), item(0), item(1)]) == [1, 0, 1]
    assert _head(database) == before
    assert _append(database, [item(1), item(2), item(2), item(0), item(3)]) == [1, 2, 2, 0, 3]


def test_the_same_key_with_another_body_is_refused_and_nothing_is_written(database: Database) -> None:
    _append(database, [item(0), item(1)])
    before = _head(database)
    with pytest.raises(Conflict) as refused:
        _append(database, [item(2), item(1, b"other")])
    assert refused.value.details["index"] == 1
    with pytest.raises(Conflict):
        _append(database, [item(3), item(3, b"other")])
    assert _head(database) == before


@pytest.mark.parametrize("body", [b"", b"x" * 65_536])
def test_an_entry_that_fits_no_bundle_is_refused_before_sequencing(database: Database, body: bytes) -> None:
    with pytest.raises(InvalidInput), database.writing() as session:
        service.append(session, [item(0), (bytes(32), body)])
    assert _head(database).size == 0
    assert _append(database, [(bytes(32), b"x" * 65_535)]) == [0]


def test_a_key_of_another_length_is_refused(database: Database) -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        _append(database, [(b"short", b"body")])


def test_what_is_rolled_back_leaves_no_gap(database: Database) -> None:
    _append(database, [item(0)])
    with suppress(ZeroDivisionError), database.writing() as session:
        assert service.append(session, [item(1)]) == [1]
        raise ZeroDivisionError
    assert _append(database, [item(2)]) == [1]


def test_large_groups_store_the_hashes_of_higher_levels(database: Database) -> None:
    count = 1_300
    assert _append(database, [item(n) for n in range(700)]) == list(range(700))
    assert _append(database, [item(n) for n in range(600, count)]) == list(range(600, count))
    hashes = [merkle.leaf_hash(b"claim-%d" % n) for n in range(count)]
    assert _head(database).root == merkle.root(hashes)
    with database.reading() as session:
        assert list(session.scalars(select(LogEntry.leaf).order_by(LogEntry.idx))) == hashes
        nodes = session.execute(select(LogNode.level, LogNode.idx, LogNode.hash).order_by(LogNode.idx)).all()
        assert [tuple(node) for node in nodes] == [
            (1, n, merkle.root(hashes[n * 256 : (n + 1) * 256])) for n in range(count // 256)
        ]
        for size in (0, 1, 255, 256, 257, 1_024, 1_299, count):
            assert service.root_at(session, size) == merkle.root(hashes[:size])
        assert service.receipt_proof(session, 777, count) == merkle.inclusion_proof(777, hashes)
        assert service.consistency_proof(session, 300, count) == merkle.consistency_proof(300, hashes)


def test_changes_are_numbered_beside_the_entries(database: Database) -> None:
    with database.writing() as session:
        assert service.current_change_seq(session) == 0
        assert [service.next_change_seq(session) for _ in range(3)] == [1, 2, 3]
        service.append(session, [item(0)])
        assert service.next_change_seq(session) == 4
    head = _head(database)
    assert (head.size, head.change_seq) == (1, 4)
    with database.reading() as session:
        assert service.current_change_seq(session) == 4


def test_a_change_that_is_rolled_back_gives_its_number_back(database: Database) -> None:
    with suppress(ZeroDivisionError), database.writing() as session:
        service.next_change_seq(session)
        raise ZeroDivisionError
    with database.writing() as session:
        assert service.next_change_seq(session) == 1


def test_idempotency_keys_do_not_run_together() -> None:
    keys = {
        service.idempotency_key(b"ab", b"c"),
        service.idempotency_key(b"a", b"bc"),
        service.idempotency_key(b"abc"),
        service.idempotency_key(b"abc", b""),
        service.idempotency_key(),
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}
