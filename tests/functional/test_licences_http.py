"""Tariffs, offers and agreements over HTTP: the way from a price to an agreement, and who sees what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role, Scope
from tests.factories import Clock
from tests.functional.conftest import Account, Client

Make = Callable[..., Account]
PER_IMAGE = {"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "image"}
NOWHERE = "0" * 26


def register(client: Client, by: Account, name: str = "Dunes") -> str:
    code = {
        "algorithm": "digest.sha256.v1",
        "kind": "whole",
        "code": hashlib.sha256(name.encode()).hexdigest(),
    }
    body = {"title": name, "kind": "image", "fingerprints": [code]}
    work: str = client.post("/v1/works", json=body, headers=by.headers).json["id"]
    return work


def make_tariff(client: Client, by: Account, **changes: Any) -> Any:
    body = {"name": "Pictures", "currency": "EUR", "components": [PER_IMAGE]} | changes
    return client.post("/v1/tariffs", json=body, headers=by.headers)


def make_offer(client: Client, by: Account, *works: str, **changes: Any) -> Any:
    body = {"works": works, "purpose": "train_genai"} | changes
    return client.post("/v1/offers", json=body, headers=by.headers)


def accept(client: Client, by: Account, offer: str) -> Any:
    return client.post(f"/v1/offers/{offer}/accept", headers=by.headers)


@pytest.fixture
def anna(account: Make) -> Account:
    return account()


@pytest.fixture
def lab(account: Make) -> Account:
    return account(Role.LAB, name="Lab")


# -- from a price to an agreement ---------------------------------------------------------------------------
def test_a_lab_sees_a_price_and_accepts_it(client: Client, anna: Account, lab: Account, clock: Clock) -> None:
    work = register(client, anna)
    tariff = make_tariff(client, anna)
    assert tariff.status_code == 201
    assert tariff.json.keys() == {"tariff", "version", "currency", "components", "digest"}
    offer = make_offer(
        client, anna, work, tariff=tariff.json["tariff"], territories=["DE"], valid_to="2027-08-02T00:00:00Z"
    )
    assert offer.status_code == 201
    assert offer.json == {
        "id": offer.json["id"],
        "owner": anna.id,
        "works": [work],
        "repertoire": False,
        "purpose": "train_genai",
        "territories": ["DE"],
        "valid_from": "2026-08-02T09:30:00Z",
        "valid_to": "2027-08-02T00:00:00Z",
        "tariff": tariff.json,
        "licensees": None,
        "recorded_at": "2026-08-02T09:30:00Z",
        "revoked_at": None,
        "log_index": 1,
    }
    assert client.get(f"/v1/offers/{offer.json['id']}", headers=lab.headers).json == offer.json

    clock.advance(days=1)
    agreement = accept(client, lab, offer.json["id"])
    assert agreement.status_code == 201
    assert agreement.json["licence"] == f"{agreement.json['id']}@1"
    assert (agreement.json["owner"], agreement.json["licensee"]) == (anna.id, lab.id)
    assert (agreement.json["tariff"], agreement.json["works"]) == (tariff.json, [work])
    assert agreement.json["valid_from"] == agreement.json["concluded_at"] == "2026-08-03T09:30:00Z"
    assert len(agreement.json["salt"]) == 64
    for side in (anna, lab):
        listed = client.get("/v1/agreements", headers=side.headers).json["items"]
        assert [a["id"] for a in listed] == [agreement.json["id"]]
        assert "salt" not in listed[0]
        one = client.get(f"/v1/agreements/{agreement.json['id']}", headers=side.headers)
        assert one.json == agreement.json


def test_an_open_licence_is_there_for_everyone(client: Client, anna: Account, lab: Account) -> None:
    offer = make_offer(client, anna, register(client, anna))
    assert (offer.json["tariff"], offer.json["licensees"]) == (None, None)
    assert client.get(f"/v1/offers/{offer.json['id']}").json == offer.json
    refused = accept(client, lab, offer.json["id"])
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")


def test_a_new_tariff_version_does_not_touch_what_was_agreed(
    client: Client, anna: Account, lab: Account
) -> None:
    first = make_tariff(client, anna).json
    offer = make_offer(client, anna, register(client, anna), tariff=first["tariff"]).json
    agreement = accept(client, lab, offer["id"]).json
    dearer = PER_IMAGE | {"amount_minor": 90}
    body = {"tariff": first["tariff"], "currency": "EUR", "components": [dearer]}
    second = client.post("/v1/tariffs", json=body, headers=anna.headers).json
    assert (second["version"], second["components"]) == (2, [dearer])
    assert second["digest"] != first["digest"]
    (series,) = client.get("/v1/tariffs", headers=anna.headers).json["items"]
    assert series["versions"] == [first, second]
    again = client.get(f"/v1/agreements/{agreement['id']}", headers=lab.headers).json
    assert again["tariff"] == first


def test_revoking_and_ending(client: Client, anna: Account, lab: Account, clock: Clock) -> None:
    tariff = make_tariff(client, anna).json["tariff"]
    offer = make_offer(client, anna, register(client, anna), tariff=tariff).json["id"]
    agreement = f"/v1/agreements/{accept(client, lab, offer).json['id']}"
    clock.advance(days=1)
    assert client.delete(f"/v1/offers/{offer}", headers=anna.headers).status_code == 204
    assert client.delete(f"/v1/offers/{offer}", headers=anna.headers).status_code == 204
    assert client.get(f"/v1/offers/{offer}").json["revoked_at"] == "2026-08-03T09:30:00Z"
    assert client.get("/v1/offers").json["items"] == []
    assert client.get(agreement, headers=lab.headers).json["ends_at"] is None

    past = client.post(f"{agreement}/end", json={"at": "2026-08-01T00:00:00Z"}, headers=anna.headers)
    assert past.status_code == 422
    ended = client.post(f"{agreement}/end", json={"at": "2026-09-01T00:00:00Z"}, headers=anna.headers)
    assert (ended.status_code, ended.json["ends_at"]) == (200, "2026-09-01T00:00:00Z")
    assert client.post(f"{agreement}/end", json={}, headers=lab.headers).status_code == 409


def test_an_agreement_ends_now_unless_a_time_is_given(client: Client, anna: Account, lab: Account) -> None:
    offer = make_offer(client, anna, register(client, anna), licensees=[lab.id]).json["id"]
    agreement = accept(client, lab, offer).json["id"]
    ended = client.post(f"/v1/agreements/{agreement}/end", json={}, headers=lab.headers)
    assert ended.json["ends_at"] == "2026-08-02T09:30:00Z"


# -- who sees what ------------------------------------------------------------------------------------------
def test_a_named_offer_is_between_its_sides(
    client: Client, anna: Account, lab: Account, account: Make
) -> None:
    rival = account(Role.LAB, name="Rival")
    offer = make_offer(client, anna, register(client, anna), licensees=[lab.id, rival.id]).json
    path = f"/v1/offers/{offer['id']}"
    assert sorted(offer["licensees"]) == sorted([lab.id, rival.id])
    assert offer["log_index"] is None
    assert client.get(path, headers=lab.headers).json["licensees"] == [lab.id]
    strangers = [account(role, name="Stranger").headers for role in (Role.CREATOR, Role.SOCIETY, Role.LAB)]
    for headers in ({}, *strangers):
        assert client.get(path, headers=headers).status_code == 404
        assert client.get("/v1/offers", headers=headers).json["items"] == []


def test_an_agreement_is_between_its_sides(
    client: Client, anna: Account, lab: Account, account: Make
) -> None:
    offer = make_offer(client, anna, register(client, anna), licensees=[lab.id]).json["id"]
    agreement = accept(client, lab, offer).json["id"]
    for role in Role:
        if role is Role.OPERATOR:
            continue
        headers = account(role, name="Stranger").headers
        assert client.get(f"/v1/agreements/{agreement}", headers=headers).status_code == 404
        ended = client.post(f"/v1/agreements/{agreement}/end", json={}, headers=headers)
        assert ended.status_code == (403 if role is Role.AUDITOR else 404), "auditors only read"
        assert client.get("/v1/agreements", headers=headers).json == {"items": [], "next": None}
    assert client.get(f"/v1/agreements/{agreement}").status_code == 401


def test_roles_and_scopes(client: Client, anna: Account, lab: Account, account: Make) -> None:
    work = register(client, anna)
    reader = account(Role.CREATOR, Scope.WORKS_READ, name="Reader")
    assert make_offer(client, reader, work).status_code == 403
    assert make_offer(client, lab, work).status_code == 403
    assert make_tariff(client, lab).status_code == 403
    assert make_offer(client, account(name="Ben"), work).status_code == 404
    offer = make_offer(client, anna, work, tariff=make_tariff(client, anna).json["tariff"]).json["id"]
    assert accept(client, anna, offer).status_code == 403
    assert client.post(f"/v1/offers/{offer}/accept").status_code == 401
    assert client.delete(f"/v1/offers/{offer}", headers=lab.headers).status_code == 403


# -- faults -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"works": []}, "works"),
        ({"works": ["offer_" + NOWHERE]}, "works.0"),
        ({"works": [None]}, "works.0"),
        ({"purpose": "resale"}, "purpose"),
        ({"territories": []}, "territories"),
        ({"valid_to": "tomorrow"}, "valid_to"),
        ({"valid_to": "2027-01-01T00:00:00"}, "valid_to"),
        ({"tariff_version": 0}, "tariff_version"),
        ({"licensees": ["Lab"]}, "licensees.0"),
        ({"price": 4}, "price"),
    ],
)
def test_faults_of_offers_are_named_by_field(
    client: Client, anna: Account, changes: dict[str, Any], path: str
) -> None:
    answer = make_offer(client, anna, register(client, anna), **changes)
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json["errors"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "EURO"},
        {"currency": "QQQ"},
        {"components": []},
        {"components": [{"type": "free"}]},
        {"components": [PER_IMAGE | {"amount_minor": 0.4}]},
        {"components": [PER_IMAGE | {"amount_minor": -1}]},
        {"name": None},
        {"discount": 5},
    ],
)
def test_faults_of_tariffs_are_refused(client: Client, anna: Account, changes: dict[str, Any]) -> None:
    answer = make_tariff(client, anna, **changes)
    assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")
    assert client.get("/v1/tariffs", headers=anna.headers).json["items"] == []


def test_what_does_not_exist(client: Client, anna: Account, lab: Account) -> None:
    assert client.get(f"/v1/offers/offer_{NOWHERE}").status_code == 404
    assert client.get("/v1/offers/offer_short").status_code == 404
    assert accept(client, lab, f"offer_{NOWHERE}").status_code == 404
    assert client.get(f"/v1/agreements/agreement_{NOWHERE}", headers=lab.headers).status_code == 404
    assert make_offer(client, anna, f"work_{NOWHERE}").status_code == 404
    assert client.get("/v1/offers?sort=price").status_code == 422


def test_offers_of_one_work_in_pages(client: Client, anna: Account) -> None:
    work, other = register(client, anna), register(client, anna, "Sea")
    ids = [make_offer(client, anna, work, purpose=p).json["id"] for p in ("tdm", "search", "ai_input")]
    make_offer(client, anna, other)
    first = client.get(f"/v1/offers?work={work}&limit=2").json
    assert [o["id"] for o in first["items"]] == ids[:2]
    rest = client.get(f"/v1/offers?work={work}&limit=2&after={first['next']}").json
    assert ([o["id"] for o in rest["items"]], rest["next"]) == (ids[2:], None)
