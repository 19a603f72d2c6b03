"""The live index after any history of changes answers as one that is built from scratch; and it follows cheaply."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.checking import live
from registry.checking.base_files import BaseFiles, Lists
from registry.checking.layers import size
from registry.checking.live import LiveIndex, known_works
from registry.core.decisions import Purpose, Terms
from registry.core.fingerprints import Fingerprint
from registry.core.matching import Matcher
from registry.licences import service as licences
from registry.log import service as log
from registry.works import service as works
from registry.works.models import Work
from tests.factories import Clock, make_actor
from tests.support.market import Market
from tests.support.works import image, register

SEED = 20260802


@pytest.fixture
def market(session: Session, sources: Sources, clock: Clock) -> Market:
    """Makers and labs in one session."""
    roles = (Role.CREATOR, Role.CREATOR, Role.SOCIETY, Role.LAB, Role.LAB, Role.OPERATOR)
    return Market(session, sources, clock, *(make_actor(session, sources, role) for role in roles))


def questions(names: list[str]) -> list[tuple[Fingerprint, ...]]:
    """The codes of each file, one by one and all at once."""
    return [
        item
        for name in names
        for item in (*((f,) for f in image(name).fingerprints), image(name).fingerprints)
    ]


def change(market: Market, own: list[Work], names: list[str], dice: random.Random) -> None:
    """One of the things that can happen to works."""
    act = dice.choice(["register", "register", "register", "version", "withdraw", "hide", "reserve"])
    standing = [work for work in own if work.withdrawn_at is None]
    session, anna, sources = market.session, market.anna, market.sources
    if act == "register" or not standing:
        names.append(f"work {len(names)}")
        own.append(register(session, anna, sources, names[-1]))
        return
    work = dice.choice(standing)
    if act == "version":
        names.append(f"version {len(names)}")
        works.add_version(session, anna, works.AddVersion(work.public_id, image(names[-1])), sources)
    elif act == "withdraw":
        works.withdraw_work(session, anna, work.public_id, sources)
    elif act == "hide":
        opened = works.open_work(session, anna, work.public_id, sources)
        works.change_work(session, opened, {"disclosure": works.Disclosure.DIGEST_ONLY})
    else:
        works.set_reservations(session, anna, work.public_id, [], sources)


@pytest.mark.parametrize("least", [0, 30, 10_000], ids=["merges always", "merges sometimes", "hardly merges"])
def test_it_answers_as_if_built_anew(market: Market, monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    monkeypatch.setattr(live, "_LEAST", least)
    dice, own, names, index = random.Random(SEED), list[Work](), list[str](), LiveIndex()
    for _ in range(16):
        change(market, own, names, dice)
        followed, change_seq = index.current(market.session)
        fresh, _ = LiveIndex().current(market.session)
        assert followed.change_seq == change_seq == fresh.change_seq
        items = questions(names)
        assert followed.match(items) == fresh.match(items)


def test_processes_that_share_files_answer_as_if_built_anew(
    market: Market, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three of them, asked in any order: who needs a new base first makes it for all."""
    monkeypatch.setattr(live, "_LEAST", 30)
    dice, own, names = random.Random(SEED), list[Work](), list[str]()
    processes = [LiveIndex(BaseFiles(tmp_path, worth=1)) for _ in range(3)]
    for _ in range(16):
        change(market, own, names, dice)
        fresh, _ = LiveIndex().current(market.session)
        items = questions(names)
        for process in dice.sample(processes, dice.randrange(4)):
            assert process.current(market.session)[0].match(items) == fresh.match(items)


def test_a_registration_leaves_the_base_alone(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the codes of what changed are read and indexed."""
    for n in range(20):
        market.work(name=str(n))
    index = LiveIndex()
    before, _ = index.current(market.session)
    market.work(name="one more")
    built: list[int] = []

    def counting(lists: Lists, **options: Any) -> Matcher:
        built.append(size(lists))
        return Matcher(lists, **options)

    monkeypatch.setattr(live, "Matcher", counting)
    after, _ = index.current(market.session)
    assert after.base is before.base
    assert after.superseded == {20}
    assert max(built) < size(before.base.lists) / 10
    assert after.match([image("one more").fingerprints])[0][0].work_row == 20


def test_nothing_changed_nothing_is_read(market: Market) -> None:
    market.work()
    index = LiveIndex()
    assert index.current(market.session)[0] is index.current(market.session)[0]


# -- terms --------------------------------------------------------------------------------------------------
def test_terms_of_matched_works_are_those_of_all(market: Market) -> None:
    """For some works the same as `public_terms` and `licensee_terms` say for all of them."""
    session = market.session
    free, priced, denied, gone = (market.work(name=name) for name in ("free", "priced", "denied", "gone"))
    market.offer(free, gone)
    market.accept(market.offer(priced, tariff=market.tariff().series.public_id))
    works.set_reservations(
        session, market.anna, denied.public_id, [works.NewReservation(Purpose.TDM)], market.sources
    )
    works.withdraw_work(session, market.anna, gone.public_id, market.sources)
    market.clock.advance(minutes=1)
    now = market.clock.at
    index, change_seq = LiveIndex().current(session)
    for licensee in (None, market.lab.party_id, market.rival.party_id):
        found = known_works(session, index, change_seq, [0, 1, 2, 3], licensee, now)
        public = licences.public_terms(session, now)
        personal = {} if licensee is None else licences.licensee_terms(session, licensee, now)
        for row, known in found.items():
            assert known.public == public.get(row, Terms())
            assert known.personal == personal.get(row, Terms())
        assert found.keys() == {0, 1, 2, 3}


def test_terms_are_read_again_after_a_change(market: Market) -> None:
    session, work, index = market.session, market.work(), LiveIndex()
    current, change_seq = index.current(session)
    assert not known_works(session, current, change_seq, [0], None, market.clock.at)[0].public.grants
    market.offer(work)
    market.clock.advance(seconds=1)
    current, change_seq = index.current(session)
    assert known_works(session, current, change_seq, [0], None, market.clock.at)[0].public.grants


def test_what_a_transaction_does_not_see_yet_is_left_out(market: Market) -> None:
    """An index may be ahead of a transaction that began earlier."""
    market.work()
    current, change_seq = LiveIndex().current(market.session)
    assert known_works(market.session, current, change_seq - 1, [0, 7], None, market.clock.at).keys() == {0}
    assert current.known == {}
    assert log.current_change_seq(market.session) == change_seq
