"""Mandates and models over HTTP: both sides see them, nobody else; periods are kept; models belong to their lab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role
from registry.core.ids import format_id
from tests.factories import Clock
from tests.functional.conftest import Account, Client

Make = Callable[..., Account]


def give(client: Client, principal: Account, agent: Account, /, **changes: Any) -> Any:
    body = {"agent": agent.id, "may": ["register"], "repertoire": {"all": True}}
    return client.post("/v1/mandates", json=body | changes, headers=principal.headers)


def test_a_mandate_is_seen_by_its_two_sides_only(client: Client, account: Make) -> None:
    """As the same document."""
    anna, society = account(), account(Role.SOCIETY)
    given = give(client, anna, society, may=["collect", "register", "collect"])
    assert given.status_code == 201
    assert given.json | {"id": "", "recorded_at": ""} == {
        "id": "",
        "principal": anna.id,
        "agent": society.id,
        "may": ["collect", "register"],
        "repertoire": {"all": True},
        "valid_from": "2026-08-02T09:30:00Z",
        "valid_to": None,
        "recorded_at": "",
    }
    for side in (anna, society):
        assert client.get("/v1/mandates", headers=side.headers).json["items"] == [given.json]
    for other in (account(name="Ben"), account(Role.LAB), account(Role.SOCIETY), account(Role.OPERATOR)):
        assert client.get("/v1/mandates", headers=other.headers).json["items"] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"may": []}, "may"),
        ({"may": ["everything"]}, "may.0"),
        ({"repertoire": {}}, "repertoire"),
        ({"repertoire": "all"}, "repertoire"),
        ({"repertoire": {"all": False}}, "repertoire"),
        ({"repertoire": {"all": True, "media": ["image"]}}, "repertoire"),
        ({"repertoire": {"media": []}}, "repertoire"),
        ({"repertoire": {"media": ["smell"]}}, "repertoire"),
        ({"repertoire": {"works": ["work_x"]}}, "repertoire"),
        ({"repertoire": {"works": [1]}}, "repertoire"),
        ({"agent": "key_" + "0" * 26}, "agent"),
        ({"agent": 7}, "agent"),
        ({"valid_to": "soon"}, "valid_to"),
        ({"forever": True}, "forever"),
    ],
)
def test_a_malformed_mandate_is_refused(
    client: Client, account: Make, changes: dict[str, Any], path: str
) -> None:
    """Each refusal names the field."""
    answer = give(client, account(), account(Role.SOCIETY), **changes)
    assert answer.status_code == 422
    assert {e["path"] for e in answer.json["errors"]} == {path}


def test_a_mandate_that_cannot_be_is_refused(client: Client, account: Make) -> None:
    """Back-dated, over before it begins, to oneself, to or from a lab, to nobody."""
    anna, society, lab = account(), account(Role.SOCIETY), account(Role.LAB)
    answers = [
        give(client, anna, society, valid_from="2026-08-02T09:29:59Z"),
        give(client, anna, society, valid_to="2026-08-02T09:30:00Z"),
        give(client, anna, anna),
        give(client, anna, lab),
        give(client, lab, society),
        give(client, anna, account(Role.OPERATOR)),
    ]
    assert [a.status_code for a in answers] == [422] * len(answers)
    unknown = give(client, anna, society, agent=format_id("party", bytes(16)))
    assert unknown.status_code == 404


def test_only_an_operator_gives_anothers_mandate(client: Client, account: Make) -> None:
    """A society cannot write itself one."""
    anna, society, operator = account(), account(Role.SOCIETY), account(Role.OPERATOR)
    assert give(client, society, society, principal=anna.id).status_code == 403
    recorded = give(client, operator, society, principal=anna.id)
    assert (recorded.status_code, recorded.json["principal"]) == (201, anna.id)
    assert client.get("/v1/mandates", headers=anna.headers).json["items"] == [recorded.json]


def test_either_side_ends_a_mandate(client: Client, account: Make, clock: Clock) -> None:
    """Now, or later, but never longer; for others there is no such mandate."""
    anna, society, other = account(), account(Role.SOCIETY), account(name="Ben")
    for side in (anna, society):
        end = f"/v1/mandates/{give(client, anna, society).json['id']}/end"
        assert client.post(end, json={}, headers=other.headers).status_code == 404
        later = client.post(end, json={"at": "2027-01-01T01:00:00+01:00"}, headers=side.headers)
        assert later.json["valid_to"] == "2027-01-01T00:00:00Z"
        longer = client.post(end, json={"at": "2027-01-01T00:00:00Z"}, headers=side.headers)
        past = client.post(end, json={"at": "2026-08-02T09:29:00Z"}, headers=side.headers)
        assert (longer.status_code, past.status_code) == (422, 422)
        clock.advance(seconds=1)
        now = client.post(end, json={}, headers=side.headers)
        assert now.json["valid_to"] == now.json["recorded_at"]
        clock.at = clock.at.replace(second=0)


def test_a_lab_names_its_models(client: Client, account: Make) -> None:
    """Once each; another lab may have one of the same name, and sees only its own."""
    lab, other = account(Role.LAB), account(Role.LAB)
    model = {"name": "Nocturne", "version": "2.1"}
    named = client.post("/v1/models", json=model, headers=lab.headers)
    assert named.status_code == 201
    assert named.json | {"id": ""} == model | {"id": "", "created_at": "2026-08-02T09:30:00Z"}
    assert client.post("/v1/models", json=model, headers=lab.headers).status_code == 409
    assert client.get("/v1/models", headers=other.headers).json["items"] == []
    assert client.post("/v1/models", json=model, headers=other.headers).status_code == 201
    assert client.get("/v1/models", headers=lab.headers).json["items"] == [named.json]


@pytest.mark.parametrize("role", [Role.CREATOR, Role.SOCIETY, Role.OPERATOR])
def test_only_labs_have_models(client: Client, account: Make, role: Role) -> None:
    """Nobody else can have the scope that it needs."""
    answer = client.post("/v1/models", json={"name": "x", "version": "1"}, headers=account(role).headers)
    assert answer.status_code == 403
