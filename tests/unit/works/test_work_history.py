"""Shares and reservations have a history: nothing is back-dated, and every past day can be asked again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.core.decisions import Denial, Purpose
from registry.core.errors import InvalidInput, NotFound, SharesDoNotSum
from registry.works import service as works
from registry.works.models import Reservation, ShareRow, Work
from tests.factories import START, Clock, make_actor
from tests.support.works import register

WHOLE = 1_000_000


@pytest.fixture
def anna(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, name="Anna")


@pytest.fixture
def ben(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, name="Ben")


@pytest.fixture
def work(session: Session, sources: Sources, anna: Actor) -> Work:
    return register(session, anna, sources)


def held(session: Session, work: Work, at: datetime, as_of: datetime | None = None) -> list[tuple[int, int]]:
    return works.shares_of(session, [work.id], "reproduction", "DE", at, as_of).get(work.id, [])


# -- shares -------------------------------------------------------------------------------------------------
def test_a_sale_moves_the_future_and_not_the_past(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor, ben: Actor
) -> None:
    sold = clock.advance(days=10)
    works.set_shares(session, anna, work.public_id, [works.NewShare(ben.public_id, WHOLE)], sources)
    clock.advance(days=10)
    assert held(session, work, START, as_of=clock.at) == [(anna.party_id, WHOLE)]
    assert held(session, work, sold - timedelta(seconds=1), as_of=clock.at) == [(anna.party_id, WHOLE)]
    assert held(session, work, sold, as_of=clock.at) == [(ben.party_id, WHOLE)]
    assert held(session, work, clock.at) == [(ben.party_id, WHOLE)]


def test_what_was_believed_before_can_be_asked(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor, ben: Actor
) -> None:
    before = clock.advance(days=10)
    sold = clock.advance(days=1)
    works.set_shares(session, anna, work.public_id, [works.NewShare(ben.public_id, WHOLE)], sources)
    assert held(session, work, sold + timedelta(days=100), as_of=before) == [(anna.party_id, WHOLE)]
    assert held(session, work, sold + timedelta(days=100), as_of=sold) == [(ben.party_id, WHOLE)]


def test_a_change_can_be_announced(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor, ben: Actor
) -> None:
    new_year = datetime(2027, 1, 1, tzinfo=START.tzinfo)
    stated = [works.NewShare(ben.public_id, WHOLE, valid_from=new_year)]
    works.set_shares(session, anna, work.public_id, stated, sources)
    assert held(session, work, clock.at) == [(anna.party_id, WHOLE)]
    assert held(session, work, new_year, as_of=clock.at) == [(ben.party_id, WHOLE)]


def test_rows_are_closed_and_never_deleted(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor, ben: Actor
) -> None:
    clock.advance(days=1)
    works.set_shares(session, anna, work.public_id, [works.NewShare(ben.public_id, WHOLE)], sources)
    rows = session.scalars(
        select(ShareRow).where(ShareRow.right == "reproduction").order_by(ShareRow.id)
    ).all()
    assert [(r.party_id, r.valid_from, r.valid_to, r.superseded_at) for r in rows] == [
        (anna.party_id, START, None, clock.at),
        (anna.party_id, START, clock.at, None),
        (ben.party_id, clock.at, None, None),
    ]
    assert {r.recorded_by for r in rows} == {anna.party_id}


def test_a_country_can_have_its_own_holders(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor, ben: Actor
) -> None:
    stated = [
        works.NewShare(anna.public_id, WHOLE),
        works.NewShare(ben.public_id, 300_000, territory="DE"),
        works.NewShare(anna.public_id, 700_000, territory="DE"),
    ]
    works.set_shares(session, anna, work.public_id, stated, sources)
    assert held(session, work, clock.at) == [(anna.party_id, 700_000), (ben.party_id, 300_000)]
    assert works.shares_of(session, [work.id], "reproduction", "FR", clock.at) == {
        work.id: [(anna.party_id, WHOLE)]
    }


def test_refused_shares_change_nothing(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor, ben: Actor
) -> None:
    yesterday = clock.at - timedelta(days=1)
    with pytest.raises(InvalidInput, match="at least one share"):
        works.set_shares(session, anna, work.public_id, [], sources)
    stated = [works.NewShare(ben.public_id, WHOLE, valid_from=yesterday)]
    with pytest.raises(InvalidInput, match="back-dated"):
        works.set_shares(session, anna, work.public_id, stated, sources)
    with pytest.raises(SharesDoNotSum):
        works.set_shares(session, anna, work.public_id, [works.NewShare(ben.public_id, 1)], sources)
    with pytest.raises(NotFound, match="party_"):
        works.set_shares(session, anna, work.public_id, [works.NewShare(bytes(16), WHOLE)], sources)
    with pytest.raises(NotFound):
        works.set_shares(session, ben, work.public_id, [works.NewShare(ben.public_id, WHOLE)], sources)
    assert held(session, work, clock.at) == [(anna.party_id, WHOLE)]
    assert session.scalars(select(ShareRow.superseded_at).distinct()).all() == [None]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=6))
def test_the_past_never_changes(
    session: Session, sources: Sources, clock: Clock, anna: Actor, ben: Actor, changes: list[tuple[int, bool]]
) -> None:
    """Whatever is changed later, a day asked by the record of that day gives what it gave on that day."""
    work = register(session, anna, sources, f"Dunes {clock.at}")
    answers = {}
    for days, to_ben in changes:
        clock.advance(days=days, seconds=1)
        holder = ben if to_ben else anna
        works.set_shares(session, anna, work.public_id, [works.NewShare(holder.public_id, WHOLE)], sources)
        answers[clock.at] = held(session, work, clock.at)
    clock.advance(days=30)
    for day, answer in answers.items():
        assert held(session, work, day) == answer
        assert held(session, work, day, as_of=clock.at) == answer


# -- reservations -------------------------------------------------------------------------------------------
def denials(session: Session, work: Work, as_of: datetime) -> tuple[Denial, ...]:
    return works.denials(session, as_of, [work.id]).get(work.id, ())


def test_reservations_replace_each_other_and_keep_their_beginning(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor
) -> None:
    first, voice = works.NewReservation(Purpose.TRAIN_AI), works.NewReservation(Purpose.VOICE_CLONE)
    works.set_reservations(session, anna, work.public_id, [first], sources)
    begun = int(clock.at.timestamp())
    clock.advance(days=1)
    works.set_reservations(session, anna, work.public_id, [first, voice], sources)
    second = int(clock.at.timestamp())
    assert denials(session, work, clock.at) == (
        Denial(Purpose.TRAIN_AI, begun, None),
        Denial(Purpose.VOICE_CLONE, second, None),
    )
    clock.advance(days=1)
    works.set_reservations(session, anna, work.public_id, [voice], sources)
    assert denials(session, work, clock.at) == (
        Denial(Purpose.VOICE_CLONE, second, None),
        Denial(Purpose.TRAIN_AI, begun, int(clock.at.timestamp())),
    )
    assert denials(session, work, START) == (Denial(Purpose.TRAIN_AI, begun, None),)
    assert len(session.scalars(select(Reservation)).all()) == 3


def test_a_reservation_is_not_back_dated(
    session: Session, sources: Sources, clock: Clock, work: Work, anna: Actor
) -> None:
    early = works.NewReservation(Purpose.TDM, valid_from=clock.at - timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="back-dated"):
        works.set_reservations(session, anna, work.public_id, [early], sources)
    empty = works.NewReservation(Purpose.TDM, valid_to=clock.at)
    with pytest.raises(InvalidInput, match="ends before"):
        works.set_reservations(session, anna, work.public_id, [empty], sources)
    assert denials(session, work, clock.at) == ()
