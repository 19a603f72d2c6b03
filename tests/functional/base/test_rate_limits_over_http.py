"""Counted requests: what is left is said, too many are refused, and a fault neither opens nor locks out."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.engine import Connection

from registry.app import create_app
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.quotas import Quota
from registry.base.ratelimits import Rate, RateLimiter, RateWindow, network_of
from registry.base.settings import Settings
from tests.factories import PASSWORD, Clock
from tests.functional.conftest import Account, Client
from tests.support.bulk import digest_row
from tests.support.pictures import png

Make = Callable[..., Account]
SUBJECT = bytes(32)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Few of everything."""
    return replace(
        settings,
        rate_read=Quota(3, 60),
        rate_write=Quota(100, 60),
        rate_register=Quota(2, 3600),
        rate_anonymous=Quota(2, 3600),
        rate_check=Quota(0, 1),
        rate_hidden=Quota(0, 1),
    )


def test_each_answer_says_what_is_left(client: Client, account: Make) -> None:
    anna = account()
    left = []
    for _ in range(3):
        answer = client.get("/v1/works", headers=anna.headers)
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"read";q=3;w=60'
        left.append(answer.headers["RateLimit"].split(";")[1])
    assert left == ["r=2", "r=1", "r=0"]


def test_too_many_are_refused_until_the_window_ends(client: Client, account: Make, clock: Clock) -> None:
    anna = account()
    for _ in range(3):
        client.get("/v1/works", headers=anna.headers)
    refused = client.get("/v1/works", headers=anna.headers)
    assert (refused.status_code, refused.json["code"]) == (429, "rate.limited")
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= 60
    assert refused.json["details"] == {"limit": 3, "window": 60, "retry_after": wait}
    clock.advance(seconds=wait - 1)
    assert client.get("/v1/works", headers=anna.headers).status_code == 429
    clock.advance(seconds=1)
    assert client.get("/v1/works", headers=anna.headers).status_code == 200


def test_each_key_and_each_kind_is_counted_apart(client: Client, account: Make) -> None:
    anna, ben = account(), account(name="Ben")
    for _ in range(4):
        client.get("/v1/works", headers=anna.headers)
    assert client.get("/v1/works", headers=ben.headers).status_code == 200
    assert client.post("/v1/works", json=digest_row("a"), headers=anna.headers).status_code == 201


def test_registrations_are_counted_by_account(client: Client, account: Make) -> None:
    """Another key of the same account is no way round."""
    anna = account()
    for name in ("a", "b"):
        answer = client.post("/v1/works", json=digest_row(name), headers=anna.headers)
        assert '"register";q=2;w=3600' in answer.headers["RateLimit-Policy"]
    key = client.post("/v1/keys", json={"name": "x", "scopes": ["works:write"]}, headers=anna.headers).json[
        "key"
    ]
    again = client.post("/v1/works", json=digest_row("c"), headers={"Authorization": f"Bearer {key}"})
    assert again.status_code == 429


def test_without_a_key_the_network_address_is_counted(client: Client) -> None:
    def open_account(n: int, address: str) -> int:
        body = {"role": "creator", "name": "Anna", "email": f"a{n}@example.org", "password": PASSWORD}
        answer = client.post("/v1/accounts", json=body, environ_overrides={"REMOTE_ADDR": address})
        return int(answer.status_code)

    assert [open_account(n, "203.0.113.9") for n in range(3)] == [
        201
    ] * 3  # documentation addresses are not public
    assert [open_account(n, "9.9.9.9") for n in range(3, 6)] == [201, 201, 429]
    assert open_account(6, "8.8.8.8") == 201
    assert [open_account(n, f"2620:fe::{n}") for n in range(7, 10)] == [201, 201, 429]


def test_the_check_on_the_start_page_is_counted_by_address(client: Client) -> None:
    """It has a price, and needs no account."""

    def send() -> int:
        data = {"file": (io.BytesIO(png()), "x.png")}
        return int(
            client.post("/en/check", data=data, environ_overrides={"REMOTE_ADDR": "9.9.9.9"}).status_code
        )

    assert [send() for _ in range(3)] == [200, 200, 429]


