"""POST and GET /v1/claims as a lab meets them: the answer, the receipt that anyone can check, and every refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.base.actor import Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.core.records import run_signatures
from registry.core.records.leaves import UseLeaf, commitment
from registry.core.records.receipts import verify_receipt
from registry.core.tlog.notes import SigningKey
from registry.core.tlog.policies import Policy
from registry.log import service as log
from registry.log.keys import LogKey
from registry.wiring import log_keys
from tests.factories import Clock, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import open_trade, row


@dataclass(frozen=True)
class Shop:
    """What is for sale, and who calls: everything that a claim is about, in a database that is committed."""

    anna: Account
    lab: Account
    operator: Account
    body: dict[str, Any]
    """A claim in order, over one work."""
    other_work: str
    """Registered, and not licensed to the lab."""


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A registry whose log can sign."""
    settings = Settings(tmp_path, database_url=str(database.engine.url), max_json_bytes=20_000)
    LogKey.generate(log_keys(settings), "registry.example/usage-log")
    return settings


@pytest.fixture
def shop(database: Database, sources: Sources, clock: Clock) -> Shop:
    """One work under licence, and a run that used it."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work, other = trade.work(), trade.work(trade.bert)
        licence = trade.agreement(work)
        body = {
            "manifest": trade.manifest(),
            "model": format_id("model", trade.model),
            "rows": [row(work, licence, 120)],
        }
        anna, lab, operator = (
            Account(actor, make_key(session, sources, actor))
            for actor in (trade.anna, trade.lab, trade.operator)
        )
        return Shop(anna, lab, operator, body, format_id("work", other.public_id))


def size(database: Database) -> int:
    """How long the log is."""
    with database.reading() as session:
        return log.head(session).size


def test_a_claim_is_answered_with_a_receipt_that_verifies_offline(client: Client, shop: Shop) -> None:
    """With the published policy alone; the leaf inside tells what was reported."""
    answer = client.post("/v1/claims", json=shop.body, headers=shop.lab.headers)
    assert answer.status_code == 201
    assert set(answer.json) == {"id", "log_index", "receipt"}
    policy = Policy.parse(client.get("/v1/log/policy").text)
    verified = verify_receipt(answer.json["receipt"], policy)
    assert verified.index == answer.json["log_index"]
    assert isinstance(verified.leaf, UseLeaf)
    assert verified.leaf.dataset == "sha256:" + shop.body["manifest"]["run_id"]
    assert (verified.leaf.lab, verified.leaf.rows) == (shop.lab.id, 1)


def test_the_same_claim_again_is_the_same_claim(client: Client, database: Database, shop: Shop) -> None:
    """One leaf, one id; other rows for that run and model are a conflict."""
    first = client.post("/v1/claims", json=shop.body, headers=shop.lab.headers).json
    length = size(database)
    again = client.post("/v1/claims", json=shop.body, headers=shop.lab.headers)
    assert (again.status_code, again.json) == (201, first)
    more = shop.body | {"rows": [shop.body["rows"][0] | {"units": 121}]}
    refused = client.post("/v1/claims", json=more, headers=shop.lab.headers)
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert refused.json["details"]["claim"] == first["id"]
    assert size(database) == length


def test_a_claim_can_be_read_again_with_its_receipt(client: Client, shop: Shop) -> None:
    """The receipt as a file of the type that verifiers know."""
    made = client.post("/v1/claims", json=shop.body, headers=shop.lab.headers).json
    found = client.get(f"/v1/claims/{made['id']}", headers=shop.lab.headers).json
    assert found == {
        "id": made["id"],
        "lab": shop.lab.id,
        "model": shop.body["model"],
        "run": shop.body["manifest"]["run_id"],
        "log_index": made["log_index"],
        "rows": 1,
        "rows_root": found["rows_root"],
        "salt": found["salt"],
        "submitted_at": "2026-08-02T09:30:00Z",
    }
    verified = verify_receipt(made["receipt"], Policy.parse(client.get("/v1/log/policy").text))
    assert isinstance(verified.leaf, UseLeaf)
    assert verified.leaf.root == found["rows_root"]
    assert verified.leaf.who == commitment(bytes.fromhex(found["salt"]), {"party": shop.lab.id})
    listed = client.get("/v1/claims", headers=shop.lab.headers).json
    assert listed == {"items": [found], "next": None}
    receipt = client.get(f"/v1/claims/{made['id']}/receipt", headers=shop.lab.headers)
    assert receipt.text == made["receipt"]
    assert receipt.mimetype == "text/plain"
    assert f"{made['id']}.tlog-proof" in receipt.headers["Content-Disposition"]


def test_a_receipt_can_be_had_after_a_crash_between_the_two_transactions(
    client: Client, database: Database, sources: Sources, clock: Clock, settings: Settings
) -> None:
    """The claim was committed and no checkpoint signed: asking for the receipt signs one."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        claim = format_id("claim", trade.claim(row(work, trade.agreement(work))).public_id)
        lab = Account(trade.lab, make_key(session, sources, trade.lab))
    receipt = client.get(f"/v1/claims/{claim}/receipt", headers=lab.headers)
    assert receipt.status_code == 200
    verify_receipt(receipt.text, LogKey.load(log_keys(settings)).policy)


