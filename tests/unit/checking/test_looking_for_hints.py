"""Hints: what resembles another's work less than a contest needs is told to the operator, once, and changes nothing."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.checking.hints import look_for_hints
from registry.core.fingerprints import FileFingerprints, Fingerprint
from registry.core.matching import dihedral
from registry.works import service as works
from registry.works.models import Work
from tests.factories import make_actor
from tests.support.likenesses import codes_of_picture, near, text
from tests.support.works import image, register


def quarter_turn(name: str, file: str) -> FileFingerprints:
    """The picture of this name, turned by a quarter: another file."""
    found = near(name, 0, file=file)
    turned = dihedral(codes_of_picture(found))[0, 6].tobytes()
    codes = tuple(
        Fingerprint(f.algorithm, f.kind, turned) if f.algorithm == "image.phash256.v1" else f
        for f in found.fingerprints
    )
    return replace(found, fingerprints=codes)


def test_weaker_likenesses_of_different_owners_are_hints(database: Database, sources: Sources) -> None:
    with database.writing() as session:
        anna, ben = (make_actor(session, sources, Role.CREATOR, name) for name in ("Anna", "Ben"))
        dunes = register(session, anna, sources, content=image("Dunes"))
        poem = register(session, anna, sources, "Poem", content=text("Poem"))
        turned = register(session, ben, sources, "Turned", content=quarter_turn("Dunes", "a"))
        similar = register(session, ben, sources, "Similar", content=text("Poem", 40, file="b"))
        register(session, ben, sources, "Copy", content=near("Dunes", 3, file="c"))  # a contest, no hint
        register(session, anna, sources, "Hill", content=image("Hill"))
        register(session, anna, sources, "Own", content=quarter_turn("Hill", "d"))  # one's own
        register(session, ben, sources, "Another", content=image("Sea"))

    assert look_for_hints(database, {}, sources) == {"hints": 2}
    assert look_for_hints(database, {}, sources) == {"hints": 0}
    with database.reading() as session:
        found = {(h.newer, h.other): (h.algorithm, h.distance) for h in works.hints(session, 10)}
        contested = session.scalars(select(Work).where(Work.contested_since.is_not(None))).all()
    assert found[turned.public_id, dunes.public_id] == ("image.phash256.v1", 0)
    assert found[similar.public_id, poem.public_id] == ("text.minhash128.v1", 40)
    assert [work.title for work in contested] == ["Copy"]


def test_works_that_come_later_are_looked_at_later(database: Database, sources: Sources) -> None:
    with database.writing() as session:
        anna, ben = (make_actor(session, sources, Role.CREATOR, name) for name in ("Anna", "Ben"))
        register(session, anna, sources, content=image("Dunes"))
    assert look_for_hints(database, {}, sources) == {"hints": 0}
    with database.writing() as session:
        register(session, ben, sources, "Turned", content=quarter_turn("Dunes", "a"))
        gone = register(session, ben, sources, "Gone", content=quarter_turn("Dunes", "b"))
        works.withdraw_work(session, ben, gone.public_id, sources)
    assert look_for_hints(database, {}, sources) == {"hints": 1}
