"""Accounts and keys over HTTP: what is shown, what is refused, and that refusals tell nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry.base.actor import Role, Scope
from registry.base.db import Database
from registry.core.ids import format_id
from registry.parties.models import ApiKey, Party
from tests.factories import PASSWORD, Clock
from tests.functional.conftest import Account, Client

ANNA = {"role": "creator", "name": "Anna Weiß", "email": "Anna@Example.org", "password": PASSWORD}
Make = Callable[..., Account]


def open_account(client: Client, **changes: Any) -> Any:
    return client.post("/v1/accounts", json=ANNA | changes)


def new_key(client: Client, **changes: Any) -> Any:
    body = {"name": "laptop", "scopes": ["account", "works:read"]}
    return client.post("/v1/keys", json=body | changes)


def test_from_account_to_key_to_oneself(client: Client) -> None:
    """The way of a stranger: open an account, make a key with the password, use it."""
    opened = open_account(client)
    assert opened.status_code == 201
    assert opened.json["id"].startswith("party_")
    assert opened.json["email"] == "anna@example.org"
    assert opened.json["created_at"] == "2026-08-02T09:30:00Z"
    assert set(opened.json) == {"id", "role", "name", "email", "email_confirmed_at", "created_at"}

    key = new_key(client, email="ANNA@example.org", password=PASSWORD)
    assert key.status_code == 201
    assert key.json["scopes"] == ["account", "works:read"]
    me = client.get("/v1/accounts/me", headers={"Authorization": f"Bearer {key.json['key']}"})
    assert me.status_code == 200
    assert me.json == opened.json


def test_password_and_key_are_not_kept(client: Client, database: Database) -> None:
    """What the database holds lets nobody in."""
    open_account(client)
    text = new_key(client, email=ANNA["email"], password=PASSWORD).json["key"]
    with database.reading() as session:
        party = session.scalars(select(Party)).one()
        key = session.scalars(select(ApiKey)).one()
    assert party.password is not None
    assert party.password.startswith("$argon2id$")
    assert PASSWORD not in party.password
    assert text.encode() not in key.digest
    assert len(key.digest) == 32


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"role": "operator"}, "role"),
        ({"role": "king"}, "role"),
        ({"name": " "}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"email": ""}, "email"),
        ({"is_admin": True}, "is_admin"),
        ({"password": 123456789012}, "password"),
        ({"name": None}, "name"),
    ],
)
def test_an_account_with_a_bad_field_is_refused(client: Client, changes: dict[str, Any], path: str) -> None:
    """Each refusal names the field."""
    answer = open_account(client, **changes)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "input.invalid"
    assert {e["path"] for e in answer.json["errors"]} == {path}


@pytest.mark.parametrize(
    "changes", [{"email": "nobody"}, {"password": "short"}, {"password": "passwordpassword"}]
)
def test_an_account_that_breaks_a_rule_is_refused(client: Client, changes: dict[str, Any]) -> None:
    """Rules that are more than a field's form come from the service, as the same problem."""
    answer = open_account(client, **changes)
    assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")


def test_one_account_an_address(client: Client) -> None:
    """Whatever the case of its letters."""
    open_account(client)
    again = open_account(client, email="anna@EXAMPLE.org", name="Another")
    assert (again.status_code, again.json["code"]) == (409, "conflict")


def test_a_failed_log_in_does_not_tell_whether_the_account_exists(client: Client) -> None:
    """Wrong password, unknown address, no address at all: the same answer to the letter."""
    open_account(client)
    tries = [
        {"email": ANNA["email"], "password": "wrong password here"},
        {"email": "nobody@example.org", "password": PASSWORD},
        {"email": "not an address", "password": PASSWORD},
        {"email": ANNA["email"], "password": PASSWORD + "x" * 300},
    ]
    answers = []
    for login in tries:
        answer = new_key(client, **login)
        assert answer.status_code == 401
        answers.append({k: v for k, v in answer.json.items() if k != "request_id"})
    assert all(a == answers[0] for a in answers)


def test_a_party_without_password_cannot_log_in(client: Client, account: Make) -> None:
    """An account made by the operator is used by keys only."""
    account()
    assert new_key(client, email="anna@example.org", password="").status_code == 401


