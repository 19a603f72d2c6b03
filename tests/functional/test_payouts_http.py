"""GET /v1/payouts, GET and PUT /v1/bank-account: who may, and that money goes nowhere without the password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from registry.base.actor import Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.parties import service as parties
from tests.factories import PASSWORD, make_key
from tests.functional.conftest import Account, Client
from tests.support.bank import IBANS

ADDRESS = "/v1/bank-account"


def with_password(database: Database, sources: Sources) -> Account:
    """Anna, who can sign in."""
    command = parties.RegisterParty(Role.CREATOR, "Anna", "anna@example.org", PASSWORD)
    with database.writing() as session:
        actor = parties.actor_of(parties.register_party(session, command, sources))
        return Account(actor, make_key(session, sources, actor))


def put(client: Client, who: Account, **changed: str) -> Any:
    """Be paid to an account."""
    body = {"holder": "Anna", "iban": IBANS[0], "password": PASSWORD} | changed
    return client.put(ADDRESS, json=body, headers=who.headers)


def test_bank_details_need_password_scope_and_a_right_iban(
    client: Client, account: Callable[..., Account], database: Database, sources: Sources
) -> None:
    anna = with_password(database, sources)
    assert client.get(ADDRESS, headers=anna.headers).status_code == 404
    assert put(client, anna, password="not the password").status_code == 401
    assert put(client, anna, iban=IBANS[0][:-1] + "1").status_code == 422
    assert put(client, anna, holder="N" * 80).status_code == 422
    assert put(client, account(Role.CREATOR, Scope.STATEMENTS_READ)).status_code == 403
    assert client.get(ADDRESS, headers=anna.headers).status_code == 404
    given = put(client, anna)
    assert given.status_code == 200, given.json
    assert (given.json["holder"], given.json["iban"]) == ("Anna", "DE… 3000")
    assert client.get(ADDRESS, headers=anna.headers).json == given.json


def test_who_was_paid_nothing_finds_nothing(client: Client, account: Callable[..., Account]) -> None:
    assert client.get("/v1/payouts", headers=account().headers).json == {"owed": {}, "payouts": []}
    assert client.get("/v1/payouts").status_code == 401