def test_addresses_of_visitors_are_not_kept(client: Client, database: Database) -> None:
    client.get("/v1/offers", environ_overrides={"REMOTE_ADDR": "9.9.9.9"})
    with database.reading() as session:
        (row,) = session.scalars(select(RateWindow)).all()
    assert b"9.9.9.9" not in row.subject


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("2620:fe::9", "2620:fe::/64"),
        ("127.0.0.1", None),
        ("10.0.0.7", None),
        ("::1", None),
        (None, None),
        ("unix:", None),
    ],
)
def test_networks(address: str | None, network: str | None) -> None:
    assert network_of(address) == network


def test_switched_off_nothing_is_counted(client: Client, account: Make) -> None:
    body = {"algorithm": "digest.sha256.v1", "hashes": ["00" * 32], "purpose": "tdm", "policy": "eu-art4"}
    answer = client.post("/v1/check", json=body, headers=account(Role.LAB).headers)
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


# -- the counter --------------------------------------------------------------------------------------------
def spend(limiter: RateLimiter, clock: Clock, times: int, quota: Quota) -> list[bool]:
    return [limiter.spend(Rate.CHECK, quota, SUBJECT, clock()).allowed for _ in range(times)]


def test_processes_count_together_and_never_too_much(database: Database, clock: Clock) -> None:
    """Two processes, one quota of 200: a share of four each time, at most one share lost at the end."""
    quota, limiters = Quota(200, 60), [RateLimiter(database), RateLimiter(database)]
    allowed = sum(spend(limiters[n % 2], clock, 1, quota)[0] for n in range(400))
    assert 200 - 4 <= allowed <= 200
    clock.advance(seconds=60)
    assert spend(limiters[0], clock, 1, quota) == [True]


def test_most_requests_write_nothing(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, taken = RateLimiter(database), []
    transaction = limiter._transaction

    def counting() -> AbstractContextManager[Connection]:
        taken.append(1)
        return transaction()

    monkeypatch.setattr(limiter, "_transaction", counting)
    assert all(spend(limiter, clock, 100, Quota(500, 60)))
    assert len(taken) == 10
    assert sum(spend(limiter, clock, 1_000, Quota(500, 60))) == 400
    assert len(taken) == 50


def test_past_windows_are_forgotten(database: Database, clock: Clock) -> None:
    limiter = RateLimiter(database)
    for n in range(5):
        limiter.spend(Rate.READ, Quota(10, 60), bytes([n]) * 32, clock())
    clock.advance(seconds=120)
    limiter.spend(Rate.READ, Quota(10, 60), SUBJECT, clock())
    with database.reading() as session:
        assert [row.subject for row in session.scalars(select(RateWindow))] == [SUBJECT]


def test_without_the_database_each_process_counts_for_itself(tmp_path: Any, clock: Clock) -> None:
    """Neither without limit nor not at all."""
    empty = Database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    limiter = RateLimiter(empty)
    assert sum(spend(limiter, clock, 30, Quota(10, 60))) == 10
    clock.advance(seconds=60)
    assert sum(spend(limiter, clock, 30, Quota(10, 60))) == 10
    empty.dispose()


def test_a_long_write_of_somebody_else_does_not_hold_requests_up(
    settings: Settings, sources: Sources, account: Make, database: Database
) -> None:
    """A list of works is being recorded; a reader is served all the same."""
    anna = account()
    app: Flask = create_app(settings, sources=sources, database=database)
    with database.writing():
        assert app.test_client().get("/v1/works", headers=anna.headers).status_code == 200


@pytest.mark.parametrize("text", ["600", "600/week", "0/hour", "-1/hour", "1.5/hour", "", "/hour", "OFF"])
def test_quotas_are_written_one_way(text: str) -> None:
    with pytest.raises(ValueError, match="600/minute"):
        Quota.parse(text)


@pytest.mark.parametrize("text", ["600/minute", "1/second", "20/hour", "5/day", "off"])
def test_quotas_are_read_as_they_are_written(text: str) -> None:
    assert str(Quota.parse(text)) == text