@pytest.mark.parametrize("login", [{"email": "a@b.org"}, {"password": PASSWORD}])
def test_half_a_log_in_is_refused(client: Client, login: dict[str, str]) -> None:
    """Both or neither."""
    assert new_key(client, **login).status_code == 422


def test_a_key_is_made_by_somebody(client: Client) -> None:
    """Neither password nor key."""
    answer = new_key(client)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_makes_keys_that_can_do_less(client: Client, account: Make) -> None:
    """It needs the scope account, and hands on no more than it has."""
    anna = account(Role.CREATOR, Scope.ACCOUNT, Scope.CHECK)
    made = client.post("/v1/keys", json={"name": "bot", "scopes": ["check"]}, headers=anna.headers)
    assert made.status_code == 201
    bot = {"Authorization": f"Bearer {made.json['key']}"}
    more = client.post("/v1/keys", json={"name": "x", "scopes": ["works:write"]}, headers=anna.headers)
    assert (more.status_code, more.json["code"]) == (403, "auth.forbidden")
    from_bot = client.post("/v1/keys", json={"name": "x", "scopes": ["check"]}, headers=bot)
    assert (from_bot.status_code, from_bot.json["details"]) == (403, {"missing": ["account"]})


def test_a_role_bounds_its_keys(client: Client) -> None:
    """A creator cannot have a lab's scope, not even with its password."""
    open_account(client)
    answer = new_key(client, email=ANNA["email"], password=PASSWORD, scopes=["claims:write"])
    assert answer.status_code == 403
    assert answer.json["details"] == {"not_allowed": ["claims:write"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "check"},
        {"expires_at": "2026-08-02T09:30:00Z"},
        {"expires_at": "2026-08-03T09:30:00"},
        {"expires_at": "tomorrow"},
        {"expires_at": 1_800_000_000},
    ],
)
def test_a_key_with_a_bad_field_is_refused(client: Client, account: Make, changes: dict[str, Any]) -> None:
    """No scopes, unknown scopes, an end that is not in the future or not a time."""
    body = {"name": "x", "scopes": ["check"]} | changes
    assert client.post("/v1/keys", json=body, headers=account().headers).status_code == 422


def test_keys_are_listed_without_their_texts(client: Client, account: Make) -> None:
    """And only one's own, page by page."""
    anna = account()
    account(name="Ben")
    for name in ("a", "b"):
        client.post("/v1/keys", json={"name": name, "scopes": ["check"]}, headers=anna.headers)
    first = client.get("/v1/keys?limit=2", headers=anna.headers).json
    rest = client.get(f"/v1/keys?limit=2&after={first['next']}", headers=anna.headers).json
    assert [k["name"] for k in first["items"] + rest["items"]] == ["test", "a", "b"]
    assert rest["next"] is None
    assert all("key" not in k and "digest" not in k for k in first["items"])


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "page=2", "after=key_nonsense"])
def test_a_bad_page_is_refused(client: Client, account: Make, query: str) -> None:
    """Unknown parameters too."""
    assert client.get(f"/v1/keys?{query}", headers=account().headers).status_code == 422


def test_anothers_key_is_no_cursor(client: Client, account: Make, database: Database) -> None:
    """It is refused like an id that does not exist."""
    ben = account(name="Ben")
    with database.reading() as session:
        bens = format_id("key", session.scalars(select(ApiKey.public_id)).one())
    unknown = format_id("key", bytes(16))
    anna = account()
    answers = [client.get(f"/v1/keys?after={i}", headers=anna.headers) for i in (bens, unknown)]
    assert [a.status_code for a in answers] == [422, 422]
    assert answers[0].json["detail"] == answers[1].json["detail"]
    assert client.get(f"/v1/keys?after={bens}", headers=ben.headers).status_code == 200


def test_a_revoked_key_is_worthless(client: Client, account: Make) -> None:
    """At once; revoking it again changes nothing."""
    anna = account()
    made = client.post("/v1/keys", json={"name": "bot", "scopes": ["account"]}, headers=anna.headers).json
    bot = {"Authorization": f"Bearer {made['key']}"}
    assert client.get("/v1/accounts/me", headers=bot).status_code == 200
    for _ in range(2):
        assert client.delete(f"/v1/keys/{made['id']}", headers=anna.headers).status_code == 204
    assert client.get("/v1/accounts/me", headers=bot).status_code == 401
    listed = client.get("/v1/keys", headers=anna.headers).json["items"]
    assert [k["revoked_at"] is None for k in listed] == [True, False]


