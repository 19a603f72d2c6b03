"""The background work as it is wired: each kind has somebody who does it, and tidying removes only what is over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import KEPT_FOR, Job, Worker, enqueue
from registry.base.settings import Settings
from registry.parties import service as parties
from registry.parties.models import LoginSession
from registry.wiring import Registry
from registry.work import PERIODICS, TIDY, handlers, tidy
from registry.works import bulk, previews
from tests.factories import Clock, make_actor


def test_everything_that_is_due_or_asked_for_has_somebody_who_does_it(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(tmp_path, database_url=str(database.engine.url))
    with Registry.open(settings) as registry:
        asked_for = {bulk.KIND, previews.REMOVE, previews.REMOVE_ORPHANS}
        assert {periodic.kind for periodic in PERIODICS} | asked_for == set(handlers(registry))


def test_tidying_removes_what_is_over_and_nothing_else(
    database: Database, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        anna = make_actor(session, sources)
        ended, _ = parties.open_session(session, anna, "password", "a browser", sources)
        parties.end_session(session, anna, ended.public_id, clock())
        parties.open_session(session, anna, "password", "a browser left alone", sources)
        clock.advance(days=6)
        parties.open_session(session, anna, "password", "a browser in use", sources)
        enqueue(session, TIDY, {}, sources)
    Worker(database, {TIDY: tidy}, sources=sources).run_one()
    clock.advance(days=2)
    assert tidy(database, {}, sources) == {"jobs": 0, "sessions": 1, "letters": 0}
    with database.reading() as session:
        assert session.scalars(select(LoginSession.device)).all() == ["a browser in use"]
    clock.at += KEPT_FOR + timedelta(days=1)
    assert tidy(database, {}, sources) == {"jobs": 1, "sessions": 1, "letters": 0}
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
