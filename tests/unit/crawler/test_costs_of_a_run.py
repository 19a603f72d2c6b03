"""What of a run needs a licence, what the registry is asked about it, and how its answer reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from crawler import costs
from crawler.cli import cli
from crawler.commands.cost import cost
from crawler.costs import works_of_run
from crawler.engines.local import run_filter
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.tariffs import Component, Figure
from tests.unit.crawler import lab
from tests.unit.crawler.answering import Answer, Asked, serving

ANSWER: dict[str, Any] = {
    "totals": {"EUR": 1040},
    "licences": [
        {
            "licence": "offer_x",
            "currency": "EUR",
            "works": 2,
            "total_minor": 1040,
            "total": "10.40",
            "components": [
                {
                    "component": 0, "type": "per_unit", "exact_minor": "40", "amount_minor": 40,
                    "amount": "0.40", "figure": None, "minimum_minor": None,
                },
                {
                    "component": 1, "type": "revenue_share", "exact_minor": None, "amount_minor": None,
                    "amount": None, "figure": "net_income", "minimum_minor": 500,
                },
            ],
        },
        {"licence": "offer_y@1", "currency": None, "works": 1, "total_minor": 0, "total": None, "components": []},
    ],
    "works": [{"work": "work_x", "units": 1, "unit": None, "licences": [], "reason": "no-offer", "other_offers": []}],
}  # fmt: skip


def run_command(run: Path, url: str, *more: str) -> Any:
    """As on the command line."""
    return CliRunner().invoke(cli, ["cost", str(run), "--server", url, "--api-key", "vbk_x", *more])


def test_what_is_licensed_or_denied_is_counted_and_nothing_else(finished_run: Path) -> None:
    units = works_of_run(finished_run)
    assert units[lab.WORKS["licensed picture"].id] == 2
    denied = {name: work.id for name, work in lab.WORKS.items() if work.id in units}
    assert "licensed text" in denied
    assert any("licensed" not in name for name in denied)
    assert not [name for name in denied if name.startswith("open")]


def test_the_registry_is_asked_about_works_and_numbers_only(finished_run: Path) -> None:
    with serving(lambda asked: Answer(200, ANSWER)) as server:
        result = run_command(
            finished_run,
            server.url,
            "--offer",
            "offer_x",
            "--net-income",
            "7",
            "--model-versions",
            "0",
            "--json",
        )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == ANSWER
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/costs")
    assert asked.json.keys() == {"uses", "purpose", "territory", "offers", "figures"}
    assert {use["work"]: use["units"] for use in asked.json["uses"]} == works_of_run(finished_run)
    assert asked.json["offers"] == ["offer_x"]
    assert asked.json["figures"] == {"net_income": 7, "model_versions": 0}


def test_the_answer_in_words(finished_run: Path) -> None:
    with serving(lambda asked: Answer(200, ANSWER)) as server:
        result = run_command(finished_run, server.url)
    assert result.stdout.splitlines() == [
        "In a quarter: 10.40 EUR, and what depends on your figures",
        "",
        "2 works for 10.40 EUR: offer_x",
        "    0.40 EUR  for what is used, piece by piece",
        "           ?  as a share of your net income, at least 5.00 EUR",
        "",
        "1 work, free of charge: offer_y@1",
        "",
        "1 work without a price: nobody offers them for this; ask their makers for terms (POST /v1/requests)",
    ]
    assert "Say what you expect to declare, and the rest has a price too: --net-income\n" in result.stderr


def test_every_component_and_figure_has_its_words() -> None:
    assert costs._COMPONENTS.keys() == {kind.TYPE for kind in get_args(Component)}
    options = {option for param in cost.params for option in param.opts}
    assert {f"--{figure.replace('_', '-')}" for figure in Figure} <= options


def test_nothing_to_pay_is_said_so(finished_run: Path) -> None:
    free = ANSWER | {"totals": {}, "licences": ANSWER["licences"][1:], "works": []}
    with serving(lambda asked: Answer(200, free)) as server:
        result = run_command(finished_run, server.url)
    assert result.stdout.splitlines() == [
        "In a quarter: nothing to pay",
        "",
        "1 work, free of charge: offer_y@1",
    ]
    assert result.stderr == ""


def test_an_answer_that_is_none_is_refused(finished_run: Path) -> None:
    with serving(lambda asked: Answer(200, {"totals": {}})) as server:
        result = run_command(finished_run, server.url)
    assert result.exit_code == 7
    assert "cannot be understood" in result.stderr


def test_no_costs_follow_from_changed_papers(tmp_path: Path, finished_run: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    (run / "verdicts.parquet").write_bytes((run / "verdicts.parquet").read_bytes() + b" ")
    with pytest.raises(VerificationFailed, match="changed after the run"):
        works_of_run(run)


def test_a_run_that_needs_no_licence(tmp_path: Path, make_job: lab.MakeJob) -> None:
    (tmp_path / "in").mkdir()
    run_filter(make_job(tmp_path / "in", out=tmp_path / "run"), resume=False)
    with pytest.raises(InvalidInput, match="needs a licence"):
        works_of_run(tmp_path / "run")


# -- declaring ----------------------------------------------------------------------------------------------
DECLARED = {"id": "declaration_x", "period": "2026-Q4", "log_index": 5}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (["--net-income", "0"], {"figure": "net_income", "amount_minor": 0}),
        (["--downstream-income", "5"], {"figure": "downstream_income", "amount_minor": 5}),
        (["--model", "model_a", "--model", "model_b"], {"figure": "model_versions", "models": ["model_a", "model_b"]}),
        (["--no-models", "--corrects", "declaration_y"],
         {"figure": "model_versions", "models": [], "corrects": "declaration_y"}),
    ],
)  # fmt: skip
def test_one_figure_is_declared(options: list[str], sent: dict[str, Any]) -> None:
    def answer(asked: Asked) -> Answer:
        assert asked.path == "/v1/declarations"
        assert asked.json == {"agreement": "agreement_x", "period": "2026-Q4"} | sent
        return Answer(201, DECLARED)

    with serving(answer) as server:
        words = ["declare", "agreement_x", "--period", "2026-Q4", "--server", server.url, *options]
        result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"declaration_x: {sent['figure']} of 2026-Q4, entry 5 of the log.\n"


@pytest.mark.parametrize(
    "options",
    [[], ["--net-income", "1", "--downstream-income", "1"], ["--model", "m", "--no-models"]],
)  # fmt: skip
def test_not_exactly_one_figure_is_refused(options: list[str]) -> None:
    words = ["declare", "agreement_x", "--period", "2026-Q4", "--server", "http://127.0.0.1:9", *options]
    assert CliRunner().invoke(cli, words).exit_code == 1
