"""Counting attempts to sign in, and what of a session is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.core.errors import NotFound
from registry.parties import sessions, throttle
from registry.parties.models import LoginAttempts, LoginSession
from tests.factories import Clock, make_actor

NOBODY = timedelta()


# -- throttle -------------------------------------------------------------------------------------------------
@given(count=st.integers(0, 10**6), free=st.integers(1, 100))
def test_waits_grow_from_nothing_to_a_quarter_of_an_hour(count: int, free: int) -> None:
    wait = throttle.wait_after(count, free)

    assert wait <= throttle.wait_after(count + 1, free)
    assert wait <= timedelta(minutes=15)
    assert (wait == timedelta()) == (count < free)


def test_attempts_that_come_too_early_do_not_prolong_the_wait(session: Session, clock: Clock) -> None:
    for _ in range(throttle.FREE_BY_ACCOUNT):
        assert throttle.count_attempt(session, "anna@example.org", None, clock()) == NOBODY
    for _ in range(10):
        assert throttle.count_attempt(session, "anna@example.org", None, clock()) == timedelta(seconds=15)
    clock.advance(seconds=15)
    assert throttle.count_attempt(session, "ANNA@example.org ", None, clock()) == NOBODY
    assert throttle.count_attempt(session, "anna@example.org", None, clock()) == timedelta(seconds=30)


def test_others_are_not_slowed_down(session: Session, clock: Clock) -> None:
    for _ in range(20):
        throttle.count_attempt(session, "anna@example.org", None, clock())

    assert throttle.count_attempt(session, "ben@example.org", None, clock()) == NOBODY


def test_success_and_a_day_make_attempts_forgotten(session: Session, clock: Clock) -> None:
    for email in ("anna@example.org", "ben@example.org"):
        for _ in range(20):
            throttle.count_attempt(session, email, None, clock())
    throttle.forget_attempts(session, "anna@example.org")
    assert throttle.count_attempt(session, "anna@example.org", None, clock()) == NOBODY

    clock.advance(hours=25)
    assert throttle.count_attempt(session, "ben@example.org", None, clock()) == NOBODY
    assert len(session.scalars(select(LoginAttempts)).all()) == 1


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        ("93.184.216.34", "93.184.216.34", True),
        ("93.184.216.34", "93.184.216.35", False),
        ("2606:2800:220:1::1", "2606:2800:220:1:ffff::9", True),
        ("2606:2800:220:1::1", "2606:2800:220:2::1", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("10.0.0.7", "10.0.0.7", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_many_accounts_from_one_network(
    session: Session, clock: Clock, first: str, second: str, counted: bool
) -> None:
    for number in range(throttle.FREE_BY_ADDRESS):
        assert throttle.count_attempt(session, f"user{number}@example.org", first, clock()) == NOBODY

    assert (throttle.count_attempt(session, "last@example.org", second, clock()) > NOBODY) is counted


def test_no_address_is_kept(session: Session, clock: Clock) -> None:
    throttle.count_attempt(session, "anna@example.org", "93.184.216.34", clock())

    assert all(len(row.subject) == 32 for row in session.scalars(select(LoginAttempts)))


# -- sessions -------------------------------------------------------------------------------------------------
def test_a_session_is_found_by_its_token_only(session: Session, sources: Sources) -> None:
    anna = make_actor(session, sources)
    row, token = sessions.open_session(session, anna, "password", "Firefox\n\x00" + "x" * 500, sources)

    assert sessions.session_of(session, token, sources.now()) is row
    assert sessions.session_of(session, token + "x", sources.now()) is None
    assert token.encode() not in row.digest
    assert len(row.device) == 200
    assert row.device.isprintable()


def test_sessions_are_listed_and_ended_by_their_owner(
    session: Session, sources: Sources, clock: Clock
) -> None:
    anna, ben = make_actor(session, sources), make_actor(session, sources, name="Ben")
    old, _ = sessions.open_session(session, anna, "password", "a", sources)
    clock.advance(days=1)
    new, token = sessions.open_session(session, anna, "passkey", "b", sources)
    assert list(sessions.list_sessions(session, anna, clock())) == [new, old]
    assert list(sessions.list_sessions(session, ben, clock())) == []

    with pytest.raises(NotFound):
        sessions.end_session(session, ben, new.public_id, clock())
    sessions.end_session(session, anna, new.public_id, clock())
    ended = new.ended_at
    clock.advance(seconds=5)
    sessions.end_session(session, anna, new.public_id, clock())
    assert new.ended_at == ended
    assert sessions.session_of(session, token, clock()) is None
    assert len(session.scalars(select(LoginSession)).all()) == 2
