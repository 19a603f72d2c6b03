"""Requests for terms over HTTP: a lab asks, the owner offers or declines, and nothing is permitted until accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role, Scope
from tests.factories import Clock
from tests.functional.conftest import Account, Client
from tests.support.bulk import digest_row

Make = Callable[..., Account]


def work(client: Client, by: Account, name: str = "Dunes") -> str:
    answer = client.post("/v1/works", json=digest_row(f"{name} {by.id}"), headers=by.headers)
    assert answer.status_code == 201
    return str(answer.json["id"])


def ask(client: Client, by: Account, *works: str, **more: Any) -> Any:
    body = {"works": list(works), "purpose": "train_genai"} | more
    return client.post("/v1/requests", json=body, headers=by.headers)


def tariff(client: Client, by: Account) -> str:
    body = {
        "name": "Texts",
        "currency": "EUR",
        "components": [{"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "work"}],
    }
    return str(client.post("/v1/tariffs", json=body, headers=by.headers).json["tariff"])


def test_a_request_ends_in_an_agreement(client: Client, account: Make) -> None:
    anna, lab = account(), account(Role.LAB, name="Aurora")
    wanted = work(client, anna)
    (asked,) = ask(
        client, lab, wanted, message="For a model of birds.\nBest regards", territories=["DE"]
    ).json["items"]
    assert (asked["state"], asked["owner"], asked["licensee"], asked["works"]) == (
        "open",
        anna.id,
        lab.id,
        [wanted],
    )
    assert client.get("/v1/requests?state=open", headers=anna.headers).json["items"] == [asked]
    url = f"/v1/requests/{asked['id']}"
    price = tariff(client, anna)
    answer = client.post(f"{url}/offer", json={"tariff": price}, headers=anna.headers)
    assert (answer.status_code, answer.json["state"]) == (201, "offered")
    assert client.get(url, headers=lab.headers).json == answer.json
    offer = client.get(f"/v1/offers/{answer.json['offer']}", headers=lab.headers).json
    assert (offer["works"], offer["territories"], offer["licensees"]) == ([wanted], ["DE"], [lab.id])
    assert offer["tariff"]["tariff"] == price
    accepted = client.post(f"/v1/offers/{offer['id']}/accept", headers=lab.headers)
    assert accepted.status_code == 201


def test_each_owner_is_asked_apart(client: Client, account: Make) -> None:
    """A lab knows works by their matches, not whose they are; and no owner learns of the other's."""
    anna, ben, lab = account(), account(name="Ben"), account(Role.LAB)
    first, second, third = work(client, anna), work(client, ben), work(client, anna, "More")
    made = ask(client, lab, first, second, third).json["items"]
    assert {r["owner"]: r["works"] for r in made} == {anna.id: [first, third], ben.id: [second]}
    (hers,) = client.get("/v1/requests", headers=anna.headers).json["items"]
    assert hers["works"] == [first, third]
    assert len(client.get("/v1/requests", headers=lab.headers).json["items"]) == 2


def test_a_request_can_be_declined_with_a_reason(client: Client, account: Make) -> None:
    anna, lab = account(), account(Role.LAB)
    (asked,) = ask(client, lab, work(client, anna)).json["items"]
    url = f"/v1/requests/{asked['id']}"
    answer = client.post(f"{url}/decline", json={"reason": "Not for training."}, headers=anna.headers)
    assert (answer.status_code, answer.json["state"], answer.json["reason"]) == (
        200,
        "declined",
        "Not for training.",
    )
    again = client.post(f"{url}/offer", json={}, headers=anna.headers)
    assert (again.status_code, again.json["code"]) == (409, "conflict")
    assert client.delete(url, headers=lab.headers).status_code == 409


def test_a_request_can_be_withdrawn(client: Client, account: Make) -> None:
    anna, lab = account(), account(Role.LAB)
    (asked,) = ask(client, lab, work(client, anna)).json["items"]
    url = f"/v1/requests/{asked['id']}"
    assert [client.delete(url, headers=lab.headers).status_code for _ in range(2)] == [204, 204]
    assert client.get(url, headers=anna.headers).json["state"] == "withdrawn"
    assert client.post(f"{url}/decline", json={}, headers=anna.headers).status_code == 409


