"""Runs without claims, and “was my work used?”: who learns what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.log.keys import LogKey
from registry.wiring import log_keys
from tests.factories import Clock, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import Trade, open_trade, row

Make = Callable[..., Account]


@dataclass
class Office:
    """A lab's claim about one work of Anna's, and everybody's key."""

    lab: Account
    anna: Account
    bert: Account
    work: str
    licence: str
    claim: str
    manifest: dict[str, Any]
    other_manifest: dict[str, Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key for the log, so that receipts can be signed."""
    LogKey.generate(log_keys(settings), "registry.example/usage-log")
    return settings


@pytest.fixture
def office(database: Database, sources: Sources, clock: Clock) -> Office:
    with database.writing() as session:
        trade: Trade = open_trade(session, sources, clock)
        work = trade.work()
        licence = trade.agreement(work)
        claim = trade.claim(row(work, licence, units=120))
        lab, anna, bert = (
            Account(actor, make_key(session, sources, actor)) for actor in (trade.lab, trade.anna, trade.bert)
        )
        return Office(
            lab,
            anna,
            bert,
            format_id("work", work.public_id),
            licence,
            format_id("claim", claim.public_id),
            trade.manifest(1),
            trade.manifest(2),
        )


def submit(client: Client, by: Account, manifest: dict[str, Any]) -> Any:
    return client.post("/v1/runs", json={"manifest": manifest}, headers=by.headers)


def look_up(client: Client, by: Account, content: bytes, **more: str) -> Any:
    query = {"algorithm": "digest.sha256.v1", "hash": sha256(content).hexdigest()} | more
    return client.get("/v1/lookup", query_string=query, headers=by.headers)


# -- runs ---------------------------------------------------------------------------------------------------
def test_a_run_is_put_on_record_once(client: Client, office: Office) -> None:
    first = submit(client, office.lab, office.other_manifest)
    assert first.status_code == 201, first.json
    assert submit(client, office.lab, office.other_manifest).json == first.json
    run = first.json
    assert (run["id"], run["lab"], run["claims"]) == (office.other_manifest["run_id"], office.lab.id, [])
    assert run["manifest"] == office.other_manifest
    assert client.get(f"/v1/runs/{run['id']}", headers=office.lab.headers).json == run


def test_a_run_shows_its_claims(client: Client, office: Office) -> None:
    run = client.get(f"/v1/runs/{office.manifest['run_id']}", headers=office.lab.headers).json
    assert run["claims"] == [office.claim]


def test_runs_come_in_pages(client: Client, office: Office) -> None:
    submit(client, office.lab, office.other_manifest)
    page = client.get("/v1/runs?limit=1", headers=office.lab.headers).json
    assert [run["id"] for run in page["items"]] == [office.manifest["run_id"]] == [page["next"]]
    assert "manifest" not in page["items"][0]
    rest = client.get(f"/v1/runs?after={page['next']}", headers=office.lab.headers).json
    assert ([run["id"] for run in rest["items"]], rest["next"]) == ([office.other_manifest["run_id"]], None)
    assert client.get(f"/v1/runs?after={'0' * 64}", headers=office.lab.headers).status_code == 422


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"purpose": "tdm"}, 422, "proof.invalid"),
        ({"run_id": "0" * 64}, 422, "proof.invalid"),
        ({"more": 1}, 422, "input.invalid"),
    ],
)
def test_changed_manifests_are_refused(
    client: Client, office: Office, change: dict[str, Any], status: int, code: str
) -> None:
    answer = submit(client, office.lab, office.other_manifest | change)
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_runs_are_their_labs_business(client: Client, office: Office, account: Make) -> None:
    rival, operator = account(Role.LAB, name="Rival"), account(Role.OPERATOR)
    url = f"/v1/runs/{office.manifest['run_id']}"
    assert submit(client, office.anna, office.manifest).status_code == 403
    assert submit(client, rival, office.manifest).status_code == 422  # it was filtered in another's name
    assert client.get(url, headers=rival.headers).status_code == 404
    assert client.get(url, headers=office.anna.headers).status_code == 403
    assert client.get(url, headers=operator.headers).status_code == 200
    assert client.get("/v1/runs/nonsense", headers=office.lab.headers).status_code == 404


def test_a_lab_hears_what_it_may_use_no_longer(client: Client, office: Office, account: Make) -> None:
    """Asking again costs nothing until something has changed."""
    url, mine = f"/v1/runs/{office.manifest['run_id']}/changes", office.lab.headers
    first = client.get(url, headers=mine)
    assert first.json == {"items": [], "next": None}
    have = {"If-None-Match": first.headers["ETag"]}
    assert client.get(url, headers=mine | have).status_code == 304
    agreement = office.licence.partition("@")[0]
    ended = client.post(f"/v1/agreements/{agreement}/end", json={}, headers=office.anna.headers)
    assert ended.status_code == 200, ended.json
    ((item),) = client.get(url, headers=mine | have).json["items"]
    assert item == {
        "work": office.work,
        "reason": "registered.no-licence",
        "withdrawn_at": None,
        "licences": [office.licence],
    }
    assert client.get(url, headers=account(Role.LAB, name="Rival").headers).status_code == 404
    assert client.get(url, headers=office.anna.headers).status_code == 403
    assert client.get(f"{url}?after={office.work[:-1]}", headers=mine).status_code == 422


# -- was my work used? --------------------------------------------------------------------------------------
def test_an_owner_sees_who_used_the_work_with_proof(client: Client, office: Office) -> None:
    client.get(f"/v1/claims/{office.claim}/receipt", headers=office.lab.headers)  # signs a checkpoint
    found = look_up(client, office.anna, b"file 1").json
    assert (found["registered"], found["matches"]) == (True, 1)
    ((own),) = found["yours"]
    assert (own["work"], own["grade"], own["distance"]) == (office.work, "certain", 0)
    (use,) = own["uses"]
    assert (use["claim"], use["lab"], use["lab_name"], use["units"]) == (
        office.claim,
        office.lab.id,
        "A lab",
        120,
    )
    assert (use["model"], use["run"]) == ("heron 1", office.manifest["run_id"])
    assert use["receipt"].startswith("c2sp.org/tlog-proof@v1")


def test_before_a_checkpoint_covers_it_there_is_no_receipt(client: Client, office: Office) -> None:
    (own,) = look_up(client, office.anna, b"file 1").json["yours"]
    assert own["uses"][0]["receipt"] is None


def test_everybody_else_learns_that_it_is_registered(client: Client, office: Office) -> None:
    for other in (office.bert, office.lab):
        assert look_up(client, other, b"file 1").json == {"registered": True, "matches": 1, "yours": []}
    assert look_up(client, office.bert, b"unknown").json == {"registered": False, "matches": 0, "yours": []}


def test_senseless_lookups_are_refused(client: Client, office: Office, subtests: pytest.Subtests) -> None:
    for name, value in (
        *(("algorithm", "nonsense"), ("hash", "xyz"), ("hash", "ab"), ("more", "1")),
        ("hash", "ab" * 1001),
    ):
        with subtests.test(f"{name}={value[:9]}"):
            assert look_up(client, office.anna, b"", **{name: value}).status_code == 422


def test_a_lookup_needs_an_account(client: Client, tmp_path: Path) -> None:
    assert client.get("/v1/lookup?algorithm=digest.sha256.v1&hash=00").status_code == 401
