"""Idempotency-Key: a POST that is sent again has its effect once, and nothing else is ever replayed."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from registry.base.actor import Role, Scope
from registry.base.db import Database
from registry.base.idempotency import StoredAnswer
from registry.works.models import Work
from tests.factories import PASSWORD, Clock
from tests.functional.conftest import Account, Client
from tests.support.pictures import png

Make = Callable[..., Account]
KEY = str(UUID(int=7))
SHA256 = {"algorithm": "digest.sha256.v1", "kind": "whole", "code": hashlib.sha256(b"x").hexdigest()}
BODY = {"title": "Dunes", "kind": "image", "fingerprints": [SHA256]}


def register(client: Client, by: Account, key: str | None = KEY, **changes: Any) -> Any:
    headers = by.headers | ({} if key is None else {"Idempotency-Key": key})
    return client.post("/v1/works", json=BODY | changes, headers=headers)


def works(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Work)) or 0


def test_the_same_request_has_the_same_answer_and_one_effect(
    client: Client, account: Make, database: Database
) -> None:
    anna = account()
    first, again = register(client, anna), register(client, anna)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert works(database) == 1


def test_without_a_key_each_request_is_its_own(client: Client, account: Make) -> None:
    anna = account()
    assert register(client, anna, None).status_code == 201
    assert register(client, anna, None).json["code"] == "conflict"


def test_a_key_may_be_written_as_a_quoted_string(client: Client, account: Make) -> None:
    """As the draft has it (RFC 9651 string)."""
    anna = account()
    first = register(client, anna, f'"{KEY}"')
    assert register(client, anna, KEY).data == first.data


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 101, "with spaces inside it", "ä" * 20, "a" * 10 + '"' + "b" * 10]
)
def test_a_key_that_anybody_could_guess_is_refused(client: Client, account: Make, key: str) -> None:
    answer = register(client, account(), key)
    assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")
    assert "UUID" in answer.json["detail"]


@pytest.mark.parametrize("changes", [{"title": "Other dunes"}, {"tool": None, "made_by": "human"}])
def test_a_key_names_one_request(
    client: Client, account: Make, database: Database, changes: dict[str, Any]
) -> None:
    anna = account()
    register(client, anna)
    answer = register(client, anna, **changes)
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency.key-reused")
    assert works(database) == 1


def test_a_key_names_one_address(client: Client, account: Make) -> None:
    anna = account()
    register(client, anna)
    answer = client.post("/v1/offers", json=BODY, headers=anna.headers | {"Idempotency-Key": KEY})
    assert answer.json["code"] == "idempotency.key-reused"


def test_every_account_has_keys_of_its_own(client: Client, account: Make) -> None:
    first, other = register(client, account()), register(client, account(name="Ben"))
    assert other.status_code == 201
    assert other.json["id"] != first.json["id"]


def test_what_failed_changed_nothing_and_may_be_corrected(client: Client, account: Make) -> None:
    """Also under the same key: nothing was kept."""
    anna = account()
    assert register(client, anna, title=" ").status_code == 422
    assert register(client, anna).status_code == 201


def test_a_replay_needs_the_scope_that_the_request_needed(
    client: Client, account: Make, database: Database
) -> None:
    """Another key of the same account, which may not register, learns nothing."""
    anna = account()
    register(client, anna)
    body = {"name": "reader", "scopes": ["works:read"]}
    reader = client.post("/v1/keys", json=body, headers=anna.headers).json["key"]
    headers = {"Authorization": f"Bearer {reader}", "Idempotency-Key": KEY}
    assert client.post("/v1/works", json=BODY, headers=headers).json["code"] == "auth.forbidden"


def test_answers_are_kept_for_a_day(client: Client, account: Make, clock: Clock) -> None:
    anna = account()
    first = register(client, anna)
    clock.advance(hours=23, minutes=59)
    assert register(client, anna).data == first.data
    clock.advance(minutes=1)
    assert register(client, anna).json["code"] == "conflict"


def test_a_form_is_the_same_whatever_its_boundaries(client: Client, account: Make) -> None:
    anna = account()

    def send(data: bytes) -> Any:
        parts = {"file": (io.BytesIO(data), "x.png"), "metadata": json.dumps({"title": "Dunes"})}
        return client.post("/v1/works", data=parts, headers=anna.headers | {"Idempotency-Key": KEY})

    first = send(png(1))
    assert first.status_code == 201
    assert send(png(1)).data == first.data
    assert send(png(2)).json["code"] == "idempotency.key-reused"


def test_a_new_api_key_is_replayed_and_not_readable_in_the_database(
    client: Client, account: Make, database: Database
) -> None:
    anna = account()
    body = {"name": "laptop", "scopes": ["check"]}
    headers = anna.headers | {"Idempotency-Key": KEY}
    first = client.post("/v1/keys", json=body, headers=headers)
    assert client.post("/v1/keys", json=body, headers=headers).json["key"] == first.json["key"]
    with database.reading() as session:
        (row,) = session.scalars(select(StoredAnswer)).all()
    stored = b"".join(value for value in vars(row).values() if isinstance(value, bytes))
    assert first.json["key"].encode() not in stored
    assert KEY.encode() not in stored


def test_accounts_are_opened_once_without_an_api_key(client: Client) -> None:
    body = {"role": "creator", "name": "Anna", "email": "anna@example.org", "password": PASSWORD}
    first = client.post("/v1/accounts", json=body, headers={"Idempotency-Key": KEY})
    again = client.post("/v1/accounts", json=body, headers={"Idempotency-Key": KEY})
    assert (first.status_code, again.data) == (201, first.data)


def test_equal_requests_at_once_have_one_effect(app: Flask, account: Make, database: Database) -> None:
    """The second waits for the first and has its answer."""
    anna = account()
    start = threading.Barrier(4)
    answers: list[Any] = []

    def send() -> None:
        start.wait()
        answers.append(register(app.test_client(), anna))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(a.status_code, a.data) for a in answers} == {(201, answers[0].data)}
    assert works(database) == 1


def test_claims_which_sign_a_receipt_afterwards_keep_their_key_for_themselves(
    client: Client, account: Make
) -> None:
    """Their own rule makes them one; the key still names one request, and a failed one frees it."""
    lab = account(Role.LAB)
    headers = lab.headers | {"Idempotency-Key": KEY}
    body = {"manifest": {}, "model": "model_" + "0" * 26, "rows": []}
    assert client.post("/v1/claims", json=body, headers=headers).status_code in {422, 503}
    other = client.post("/v1/models", json={"name": "heron", "version": "1"}, headers=headers)
    assert other.status_code == 201


def test_scopes_come_before_keys(client: Client, account: Make) -> None:
    """Who may not ask is told so, whatever else is wrong."""
    reader = account(Role.CREATOR, Scope.WORKS_READ)
    assert register(client, reader, "short").json["code"] == "auth.forbidden"


def test_a_form_with_a_nameless_part_is_refused(client: Client, account: Make) -> None:
    """A part without a name is the sender's fault: it is said, and nothing is recorded."""
    body = b"--x\r\nContent-Disposition: form-data\r\n\r\nnobody\r\n--x--\r\n"
    headers = account().headers | {
        "Idempotency-Key": "nameless",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    assert client.post("/v1/works", data=body, headers=headers).status_code in {400, 422}
