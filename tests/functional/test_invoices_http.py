"""/v1/billing-details and /v1/invoices: a lab says where its invoices go, and reads them; nobody else does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.cli import cli
from registry.core.ids import format_id
from registry.log.keys import LogKey
from registry.remuneration import service as remuneration
from tests.factories import Clock, make_actor, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import FLAT, open_trade, row

DETAILS = {"name": "Beispiel KI GmbH", "address": ["Beispielweg 2", "20095 Hamburg"], "country": "DE"}
ISSUER = {
    "VORBEHALT_INVOICE_ISSUER": "Treuhand GmbH",
    "VORBEHALT_INVOICE_ADDRESS": "Musterweg 1; 10115 Berlin",
    "VORBEHALT_INVOICE_COUNTRY": "DE",
    "VORBEHALT_INVOICE_VAT_ID": "DE136695976",
}


def test_details_are_given_by_a_lab(client: Client, account: Callable[..., Account]) -> None:
    """Whole, or not at all."""
    lab, anna = account(Role.LAB), account(Role.CREATOR)
    address = "/v1/billing-details"
    assert client.get(address, headers=lab.headers).status_code == 404
    assert client.put(address, json=DETAILS, headers=anna.headers).status_code == 403
    wrongs: tuple[dict[str, object], ...] = (
        {"country": "ZZ"},
        {"vat_id": "DE1"},
        {"address": []},
        {"name": ""},
        {"unknown": 1},
    )
    for wrong in wrongs:
        assert client.put(address, json=DETAILS | wrong, headers=lab.headers).status_code == 422
    assert client.get(address, headers=lab.headers).status_code == 404
    given = client.put(address, json=DETAILS | {"vat_id": "DE 136695976"}, headers=lab.headers)
    assert given.json == DETAILS | {"vat_id": "DE136695976"}
    assert client.get(address, headers=lab.headers).json == given.json


def test_from_the_command_to_the_letter(
    client: Client,
    database: Database,
    sources: Sources,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The operator issues by the command line, the lab reads JSON and PDF, and what is taken back is there as well."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        trade.claim(row(work, trade.agreement(work, components=[FLAT])))
        settlement = remuneration.settle(session, trade.operator, "2026-Q3", sources)
        lab = Account(trade.lab, make_key(session, sources, trade.lab))
        stranger = make_key(session, sources, make_actor(session, sources, Role.LAB, "Another"))
    assert client.put("/v1/billing-details", json=DETAILS, headers=lab.headers).status_code == 200
    for variable, value in ISSUER.items():
        monkeypatch.setenv(variable, value)
    LogKey.generate(tmp_path / "keys" / "log", "localhost/usage-log")
    monkeypatch.setenv("VORBEHALT_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["invoice", *words, "--home", str(tmp_path)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    whom = ("--settlement", format_id("settlement", settlement.public_id), "--lab", lab.id)
    (issued,) = json.loads(run("issue", *whom, "--json"))["invoices"]
    assert (issued["number"][:4], issued["gross"]) == ("INV-", "10.70")
    address = f"/v1/invoices/{issued['invoice']}"
    document = client.get(address, headers=lab.headers)
    assert (document.json["number"], document.json["gross_minor"]) == (issued["number"], 1070)
    letter = client.get(f"{address}/document.pdf", headers=lab.headers)
    assert letter.content_type == "application/pdf"
    run("file", issued["number"], "--out", str(tmp_path / "invoice.pdf"))
    assert (tmp_path / "invoice.pdf").read_bytes() == letter.data
    run("take-back", issued["number"], "--reason", "The address was wrong")
    listed = client.get("/v1/invoices", headers=lab.headers).json["items"]
    assert [(i["kind"], i["tax_minor"]) for i in listed] == [("invoice", 70), ("credit-note", -70)]
    assert client.get(address, headers=lab.headers).data == document.data
    other = {"Authorization": f"Bearer {stranger}"}
    assert client.get(address, headers=other).status_code == 404
    assert client.get("/v1/invoices", headers=other).json["items"] == []
