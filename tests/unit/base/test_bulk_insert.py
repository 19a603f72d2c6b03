"""Rows that are inserted in bulk are those that an ordinary insert would have stored."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from registry.base.bulk_insert import insert_many
from registry.parties.models import ApiKey, Party
from tests.factories import START

ABROAD = (START + timedelta(microseconds=17)).astimezone(timezone(timedelta(hours=-5)))
PARTIES = ("public_id", "role", "name", "email", "password", "created_at")
KEYS = ("public_id", "party_id", "name", "digest", "scope_names", "created_at", "expires_at", "revoked_at")


def party(n: int, name: str, created_at: datetime = START) -> tuple[Any, ...]:
    return bytes([n]) * 16, "creator", name, None, None, created_at


@pytest.mark.parametrize("name", ["Ünal\tO’Brien", "\\N", "\\x41\\", "a,b;'\"%s?:name", "line\nline\r\n", ""])
def test_texts_are_not_read_as_anything_else(session: Session, name: str) -> None:
    insert_many(session, Party, PARTIES, [party(1, name), party(2, "between"), party(3, name)])
    assert session.scalars(select(Party.name).order_by(Party.public_id)).all() == [name, "between", name]


def test_every_value_is_as_an_ordinary_insert_stores_it(session: Session) -> None:
    values = [party(1, "Anna"), party(2, "Ben", ABROAD), party(3, "Cleo", ABROAD), party(4, "Dora")]
    insert_many(session, Party, PARTIES, values[:2])
    session.execute(insert(Party), [dict(zip(PARTIES, value, strict=True)) for value in values[2:]])
    owner = session.scalars(select(Party.id).order_by(Party.public_id)).first()
    keys = [
        (bytes([n]) * 16, owner, "key", bytes([n, 0, 9, 10, 92]), ["a", "ü\\"][:n], START, ABROAD, None)
        for n in range(4)
    ]
    insert_many(session, ApiKey, KEYS, keys[:2])
    session.execute(insert(ApiKey), [dict(zip(KEYS, key, strict=True)) for key in keys[2:]])
    session.expire_all()
    found = session.execute(
        select(*(getattr(Party, name) for name in PARTIES)).order_by(Party.public_id)
    ).all()
    assert [tuple(row) for row in found] == values
    stored = session.execute(select(*(getattr(ApiKey, name) for name in KEYS)).order_by(ApiKey.public_id))
    assert [tuple(row) for row in stored] == keys


def test_a_time_without_a_zone_is_refused(session: Session) -> None:
    with pytest.raises((ValueError, StatementError), match="carries its zone"):
        insert_many(session, Party, PARTIES, [party(1, "Anna", START.replace(tzinfo=None))])


def test_no_rows_are_no_error(session: Session) -> None:
    insert_many(session, Party, PARTIES, [])
    assert session.scalars(select(Party.id)).all() == []
