"""The same thing by many at once, over HTTP, on both databases: one wins, the others are told, nobody gets a 500."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from registry.base.actor import Role
from registry.base.db import Database
from registry.core.ids import format_id
from registry.log import service as log
from registry.works.models import Work
from tests.functional.conftest import Account
from tests.support.bulk import code
from tests.support.likenesses import near

AT_ONCE = 6
Make = Callable[..., Account]
Do = Callable[[Any], Any]


@pytest.fixture
def at_once(app: Flask) -> Callable[[Sequence[Do]], list[Any]]:
    """Lets each act with a client of its own, all in the same moment; their answers."""

    def run(acts: Sequence[Do]) -> list[Any]:
        together = threading.Barrier(len(acts))

        def act(do: Do) -> Any:
            together.wait(20)
            return do(app.test_client())

        with ThreadPoolExecutor(len(acts)) as threads:
            return list(threads.map(act, acts))

    return run


def registration(by: Account, name: str, **headers: str) -> Do:
    """Registers the file of this name."""
    code = {
        "algorithm": "digest.sha256.v1",
        "kind": "whole",
        "code": hashlib.sha256(name.encode()).hexdigest(),
    }
    body = {"title": name, "kind": "image", "fingerprints": [code]}
    return lambda client: client.post("/v1/works", json=body, headers={**by.headers, **headers})


def statuses(answers: Sequence[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_the_same_file_by_one_owner(
    at_once: Callable[[Sequence[Do]], list[Any]], account: Make, client: Any
) -> None:
    anna = account()
    answers = at_once([registration(anna, "Dunes")] * AT_ONCE)
    assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}
    assert {a.json["code"] for a in answers if a.status_code == 409} == {"conflict"}
    assert len(client.get("/v1/works", headers=anna.headers).json["items"]) == 1


def test_the_same_file_by_many_owners(at_once: Callable[[Sequence[Do]], list[Any]], account: Make) -> None:
    """All are on record; every title but the first one's is contested, and names that first one."""
    owners = [account(name=f"Owner {n}") for n in range(AT_ONCE)]
    answers = at_once([registration(owner, "Dunes") for owner in owners])
    assert statuses(answers) == {201: AT_ONCE}
    (first,) = [a.json for a in answers if a.json["contested"] is None]
    assert {a.json["contested"]["earlier_work"] for a in answers if a.json["contested"]} == {first["id"]}


def test_near_equal_pictures_by_many_owners(
    at_once: Callable[[Sequence[Do]], list[Any]], account: Make, database: Database
) -> None:
    """Files of which no two are equal: still every title but that of the first one on record is contested."""

    def send(number: int) -> Do:
        owner = account(name=f"Owner {number}")
        found = near("Dunes", 2 * number, file=f"file {number}").fingerprints
        body = {"title": "Dunes", "kind": "image", "fingerprints": [code(f) for f in found]}
        return lambda client: client.post("/v1/works", json=body, headers=owner.headers)

    answers = at_once([send(number) for number in range(AT_ONCE)])
    assert statuses(answers) == {201: AT_ONCE}
    with database.reading() as session:
        first = session.scalars(select(Work).order_by(Work.change_seq).limit(1)).one()
    uncontested = [a.json["id"] for a in answers if a.json["contested"] is None]
    assert uncontested == [format_id("work", first.public_id)]
    assert {a.json["contested"]["earlier_work"] for a in answers if a.json["contested"]} == set(uncontested)


def test_the_same_request_under_one_key(
    at_once: Callable[[Sequence[Do]], list[Any]], account: Make, client: Any
) -> None:
    """A client that lost patience, several times: one work, and each time its answer."""
    anna = account()
    again = registration(anna, "Dunes", **{"Idempotency-Key": secrets.token_hex(16)})
    answers = at_once([again] * AT_ONCE)
    assert statuses(answers) == {201: AT_ONCE}
    assert len({a.json["id"] for a in answers}) == 1
    assert len(client.get("/v1/works", headers=anna.headers).json["items"]) == 1


def test_one_address_signs_up_once(at_once: Callable[[Sequence[Do]], list[Any]]) -> None:
    body = {"role": "creator", "name": "Anna", "email": "anna@example.org", "password": "seven quiet herons"}
    answers = at_once([lambda client: client.post("/v1/accounts", json=body)] * 3)
    assert statuses(answers) == {201: 1, 409: 2}


def test_one_offer_is_accepted_once_by_each(
    at_once: Callable[[Sequence[Do]], list[Any]], account: Make, client: Any
) -> None:
    """An offer is withdrawn while labs accept it: each has the licence or is told that it is gone."""
    anna, labs = account(), [account(Role.LAB, name=f"Lab {n}") for n in range(AT_ONCE - 1)]
    work = registration(anna, "Dunes")(client).json["id"]
    body = {"works": [work], "purpose": "train_genai"}
    offer = client.post("/v1/offers", json=body, headers=anna.headers).json["id"]

    def accept(lab: Account) -> Do:
        return lambda client: client.post(f"/v1/offers/{offer}/accept", headers=lab.headers)

    def revoke(client: Any) -> Any:
        return client.delete(f"/v1/offers/{offer}", headers=anna.headers)

    answers = at_once([*(accept(lab) for lab in labs), revoke])
    assert set(statuses(answers[:-1])) <= {201, 404, 409}
    assert answers[-1].status_code < 300
    for lab, answer in zip(labs, answers, strict=False):
        held = client.get("/v1/agreements", headers=lab.headers).json["items"]
        assert len(held) == (1 if answer.status_code == 201 else 0)


def test_everything_at_once_is_in_one_order(
    at_once: Callable[[Sequence[Do]], list[Any]], account: Make, database: Database
) -> None:
    """Registrations, changes and withdrawals of many, again and again: no deadlock, and no change number twice."""
    people = [account(name=f"Owner {n}") for n in range(AT_ONCE)]

    def busy(person: Account) -> Do:
        def act(client: Any) -> list[int]:
            found = []
            for number in range(4):
                made = registration(person, f"{person.id} {number}")(client)
                found.append(made.status_code)
                address = f"/v1/works/{made.json['id']}"
                shares = {"shares": [{"party": person.id, "ppm": 1_000_000}]}
                found.append(client.put(f"{address}/shares", json=shares, headers=person.headers).status_code)
                found.append(client.delete(address, headers=person.headers).status_code)
            return found

        return act

    answers = at_once([busy(person) for person in people])
    assert [status for found in answers for status in found if status >= 300] == []
    with database.reading() as session:
        assert log.current_change_seq(session) >= AT_ONCE * 4 * 3
