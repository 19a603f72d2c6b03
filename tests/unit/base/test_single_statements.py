"""A statement that is asked by itself begins no transaction, and sees what is committed at that moment."""

from __future__ import annotations

from sqlalchemy import select

from registry.base.clock import Sources
from registry.base.db import Database, look
from registry.base.jobs import Job, enqueue

_KINDS = select(Job.kind).order_by(Job.kind)


def test_it_sees_what_is_committed_unless_a_view_has_begun(database: Database, sources: Sources) -> None:
    def add(kind: str) -> None:
        with database.writing() as session:
            enqueue(session, kind, {}, sources)

    with database.reading() as session:
        assert look(session, _KINDS, {}) == []
        add("one")
        assert look(session, _KINDS, {}) == [("one",)]
        assert not session.in_transaction()
        assert session.scalars(_KINDS).all() == ["one"]
        add("two")
        assert look(session, _KINDS, {}) == [("one",)]
    with database.writing() as session:
        enqueue(session, "three", {}, sources)
        assert look(session, _KINDS, {}) == [("one",), ("three",), ("two",)]
        session.rollback()
    with database.reading() as session:
        assert look(session, _KINDS, {}) == [("one",), ("two",)]
