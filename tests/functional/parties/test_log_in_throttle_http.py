"""Making keys by password is slowed down like signing in on a page: one count for both."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.parties import service as parties
from tests.factories import PASSWORD, Clock

EMAIL = "anna@example.org"


def test_guessing_by_the_api_is_slowed_down(
    client: FlaskClient, database: Database, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        command = parties.RegisterParty(Role.CREATOR, "Anna", EMAIL, PASSWORD)
        parties.register_party(session, command, sources)

    def ask(password: str) -> Any:
        body = {"email": EMAIL, "password": password, "name": "k", "scopes": ["check"]}
        return client.post("/v1/keys", json=body)

    assert [ask("wrong").status_code for _ in range(5)] == [401] * 5
    slowed = ask(PASSWORD)
    assert slowed.status_code == 429
    assert slowed.json is not None
    assert slowed.json["code"] == "rate.limited"
    assert slowed.headers["Retry-After"] == "15"

    clock.advance(seconds=15)
    assert ask(PASSWORD).status_code == 201
    assert ask("wrong").status_code == 401