def test_states_are_lists(client: Client, account: Make) -> None:
    anna, lab = account(), account(Role.LAB)
    ids = [ask(client, lab, work(client, anna, str(n))).json["items"][0]["id"] for n in range(4)]
    client.post(f"/v1/requests/{ids[1]}/offer", json={}, headers=anna.headers)
    client.post(f"/v1/requests/{ids[2]}/decline", json={}, headers=anna.headers)
    client.delete(f"/v1/requests/{ids[3]}", headers=lab.headers)
    for n, state in enumerate(("open", "offered", "declined", "withdrawn")):
        found = client.get(f"/v1/requests?state={state}", headers=lab.headers).json["items"]
        assert [(r["id"], r["state"]) for r in found] == [(ids[n], state)]
    page = client.get("/v1/requests?limit=3", headers=lab.headers).json
    rest = client.get(f"/v1/requests?after={page['next']}", headers=lab.headers).json
    assert [r["id"] for r in page["items"] + rest["items"]] == ids
    assert rest["next"] is None


def test_a_society_answers_for_its_members(client: Client, account: Make) -> None:
    anna, society, stranger, lab = account(), account(Role.SOCIETY), account(Role.SOCIETY), account(Role.LAB)
    body = {"agent": society.id, "may": ["grant"], "repertoire": {"all": True}}
    assert client.post("/v1/mandates", json=body, headers=anna.headers).status_code == 201
    (asked,) = ask(client, lab, work(client, anna)).json["items"]
    url = f"/v1/requests/{asked['id']}/offer"
    assert client.post(url, json={}, headers=stranger.headers).status_code == 404
    assert client.post(url, json={}, headers=society.headers).status_code == 201


def test_a_past_beginning_is_now_and_an_end_can_come_earlier(
    client: Client, account: Make, clock: Clock
) -> None:
    anna, lab = account(), account(Role.LAB)
    start, end = "2026-08-03T00:00:00Z", "2027-08-03T00:00:00Z"
    (asked,) = ask(client, lab, work(client, anna), valid_from=start, valid_to=end).json["items"]
    clock.advance(days=10)
    answer = client.post(
        f"/v1/requests/{asked['id']}/offer", json={"valid_to": "2027-01-01T00:00:00Z"}, headers=anna.headers
    )
    offer = client.get(f"/v1/offers/{answer.json['offer']}", headers=lab.headers).json
    assert (offer["valid_from"], offer["valid_to"]) == ("2026-08-12T09:30:00Z", "2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"works": []}, 422),
        ({"works": ["work_" + "0" * 26]}, 404),
        ({"purpose": "everything"}, 422),
        ({"territories": ["Germany"]}, 422),
        ({"valid_from": "2020-01-01T00:00:00Z"}, 422),
        ({"message": " "}, 422),
        ({"message": "a\u0007b"}, 422),
        ({"more": 1}, 422),
    ],
)
def test_senseless_requests_are_refused(
    client: Client, account: Make, changes: dict[str, Any], status: int
) -> None:
    anna, lab = account(), account(Role.LAB)
    answer = ask(client, lab, work(client, anna), **changes)
    assert answer.status_code == status
    assert client.get("/v1/requests", headers=lab.headers).json["items"] == []


def test_who_may_ask_and_answer(client: Client, account: Make) -> None:
    anna, ben, lab, rival = account(), account(name="Ben"), account(Role.LAB), account(Role.LAB, name="Rival")
    wanted = work(client, anna)
    assert ask(client, ben, wanted).status_code == 403
    assert ask(client, account(Role.LAB, Scope.CHECK), wanted).status_code == 403
    (asked,) = ask(client, lab, wanted).json["items"]
    url = f"/v1/requests/{asked['id']}"
    assert client.get(url, headers=rival.headers).status_code == 404
    assert client.get(url, headers=ben.headers).status_code == 404
    assert client.delete(url, headers=anna.headers).status_code == 403
    assert client.post(f"{url}/offer", json={}, headers=lab.headers).status_code == 403
    assert client.post(f"{url}/offer", json={}, headers=ben.headers).status_code == 404
    client.delete(f"/v1/works/{wanted}", headers=anna.headers)
    assert ask(client, lab, wanted).status_code == 409
    assert client.post(f"{url}/offer", json={}, headers=anna.headers).status_code == 409
    assert client.get(url, headers=anna.headers).json["state"] == "open"
