"""What a use would cost, what was declared for it, and what a settlement lacks: over HTTP, with every refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.base.actor import Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.ids import format_id
from registry.core.records.leaves import DeclarationLeaf, commitment
from registry.core.records.receipts import verify_receipt
from registry.core.tlog.policies import Policy
from registry.log.keys import LogKey
from registry.remuneration import service as remuneration
from registry.wiring import log_keys
from tests.factories import Clock, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import CENTS_PER_100_IMAGES, open_trade, row

SHARE = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 50_000}


@dataclass(frozen=True)
class Deal:
    """A licence with a share, one use under it, and a quarter that is over and settled as far as it can be."""

    anna: Account
    bert: Account
    lab: Account
    reader: Account
    """The lab's key that can only read."""
    work: str
    agreement: str
    settlement: str


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A registry whose log can sign."""
    settings = Settings(tmp_path, database_url=str(database.engine.url))
    LogKey.generate(log_keys(settings), "registry.example/usage-log")
    return settings


@pytest.fixture
def deal(database: Database, sources: Sources, clock: Clock) -> Deal:
    """As it stands at the beginning of the next quarter."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        licence = trade.agreement(work, components=(CENTS_PER_100_IMAGES, SHARE))
        trade.claim(row(work, licence, 100))
        clock.advance(days=92)
        settlement = remuneration.settle(session, trade.operator, "2026-Q3", sources)
        anna, bert, lab = (
            Account(actor, make_key(session, sources, actor)) for actor in (trade.anna, trade.bert, trade.lab)
        )
        reader = Account(trade.lab, make_key(session, sources, trade.lab, Scope.STATEMENTS_READ))
        return Deal(
            anna,
            bert,
            lab,
            reader,
            format_id("work", work.public_id),
            licence.partition("@")[0],
            format_id("settlement", settlement.public_id),
        )


def declare(client: Client, deal: Deal, by: Account | None = None, **changes: Any) -> Any:
    """The lab's net income of the quarter."""
    body = {
        "agreement": deal.agreement,
        "period": "2026-Q3",
        "figure": "net_income",
        "amount_minor": 1_000_000,
    }
    body |= changes
    return client.post("/v1/declarations", json=body, headers=(by or deal.lab).headers)


def test_a_declaration_from_the_gap_to_its_receipt(
    client: Client, database: Database, settings: Settings, deal: Deal
) -> None:
    held = {
        "licence": f"{deal.agreement}@1",
        "period": "2026-Q3",
        "component": 1,
        "figure": "net_income",
        "reason": "not-declared",
    }
    for side in (deal.lab, deal.anna):
        assert client.get(f"/v1/settlements/{deal.settlement}", headers=side.headers).json["held"] == [held]
    assert client.get(f"/v1/settlements/{deal.settlement}", headers=deal.bert.headers).json["held"] == []

    answer = declare(client, deal)
    assert answer.status_code == 201
    declared = answer.json
    assert (declared["value"], declared["number"], declared["models"]) == (1_000_000, 1, [])
    address = f"/v1/declarations/{declared['id']}"
    assert client.get(address, headers=deal.anna.headers).json == declared
    listed = client.get("/v1/declarations", headers=deal.anna.headers).json
    assert listed == {"items": [declared], "next": None}
    receipt = client.get(f"{address}/receipt", headers=deal.lab.headers)
    policy = Policy.parse(f"log {LogKey.load(log_keys(settings)).verifier}\nquorum none\n")
    leaf = verify_receipt(receipt.text, policy).leaf
    assert isinstance(leaf, DeclarationLeaf)
    assert leaf.value == commitment(bytes.fromhex(declared["salt"]), {"amount_minor": 1_000_000})
    assert client.get(address, headers=deal.bert.headers).status_code == 404
    assert client.get(f"{address}/receipt", headers=deal.bert.headers).status_code == 404
    assert declare(client, deal).json == declared


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"figure": "gross_income"}, 422),
    ({"amount_minor": 1.5}, 422),
    ({"amount_minor": None}, 422),
    ({"amount_minor": -1}, 422),
    ({"models": []}, 422),
    ({"period": "2026"}, 422),
    ({"figure": "downstream_income"}, 422),
    ({"period": "2026-Q4"}, 409),
    ({"corrects": "declaration_" + "0" * 26}, 409),
    ({"agreement": "agreement_" + "0" * 26}, 404),
    ({"agreement": "work_" + "0" * 26}, 422),
    ({"note": "x"}, 422),
]


def test_refused_declarations(client: Client, deal: Deal) -> None:
    for changes, status in REFUSED:
        assert declare(client, deal, **changes).status_code == status, changes
    assert client.get("/v1/declarations", headers=deal.lab.headers).json["items"] == []
    assert declare(client, deal, by=deal.anna).status_code == 403
    assert declare(client, deal, by=deal.reader).status_code == 403
    assert client.post("/v1/declarations", json={}).status_code == 401


def test_costs_before_anything_is_accepted(client: Client, deal: Deal) -> None:
    body = {
        "uses": [{"work": deal.work, "units": 100}, {"work": deal.work, "units": 150}],
        "purpose": "train_genai",
    }
    answer = client.post("/v1/costs", json=body, headers=deal.reader.headers)
    assert answer.status_code == 200
    (licence,) = answer.json["licences"]
    assert (licence["licence"], licence["total"], licence["total_minor"]) == (
        f"{deal.agreement}@1",
        "1.00",
        100,
    )
    assert licence["components"][1] == {
        "component": 1,
        "type": "revenue_share",
        "exact_minor": None,
        "amount_minor": None,
        "amount": None,
        "figure": "net_income",
        "minimum_minor": 50_000,
    }
    assert answer.json["works"] == [
        {
            "work": deal.work,
            "units": 250,
            "unit": "image",
            "licences": [f"{deal.agreement}@1"],
            "reason": None,
            "other_offers": [],
        }
    ]
    more = client.post("/v1/costs", json=body | {"figures": {"net_income": 10**6}}, headers=deal.lab.headers)
    assert more.json["totals"] == {"EUR": 300_100}


WRONG: list[dict[str, Any]] = [
    {"uses": []},
    {"uses": [{"work": "work_" + "0" * 26, "units": 0}]},
    {"uses": [{"units": 1}]},
    {"purpose": "fun"},
    {"territory": "Mars"},
    {"figures": {"gross": 1}},
    {"figures": {"net_income": -1}},
    {"offers": ["agreement_" + "0" * 26]},
]


def test_refused_questions_about_costs(client: Client, deal: Deal) -> None:
    body = {"uses": [{"work": deal.work, "units": 1}], "purpose": "train_genai"}
    for changes in WRONG:
        assert client.post("/v1/costs", json=body | changes, headers=deal.lab.headers).status_code == 422, (
            changes
        )
    assert client.post("/v1/costs", json=body).status_code == 401
    assert client.post("/v1/costs", json=body, headers=deal.anna.headers).status_code == 403