def test_one_row_has_a_receipt_of_its_own(
    client: Client, database: Database, sources: Sources, clock: Clock, settings: Settings
) -> None:
    """It proves that row, and tells nothing about the others; a row that is not there is not found."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        pair = [trade.work() for _ in range(2)]
        batch = trade.claim(*(row(work, trade.agreement(work)) for work in pair))
        claim = format_id("claim", batch.public_id)
        lab = Account(trade.lab, make_key(session, sources, trade.lab))
    policy = LogKey.load(log_keys(settings)).policy
    proved = []
    for n in range(2):
        receipt = client.get(f"/v1/claims/{claim}/receipt?row={n}", headers=lab.headers)
        assert receipt.status_code == 200
        found = verify_receipt(receipt.text, policy).row
        assert found is not None
        proved.append(found.work)
    assert len(set(proved)) == 2
    for wrong, status in (("2", 404), ("-1", 422), ("x", 422)):
        answer = client.get(f"/v1/claims/{claim}/receipt?row={wrong}", headers=lab.headers)
        assert answer.status_code == status


def test_wrong_rows_are_all_named_and_nothing_is_logged(
    client: Client, database: Database, shop: Shop
) -> None:
    """A problem document with a place, a code and a sentence for each."""
    good = shop.body["rows"][0]
    rows = [good, good | {"work": shop.other_work}, good | {"units": 0}, good | {"units": 0.5}, {"work": 1}]
    before = size(database)
    answer = client.post("/v1/claims", json=shop.body | {"rows": rows}, headers=shop.lab.headers)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["details"]["faults"] == 4
    found = [(fault["row"], fault["code"]) for fault in answer.json["details"]["rows"]]
    assert found == [(1, "licence.other-work"), (2, "row.invalid"), (3, "row.invalid"), (4, "row.invalid")]
    assert size(database) == before


def _of_another_run() -> str:
    return run_signatures.signed("00" * 32, SigningKey.generate("lab.example/runs"))


def _without_model(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "model"}


def _run_with(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return body | {"manifest": body["manifest"] | changes}


def test_what_is_no_claim_is_refused(
    client: Client, database: Database, shop: Shop, subtests: pytest.Subtests
) -> None:
    """Unknown and missing members, a changed manifest, somebody else's model."""
    body, before = shop.body, size(database)
    for wrong, change, status, code in (
        ("an unknown member", body | {"note": "x"}, 422, "input.invalid"),
        ("no model", _without_model(body), 422, "input.invalid"),
        ("no rows", body | {"rows": []}, 422, "input.invalid"),
        ("rows that are none", body | {"rows": "all"}, 422, "input.invalid"),
        ("a manifest that is none", body | {"manifest": []}, 422, "input.invalid"),
        ("a changed manifest", _run_with(body, at=1), 422, "proof.invalid"),
        ("somebody else's model", body | {"model": format_id("model", bytes(16))}, 404, "not-found"),
        ("a model's name", body | {"model": "heron"}, 422, "input.invalid"),
        (
            "no signature",
            _run_with(body, runtime={"signature": "vorbehalt.run.v1"}),
            422,
            "proof.invalid",
        ),
        (
            "the signature of another run",
            _run_with(body, runtime={"signature": _of_another_run()}),
            422,
            "proof.invalid",
        ),
    ):
        with subtests.test(wrong):
            answer = client.post("/v1/claims", json=change, headers=shop.lab.headers)
            assert (answer.status_code, answer.json["code"]) == (status, code)
            assert size(database) == before


def test_too_large_a_claim_is_refused_unread(client: Client, shop: Shop) -> None:
    """The limit is on the whole request."""
    body = shop.body | {"rows": shop.body["rows"] * 1_000}
    assert client.post("/v1/claims", json=body, headers=shop.lab.headers).status_code == 413


def test_who_may_report_and_who_may_read(client: Client, shop: Shop, account: Callable[..., Account]) -> None:
    """A lab its own, the operator all; makers, other labs and strangers nothing."""
    claim = client.post("/v1/claims", json=shop.body, headers=shop.lab.headers).json["id"]
    rival = account(Role.LAB, name="Another lab")
    reading = account(Role.LAB, Scope.STATEMENTS_READ, name="A key for statements")
    for headers, post, listed, read in (
        ({}, 401, 401, 401),
        (shop.anna.headers, 403, 403, 403),
        (rival.headers, 422, 200, 404),
        (reading.headers, 403, 403, 403),
        (shop.operator.headers, 403, 200, 200),
    ):
        assert client.post("/v1/claims", json=shop.body, headers=headers).status_code == post
        assert client.get("/v1/claims", headers=headers).status_code == listed
        assert client.get(f"/v1/claims/{claim}", headers=headers).status_code == read
        assert client.get(f"/v1/claims/{claim}/receipt", headers=headers).status_code == read
    assert client.get("/v1/claims", headers=rival.headers).json["items"] == []
    assert len(client.get("/v1/claims", headers=shop.operator.headers).json["items"]) == 1


def test_the_public_log_names_no_work_and_no_person(client: Client, shop: Shop) -> None:
    """Works, licences' rows and names stay out of the entry: it commits to them by a root."""
    made = client.post("/v1/claims", json=shop.body, headers=shop.lab.headers).json
    tile = client.get(f"/v1/log/tile/entries/000.p/{made['log_index'] + 1}").data
    assert b'"t":"use"' in tile
    for secret in (shop.body["rows"][0]["work"], shop.anna.id, "Anna", "A lab", "A heron"):
        assert secret.encode() not in tile
