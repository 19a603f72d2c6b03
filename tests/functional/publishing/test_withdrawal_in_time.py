"""From a maker's decision to a lab's denial: within the hour by schedule, and online with the next request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.sync import open_snapshot, sync
from registry.base.actor import Actor
from registry.base.db import Database
from registry.base.files import FolderStore
from registry.base.jobs import Worker
from registry.base.schema import upgrade
from registry.base.settings import Settings
from registry.checking.service import LiveIndex, check, check_codes
from registry.core.decisions import Grade, MatchedWork, Policy, Purpose, Request, Verdict, decide
from registry.core.errors import StaleSnapshot
from registry.core.ids import format_id
from registry.licences import service as licences
from registry.models import metadata
from registry.wiring import Registry, init_trust
from registry.work import PERIODICS, PUBLISH, handlers
from tests.factories import START, Clock, make_actor, make_sources
from tests.support.snapshots import serve
from tests.support.works import register

LAB_SYNCS = timedelta(minutes=10)
SCHEDULE = tuple(p for p in PERIODICS if p.kind == PUBLISH)


@dataclass
class World:
    """A registry with its worker, a maker with an open licence, and a lab that syncs by a schedule."""

    registry: Registry
    clock: Clock
    anna: Actor
    work: str
    code: bytes
    offer: bytes
    url: str
    lab: Path

    def pass_time(self, minutes: int) -> None:
        """The worker looks every minute; the lab syncs every ten."""
        worker = Worker(
            self.registry.database, handlers(self.registry), SCHEDULE, sources=self.registry.sources
        )
        for _ in range(minutes):
            self.clock.advance(minutes=1)
            while worker.run_one():
                pass
            if (self.clock() - START) % LAB_SYNCS == timedelta(0):
                sync(self.url, self.lab, now=self.clock())

    def decide(self) -> None:
        """Anna takes back what she has allowed to anyone."""
        with self.registry.database.writing() as session:
            licences.revoke_offer(session, self.anna, self.offer, self.registry.sources)

    def at_home(self) -> Verdict:
        """What the lab's copy says about the work now."""
        snapshot = open_snapshot(self.lab, now=self.clock())
        request = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, int(self.clock().timestamp()))
        row = snapshot.row_of(self.work)
        return decide(request, [MatchedWork(self.work, Grade.CERTAIN, snapshot.terms(row))]).verdict

    def online(self) -> Verdict:
        """What the online check says about the work's code now."""
        request = Request(Purpose.TRAIN_GENAI, Policy.CONSENT_FIRST, int(self.clock().timestamp()))
        items = check_codes("digest.sha256.v1", [self.code])
        with self.registry.database.reading() as session:
            _, (found,) = check(session, LiveIndex(), None, request, items, self.clock())
        return found.decision.verdict


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = Clock()
    sources = make_sources(clock)
    settings = Settings.load({}, home=tmp_path / "registry")
    init_trust(settings, tmp_path / "offline", clock())
    database = Database(settings.database_url)
    upgrade(database, metadata)
    database.dispose()
    with Registry.open(settings, sources) as registry, serve(FolderStore(settings.home / "files")) as served:
        with registry.database.writing() as session:
            anna = make_actor(session, sources)
            work = register(session, anna, sources)
            (code,) = (f.code for f in work.versions[0].fingerprints if f.algorithm == "digest.sha256.v1")
            command = licences.CreateOffer((work.public_id,), Purpose.TRAIN_GENAI)
            offer = licences.create_offer(session, anna, command, sources).public_id
            name = format_id("work", work.public_id)
        yield World(registry, clock, anna, name, bytes(code), offer, served.url, tmp_path / "lab")


@pytest.mark.parametrize("minutes_before", [50, 89])
def test_a_decision_reaches_the_lab_within_the_hour_and_the_check_at_once(
    world: World, minutes_before: int
) -> None:
    world.pass_time(minutes_before)
    assert (world.at_home(), world.online()) == (Verdict.ALLOW, Verdict.ALLOW)
    world.decide()
    assert world.online() is Verdict.DENY
    decided = world.clock()
    while world.at_home() is Verdict.ALLOW:
        world.pass_time(1)
        assert world.clock() - decided <= timedelta(hours=1)
    assert world.at_home() is Verdict.DENY


def test_a_lab_that_hears_nothing_stops_after_a_day(world: World) -> None:
    """Whatever holds the news back: the copy is refused then."""
    world.pass_time(50)
    world.decide()
    world.clock.advance(hours=23)
    assert world.at_home() is Verdict.ALLOW
    world.clock.advance(hours=1)
    with pytest.raises(StaleSnapshot):
        world.at_home()