def test_anothers_key_cannot_be_revoked(client: Client, account: Make) -> None:
    """For everybody else, the operator included, there is no such key."""
    anna = account()
    made = client.post("/v1/keys", json={"name": "bot", "scopes": ["account"]}, headers=anna.headers).json
    bot = {"Authorization": f"Bearer {made['key']}"}
    for other in (account(name="Ben"), account(Role.LAB), account(Role.SOCIETY), account(Role.OPERATOR)):
        answer = client.delete(f"/v1/keys/{made['id']}", headers=other.headers)
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")
    assert client.get("/v1/accounts/me", headers=bot).status_code == 200


@pytest.mark.parametrize("path", ["/v1/keys/key_short", "/v1/keys/party_" + "0" * 26, "/v1/keys/%00"])
def test_a_malformed_id_is_not_found(client: Client, account: Make, path: str) -> None:
    """Ids of another noun too."""
    assert client.delete(path, headers=account().headers).status_code == 404


def test_every_bad_key_gets_the_same_answer(client: Client, account: Make, clock: Clock) -> None:
    """Unknown, mistyped, expired, revoked: nobody learns which keys exist."""
    anna = account()
    body = {"name": "bot", "scopes": ["account"]}
    brief = client.post(
        "/v1/keys", json=body | {"expires_at": "2026-08-02T10:00:00Z"}, headers=anna.headers
    ).json
    gone = client.post("/v1/keys", json=body, headers=anna.headers).json
    client.delete(f"/v1/keys/{gone['id']}", headers=anna.headers)
    assert (
        client.get("/v1/accounts/me", headers={"Authorization": f"Bearer {brief['key']}"}).status_code == 200
    )
    clock.advance(minutes=30)  # exactly the end: [from, to)
    mistyped = anna.key[:-1] + ("A" if anna.key[-1] != "A" else "B")
    details = set()
    for key in (brief["key"], gone["key"], mistyped, "vbk_", "x" * 51):
        answer = client.get("/v1/accounts/me", headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json["code"]) == (401, "auth.required")
        details.add(answer.json["detail"])
    assert len(details) == 1


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer ", "vbk_x", "Bearer " + "x" * 201, "Bearer ü"]
)
def test_other_authorization_headers_are_refused(client: Client, header: str) -> None:
    """Also where a view is open to anyone: a credential that does not work is never “nobody”."""
    headers = {"Authorization": header}
    assert client.get("/v1/accounts/me", headers=headers).status_code == 401
    login = {"email": ANNA["email"], "password": PASSWORD, "name": "x", "scopes": ["check"]}
    assert client.post("/v1/keys", json=login, headers=headers).status_code == 401


def test_a_scope_that_is_missing_is_named(client: Client, account: Make) -> None:
    """The key is good, but not for this."""
    answer = client.get("/v1/accounts/me", headers=account(Role.LAB, Scope.CHECK).headers)
    assert (answer.status_code, answer.json["details"]) == (403, {"missing": ["account"]})


@pytest.mark.parametrize("viewer", list(Role))
def test_nobody_sees_anothers_private_fields(client: Client, account: Make, viewer: Role) -> None:
    """Creators are a role and an id to others; organisations have a name."""
    creator, lab, society = account(), account(Role.LAB, name="Lab"), account(Role.SOCIETY, name="Society")
    headers = account(viewer, name="Viewer").headers
    seen = [client.get(f"/v1/accounts/{a.id}", headers=headers).json for a in (creator, lab, society)]
    assert seen == [
        {"id": creator.id, "role": "creator", "name": None},
        {"id": lab.id, "role": "lab", "name": "Lab"},
        {"id": society.id, "role": "society", "name": "Society"},
    ]
    assert client.get(f"/v1/accounts/{creator.id}").status_code == 401
    assert client.get(f"/v1/accounts/{format_id('party', bytes(16))}", headers=headers).status_code == 404
