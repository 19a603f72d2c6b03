"""Hits on works that only the server may know: counted by account and day, then no check is answered at all."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.quotas import Quota
from registry.base.ratelimits import Rate, RateLimiter
from registry.base.settings import Settings
from registry.checking import lines
from tests.factories import Clock
from tests.functional.checking.test_check_over_http import PHASH, check, code_of, register
from tests.functional.checking.test_columns_over_http import check_stream
from tests.functional.checking.test_lines_over_http import jsonl, send
from tests.functional.conftest import Account, Client
from tests.support.arrow_streams import column, stream
from tests.support.pictures import png

Make = Callable[..., Account]
NOBODYS = "00" * 32
DAY = 86_400


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Three hits a day."""
    return replace(settings, rate_hidden=Quota(3, DAY))


@pytest.fixture
def hidden(client: Client, account: Make) -> str:
    """The code of a hidden work of somebody."""
    return code_of(register(client, account(name="Maker"), png(1), disclosure="check-api-only"))


def forms(client: Client, lab: Account, code: str) -> list[Any]:
    """One code, asked for in every form in which codes are checked."""
    as_file = {"file": (io.BytesIO(png(1)), "a.png")}
    terms = "purpose=train_genai&policy=eu-art4"
    return [
        check(client, lab, code, policy="eu-art4"),
        check_stream(client, lab, stream(column([bytes.fromhex(code)]))),
        send(client, lab, jsonl({"hash": code}), algorithm=PHASH, policy="eu-art4"),
        client.get(f"/v1/lookup?algorithm={PHASH}&hash={code}", headers=lab.headers),
        client.post(f"/v1/check/files?{terms}", data=as_file, headers=lab.headers),
    ]


def test_when_the_hits_of_a_day_are_used_up_no_check_is_answered(
    client: Client, account: Make, clock: Clock, hidden: str
) -> None:
    """Also without a hit: else the refusal would tell which code has one. Another key is no way round."""
    lab = account(Role.LAB, name="Lab")
    left = [check(client, lab, code).headers["RateLimit"] for code in (hidden, NOBODYS, hidden, hidden)]
    assert [text.split('"hidden";r=')[1][0] for text in left] == ["2", "2", "1", "0"]
    for answer in (*forms(client, lab, hidden), *forms(client, lab, NOBODYS)):
        assert (answer.status_code, answer.json["code"]) == (429, "rate.limited"), answer.data
        assert "no check is answered now" in answer.json["detail"]
        assert "verdict" not in json.dumps(answer.json)
        assert 0 < int(answer.headers["Retry-After"]) <= DAY
    key = client.post("/v1/keys", json={"name": "x", "scopes": ["check"]}, headers=lab.headers).json["key"]
    again = replace(lab, key=key)
    assert check(client, again, NOBODYS).status_code == 429
    assert check(client, account(Role.LAB, name="Other"), hidden).status_code == 200
    clock.advance(seconds=DAY)
    assert check(client, lab, hidden).json["verdicts"] == "1"


def test_more_hits_than_are_left_are_refused_and_use_up_the_rest(
    client: Client, account: Make, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a refusal cost nothing, one could go on asking for one hit too many."""
    monkeypatch.setattr(lines, "_AT_ONCE", 2)
    one, other, third = (account(Role.LAB, name=name) for name in ("One", "Other", "Third"))
    assert check(client, one, *[hidden] * 4).status_code == 429
    assert check_stream(client, other, stream(column([bytes.fromhex(hidden)] * 4))).status_code == 429
    begun = send(client, third, jsonl(*[{"hash": hidden}] * 5), algorithm=PHASH)
    told = [json.loads(line) for line in begun.data.splitlines()]
    assert [line.get("verdict") for line in told] == [1, 1, None]
    assert told[-1]["error"]["code"] == "rate.limited"
    assert told[-1]["error"]["details"]["limit"] == 3
    assert {check(client, lab, NOBODYS).status_code for lab in (one, other, third)} == {429}


def test_public_works_and_ones_own_cost_nothing(client: Client, account: Make) -> None:
    maker = account(name="Maker")
    own = code_of(register(client, maker, png(1), disclosure="check-api-only"))
    public = code_of(register(client, account(name="Other"), png(2)))
    assert [check(client, maker, own, public).json["verdicts"] for _ in range(5)] == ["11"] * 5


def test_a_process_that_has_not_heard_of_it_asks_the_database(database: Database, sources: Sources) -> None:
    quota, subject = Quota(100, DAY), bytes(32)
    one, other = RateLimiter(database), RateLimiter(database)
    assert other.look(Rate.HIDDEN, quota, subject, sources.now()).allowed
    assert not one.spend(Rate.HIDDEN, quota, subject, sources.now(), 101, drain=True).allowed
    other.spend(Rate.HIDDEN, quota, subject, sources.now(), 2)  # what it had taken before
    assert not other.look(Rate.HIDDEN, quota, subject, sources.now()).allowed
    assert not RateLimiter(database).look(Rate.HIDDEN, quota, subject, sources.now()).allowed
