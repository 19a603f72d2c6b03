"""An auditor reads what all labs reported, and the files of settlements, and changes nothing but the own account."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from registry.app import wire
from registry.base.actor import Role, Scope
from registry.base.clock import Sources
from registry.base.context import install
from registry.base.db import Database
from registry.base.settings import SOCIETIES, Settings
from registry.core.ids import format_id
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from tests.factories import PASSWORD, Clock, make_key
from tests.functional.conftest import Account, Client
from tests.support.bank import IBANS
from tests.support.browsing import Browser
from tests.support.usage import CENTS_PER_100_IMAGES, open_trade, row

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

_UNKNOWN = re.compile(r"<id\((\w+)\):\w+>")
OF_THE_ACCOUNT = {
    "POST /v1/keys",
    "DELETE /v1/keys/<id(key):public_id>",
    "POST /v1/accounts/me/confirmation",
    "POST /v1/accounts/me/email",
}
"""What an auditor may write: who they are, nothing about works, licences, use or money."""
OF_ANYBODY = {
    "POST /v1/accounts",
    "POST /v1/address-confirmations",
    "POST /v1/forgotten-passwords",
    "POST /v1/forgotten-passwords/new",
    "POST /v1/check",
    "POST /v1/check/files",
}
"""Needs no account."""
BY_ROLE: dict[str, tuple[int, dict[str, Any]]] = {
    "POST /v1/mandates": (422, {"agent": "$society", "may": ["collect"], "repertoire": {"all": True}}),
    "POST /v1/mandates/<id(mandate):public_id>/end": (404, {}),
    "POST /v1/models": (403, {"name": "M", "version": "1"}),
    "PUT /v1/bank-account": (403, {"holder": "A", "iban": IBANS[0], "password": PASSWORD}),
    "PUT /v1/billing-details": (403, {"name": "A", "address": ["B 1"], "country": "DE"}),
    "POST /v1/costs": (403, {"uses": [{"work": f"work_{'0' * 26}", "units": 1}], "purpose": "train_genai"}),
}
"""Asks for no scope that an auditor's key lacks: refused by the role, here with bodies that others may send."""


@pytest.fixture
def settled(
    app: Flask, settings: Settings, database: Database, sources: Sources, clock: Clock
) -> dict[str, str]:
    """A lab's report, settled, at a registry that does not show its files to everybody."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        licence = trade.agreement(work, components=(CENTS_PER_100_IMAGES,))
        batch = trade.claim(row(work, licence, 130))
        settlement = remuneration.settle(session, trade.operator, "2026-Q3", sources)
        names = {
            "claim": format_id("claim", batch.public_id),
            "settlement": format_id("settlement", settlement.public_id),
            "lab": format_id("party", trade.lab.public_id),
        }
    install(app, wire(replace(settings, settlement_readers=SOCIETIES), sources, database))
    return names


@pytest.fixture
def auditor_with_password(database: Database, sources: Sources) -> dict[str, str]:
    """An account that may also do what a password is asked for; its key, as a header."""
    with database.writing() as session:
        command = parties.RegisterParty(Role.AUDITOR, "Audit", "audit@example.org", PASSWORD)
        actor = parties.actor_of(parties.register_on_server(session, command, sources))
        return {"Authorization": f"Bearer {make_key(session, sources, actor)}"}


def test_an_auditor_reads_what_all_labs_reported_and_owe(
    client: Client, account: Callable[..., Account], settled: dict[str, str]
) -> None:
    auditor = account(Role.AUDITOR, name="Audit GmbH").headers
    (claim,) = client.get("/v1/claims", headers=auditor).json["items"]
    assert (claim["id"], claim["lab"]) == (settled["claim"], settled["lab"])
    assert client.get(f"/v1/claims/{settled['claim']}", headers=auditor).json["rows"] == 1
    (pool,) = client.get(f"/v1/settlements/{settled['settlement']}", headers=auditor).json["pools"]
    assert pool["lab"] == settled["lab"]
    listing = client.get(f"/v1/settlements/{settled['settlement']}/inputs/listing.tsv", headers=auditor)
    assert listing.status_code == 200
    assert listing.headers["Cache-Control"].startswith("private")


def test_a_key_without_the_scope_reads_none_of_it(
    client: Client, account: Callable[..., Account], settled: dict[str, str]
) -> None:
    lesser = account(Role.AUDITOR, Scope.STATEMENTS_READ).headers
    assert client.get("/v1/claims", headers=lesser).status_code == 403
    assert (
        client.get(f"/v1/settlements/{settled['settlement']}/inputs/listing.tsv", headers=lesser).status_code
        == 403
    )
    assert client.get(f"/v1/settlements/{settled['settlement']}", headers=lesser).json["pools"] == []


@pytest.mark.parametrize("role", [Role.CREATOR, Role.LAB, Role.SOCIETY])
def test_nobody_else_has_an_auditors_scope(
    client: Client, account: Callable[..., Account], role: Role
) -> None:
    asked = {"name": "audit", "scopes": ["audit"]}
    answer = client.post("/v1/keys", json=asked, headers=account(role).headers)
    assert answer.status_code == 403
    assert "cannot have audit" in answer.json["detail"]


def test_an_auditor_writes_nowhere(app: Flask, client: Client, account: Callable[..., Account]) -> None:
    """Whatever changes anything refuses an auditor's key before it looks at what was sent, or by the role."""
    auditor = account(Role.AUDITOR).headers
    answers = {
        call: getattr(client, method.lower())(path, json={}, headers=auditor).status_code
        for call, method, path in _writing(app)
    }
    refused = {call for call, status in answers.items() if status == 403}
    assert answers.keys() - refused - OF_THE_ACCOUNT - OF_ANYBODY == BY_ROLE.keys() - refused
    assert len(refused) >= 25


def _writing(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Every call under /v1 that is not for reading: its name, method and path, about a thing that does not exist."""
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}:
            if rule.rule.startswith("/v1/"):
                yield f"{method} {rule.rule}", method, _UNKNOWN.sub(rf"\1_{'0' * 26}", rule.rule)


@pytest.mark.parametrize(("call", "refusal"), BY_ROLE.items(), ids=BY_ROLE)
def test_an_auditor_has_none_of_what_other_roles_have(
    client: Client,
    account: Callable[..., Account],
    auditor_with_password: dict[str, str],
    call: str,
    refusal: tuple[int, dict[str, Any]],
) -> None:
    method, path = call.split(" ")
    status, body = refusal
    society = account(Role.SOCIETY, name="VG").id
    sent = {name: society if value == "$society" else value for name, value in body.items()}
    path = _UNKNOWN.sub(rf"\1_{'0' * 26}", path)
    answer = getattr(client, method.lower())(path, json=sent, headers=auditor_with_password)
    assert answer.status_code == status, answer.json


def test_an_auditors_account_is_made_on_the_server_only(client: Client, app: Flask) -> None:
    asked = {"role": "auditor", "name": "A", "email": "a@example.org", "password": PASSWORD}
    assert client.post("/v1/accounts", json=asked).status_code == 422
    browser = Browser(app)
    browser.open("/en/sign-up?role=auditor")
    assert browser.send("/en/sign-up", asked).status_code == 422
