"""GET /v1/statements/members.csv and .tsv, and the operator's command: files for a society, for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.cli import cli
from registry.core.records.leaves import UseLeaf, parse_leaf
from registry.log import service as log
from registry.log.keys import LogKey
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.remuneration import service as remuneration
from tests.factories import Clock, make_actor, make_key
from tests.functional.conftest import Account, Client
from tests.support.usage import FLAT, open_trade, row

QUERY = "?period=2026-Q3"


def test_files_for_a_society(
    client: Client,
    database: Database,
    sources: Sources,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command writes the same bytes; the id of each use leads to the claim's entry in the log."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        trade.claim(row(work, trade.agreement(work, components=[FLAT]), 12))
        remuneration.settle(session, trade.operator, "2026-Q3", sources)
        actor = make_actor(session, sources, Role.SOCIETY, "A society")
        society = Account(actor, make_key(session, sources, actor))
        command = parties.CreateMandate(actor.public_id, frozenset({May.COLLECT}), Repertoire(all=True))
        parties.create_mandate(session, trade.anna, command, sources)
        anna = Account(trade.anna, make_key(session, sources, trade.anna))
    table = client.get(f"/v1/statements/members.csv{QUERY}", headers=society.headers)
    assert table.content_type == "text/csv; charset=utf-8; header=present"
    assert len(table.text.splitlines()) == 2
    excel = client.get(f"/v1/statements/members.csv{QUERY}&separator=semicolon", headers=society.headers)
    assert "10,00;EUR" in excel.data.decode("utf-8-sig")
    report = client.get(f"/v1/statements/members.tsv{QUERY}", headers=society.headers)
    (use,) = (line.split("\t") for line in report.text.splitlines() if line.startswith("SU02.02"))
    name, _, place = use[3].partition("#")
    assert name == "localhost/usage-log"
    index, number = map(int, place.split(":"))
    with database.reading() as session:
        (entry,) = log.entries(session, index, index + 1)
    assert isinstance(parse_leaf(entry), UseLeaf)
    assert number == 0
    for ending in ("csv", "tsv"):
        assert client.get(f"/v1/statements/members.{ending}{QUERY}", headers=anna.headers).status_code == 403
        assert client.get(f"/v1/statements/members.{ending}{QUERY}").status_code == 401
    for wrong in ("", "?period=2026", f"{QUERY}&separator=tab", f"{QUERY}&society=party_x"):
        assert client.get(f"/v1/statements/members.csv{wrong}", headers=society.headers).status_code == 422
    LogKey.generate(tmp_path / "keys" / "log", "localhost/usage-log")
    monkeypatch.setenv("VORBEHALT_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    for kind, data in (("csv", table.data), ("excel", excel.data), ("dsr", report.data)):
        words = [
            "--society",
            society.id,
            "--period",
            "2026-Q3",
            "--format",
            kind,
            "--out",
            str(tmp_path / kind),
        ]
        done = CliRunner().invoke(
            cli, ["statement", "members", *words, "--home", str(tmp_path)], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        assert (tmp_path / kind).read_bytes() == data
