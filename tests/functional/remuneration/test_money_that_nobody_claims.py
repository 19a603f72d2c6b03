"""`settle` with the deductions of the settings, and the commands about unclaimed money."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry.base.settings import Settings
from registry.cli import cli
from registry.core.ids import format_id
from registry.core.settlement.periods import Period
from registry.remuneration import service as remuneration
from registry.wiring import Registry
from registry.works.service import NewShare
from tests.factories import Clock, make_sources
from tests.support.usage import FLAT, open_trade, row


def run(home: Path, *arguments: str) -> Any:
    """What the command says as JSON, having said it to people before."""
    spoken = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
    assert spoken.exit_code == 0, spoken.output
    assert spoken.stdout.strip()
    return json.loads(CliRunner().invoke(cli, [*arguments, "--home", str(home), "--json"]).stdout)


def test_from_settling_to_the_list_of_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth is deducted; the rest of a work that is held for another country only is unclaimed."""
    home = tmp_path / "registry"
    for command in (["db", "upgrade"], ["trust", "init", "--offline-keys", str(tmp_path / "offline")]):
        assert CliRunner().invoke(cli, [*command, "--home", str(home)]).exit_code == 0
    assert (home / "keys" / "bank.key").stat().st_mode & 0o777 == 0o600
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    with Registry.open(Settings.load({}, home=home)) as registry, registry.database.writing() as session:
        trade = open_trade(session, make_sources(clock), clock)
        work = trade.work(shares=[NewShare(trade.anna.public_id, 1_000_000, territory="DE")])
        trade.claim(row(work, trade.agreement(work, components=(FLAT,))), territory="FR")
        work_id, anna = format_id("work", work.public_id), format_id("party", trade.anna.public_id)
    monkeypatch.setenv("VORBEHALT_DEDUCT_MANAGEMENT_PPM", "100000")
    assert run(home, "ledger", "unclaimed") == {"unclaimed": [], "works": []}
    assert run(home, "settle", "--period", str(Period.of(clock())))["lines"] == 1
    year = clock().year
    found = run(home, "ledger", "unclaimed", "--year", str(year))
    (unclaimed,), (listed,) = found["unclaimed"], found["works"]
    assert (unclaimed["year"], unclaimed["amount_minor"], unclaimed["currency"]) == (year, 900, "EUR")
    assert (unclaimed["state"], unclaimed["lapses_on"]) == ("open", f"{year + 4}-01-01")
    assert (listed["work"], listed["amount_minor"], listed["title"]) == (work_id, 900, "A heron")
    (held,) = run(home, "ledger", "held")["held"]
    assert held == run(home, "ledger", "held", "--of", anna)["held"][0] | {"work": work_id}
    assert (held["state"], held["amount_minor"], held["lapses_on"]) == ("unknown", 900, f"{year + 4}-01-01")
    assert run(home, "ledger", "lapse") == {"lapsed": []}
    with Registry.open(Settings.load({}, home=home)) as registry, registry.database.reading() as session:
        assert remuneration.balance(session, "Income:AdminFee") == {"EUR": -100}
