"""PATCH /v1/works/<id>: only by who has read it, and what was stated before stays on record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.db import Database
from registry.log import service as log
from tests.factories import Clock
from tests.functional.conftest import Account, Client

Make = Callable[..., Account]
SHA256 = {"algorithm": "digest.sha256.v1", "kind": "whole", "code": hashlib.sha256(b"x").hexdigest()}
BODY = {
    "title": "Dunes",
    "kind": "image",
    "fingerprints": [SHA256],
    "identifiers": [{"scheme": "doi", "value": "10.1000/182"}],
    "source_urls": ["https://example.org/dunes"],
}


def register(client: Client, by: Account) -> tuple[str, str]:
    """Address and ETag of a new work."""
    answer = client.post("/v1/works", json=BODY, headers=by.headers)
    assert answer.status_code == 201
    return f"/v1/works/{answer.json['id']}", answer.headers["ETag"]


def change(client: Client, by: Account, url: str, etag: str, **changes: Any) -> Any:
    return client.patch(url, json=changes, headers=by.headers | {"If-Match": etag})


def change_seq(database: Database) -> int:
    with database.reading() as session:
        return log.current_change_seq(session)


def test_what_was_read_can_be_changed(client: Client, account: Make, database: Database) -> None:
    anna = account()
    url, etag = register(client, anna)
    before = change_seq(database)
    answer = change(
        client,
        anna,
        url,
        etag,
        title=" Dunes at dawn ",
        made_by="ai_assisted",
        tool="Blender 5",
        disclosure="digest-only",
        identifiers=[{"scheme": "isbn", "value": "3-16-148410-X"}],
        source_urls=["https://example.org/dunes", "https://example.org/dawn"],
    )
    assert answer.status_code == 200, answer.json
    work = client.get(url, headers=anna.headers)
    assert work.json == answer.json
    assert work.headers["ETag"] == answer.headers["ETag"] != etag
    assert (work.json["title"], work.json["tool"], work.json["disclosure"]) == (
        "Dunes at dawn",
        "Blender 5",
        "digest-only",
    )
    assert work.json["identifiers"] == [{"scheme": "isbn", "value": "9783161484100"}]
    assert work.json["source_urls"] == ["https://example.org/dunes", "https://example.org/dawn"]
    assert change_seq(database) == before + 1


def test_the_past_stays_on_record(client: Client, account: Make, clock: Clock) -> None:
    anna = account()
    url, etag = register(client, anna)
    clock.advance(days=1)
    etag = change(client, anna, url, etag, title="Second").headers["ETag"]
    clock.advance(days=1)
    change(client, anna, url, etag, title="Third")
    first, second = client.get(f"{url}/revisions", headers=anna.headers).json["items"]
    assert (first["number"], first["statements"]["title"]) == (1, "Dunes")
    assert first["statements"]["identifiers"] == BODY["identifiers"]
    assert (first["recorded_at"], first["superseded_at"]) == ("2026-08-02T09:30:00Z", "2026-08-03T09:30:00Z")
    assert (second["statements"]["title"], second["recorded_at"]) == ("Second", "2026-08-03T09:30:00Z")
    assert second["superseded_at"] == "2026-08-04T09:30:00Z"


def test_a_change_without_a_version_is_refused(client: Client, account: Make) -> None:
    anna = account()
    url, _ = register(client, anna)
    answer = client.patch(url, json={"title": "Other"}, headers=anna.headers)
    assert (answer.status_code, answer.json["code"]) == (428, "precondition.required")


def test_a_change_of_what_was_changed_meanwhile_is_refused(client: Client, account: Make) -> None:
    """Also if it was something else that changed: shares, reservations, a further version."""
    anna = account()
    url, etag = register(client, anna)
    reserved = client.put(
        f"{url}/reservations", json={"reservations": [{"purpose": "tdm"}]}, headers=anna.headers
    )
    answer = change(client, anna, url, etag, title="Other")
    assert (answer.status_code, answer.json["code"]) == (412, "precondition.failed")
    assert change(client, anna, url, reserved.headers["ETag"], title="Other").status_code == 200


@pytest.mark.parametrize("etag", ["nonsense", '"0"', "W/{}"])
def test_only_the_very_tag_counts(client: Client, account: Make, etag: str) -> None:
    """A weak tag does not say that it is the same (RFC 9110 section 13.1.1)."""
    anna = account()
    url, current = register(client, anna)
    assert change(client, anna, url, etag.format(current), title="Other").status_code == 412


def test_whoever_wants_can_change_whatever_is_there(client: Client, account: Make) -> None:
    anna = account()
    url, _ = register(client, anna)
    assert change(client, anna, url, "*", title="Other").json["title"] == "Other"


def test_no_difference_is_no_change(client: Client, account: Make) -> None:
    anna = account()
    url, etag = register(client, anna)
    assert change(client, anna, url, etag, title="Dunes").headers["ETag"] == etag
    assert client.get(f"{url}/revisions", headers=anna.headers).json["items"] == []


WRONG: tuple[tuple[str, Any, str], ...] = (
    ("title", "  ", "title"),
    ("title", None, "title"),
    ("tool", "Blender 5", "human"),
    ("made_by", "ai_generated", "tool"),
    ("identifiers", [{"scheme": "isbn", "value": "978-3-16-148410-1"}], "ISBN"),
    ("source_urls", ["ftp://example.org/x"], "address"),
    ("disclosure", "secret", "disclosure"),
    ("kind", "text", "kind"),
    ("fingerprints", [SHA256], "fingerprints"),
)


def test_what_cannot_be_registered_cannot_be_stated(
    client: Client, account: Make, subtests: pytest.Subtests
) -> None:
    anna = account()
    url, etag = register(client, anna)
    for name, value, message in WRONG:
        with subtests.test(f"{name}={value}"):
            answer = change(client, anna, url, etag, **{name: value})
            assert (answer.status_code, answer.json["code"]) == (422, "input.invalid")
            assert message in answer.json["detail"]
            assert client.get(url, headers=anna.headers).headers["ETag"] == etag


def test_others_cannot_change_or_even_know_it(client: Client, account: Make) -> None:
    anna, ben, lab = account(), account(name="Ben"), account(Role.LAB)
    url, etag = register(client, anna)
    assert change(client, ben, url, etag, title="Mine").status_code == 404
    assert change(client, lab, url, etag, title="Mine").status_code == 403
    assert client.get(f"{url}/revisions", headers=ben.headers).status_code == 404


def test_a_withdrawn_work_cannot_be_changed(client: Client, account: Make) -> None:
    anna = account()
    url, etag = register(client, anna)
    client.delete(url, headers=anna.headers)
    assert change(client, anna, url, etag, title="Other").json["code"] == "conflict"


def test_a_reader_who_has_it_is_told_so(client: Client, account: Make) -> None:
    anna = account()
    url, etag = register(client, anna)
    same = client.get(url, headers=anna.headers | {"If-None-Match": etag})
    assert (same.status_code, same.data) == (304, b"")
    change(client, anna, url, etag, title="Other")
    assert client.get(url, headers=anna.headers | {"If-None-Match": etag}).status_code == 200
    listed = client.get("/v1/works", headers=anna.headers)
    again = client.get("/v1/works", headers=anna.headers | {"If-None-Match": listed.headers["ETag"]})
    assert again.status_code == 304
