"""A lab reports use, declares figures and looks at costs by page: what is wrong is named, nothing is half-written."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.decisions import Purpose
from registry.core.ids import format_id
from registry.licences import service as licences
from registry.log import service as log
from registry.log.keys import LogKey
from registry.usage.models import ClaimBatch, Declaration, Run
from registry.wiring import log_keys
from registry.works import service as works
from tests.factories import Clock, make_actor
from tests.support.browsing import Browser, signed_in, text_of
from tests.support.quarter import COUNTS, PARAMETERS, Quarter, go_through
from tests.support.usage import CENTS_PER_100_IMAGES, open_trade

Person = Any


@dataclass
class Scene:
    """A quarter that is over, and its lab at a browser."""

    quarter: Quarter
    lab: Browser
    database: Database
    model: str
    run: bytes
    """The run.json of a run that nothing was reported of."""

    def counts(self) -> tuple[int, ...]:
        """How much is on record: claims, runs, declarations, entries of the log."""
        with self.database.reading() as session:
            rows = [
                session.scalar(select(func.count()).select_from(t)) for t in (ClaimBatch, Run, Declaration)
            ]
            return (*(row or 0 for row in rows), log.head(session).size)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key that can sign receipts."""
    LogKey.generate(log_keys(settings), "localhost/usage-log")
    return settings


@pytest.fixture
def scene(app: Flask, database: Database, sources: Sources, clock: Clock) -> Scene:
    """See `tests.support.quarter`."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        quarter = go_through(trade, make_actor(session, sources, Role.SOCIETY, "VG"))
        run = trade.run(9, counts=COUNTS, parameters=PARAMETERS).to_bytes()
    lab = signed_in(app, database, sources, trade.lab)
    return Scene(quarter, lab, database, format_id("model", trade.model), run)


def sent(scene: Scene, rows: str | bytes, run: bytes | None = None, **fields: str) -> Any:
    """The form with these files."""
    data = rows.encode() if isinstance(rows, str) else rows
    scene.lab.open("/en/claims/new")
    form = {
        "model": scene.model,
        "run": (io.BytesIO(run or scene.run), "run.json"),
        "rows": (io.BytesIO(data), "rows.csv"),
    }
    return scene.lab.send("/en/claims/new", form | fields)


def hidden(page: str) -> dict[str, str]:
    """What a page carries on to the next step."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


# -- reports ------------------------------------------------------------------------------------------------
def test_a_report_is_checked_shown_and_then_recorded(scene: Scene) -> None:
    heron, crane = scene.quarter.works[:2]
    licence = scene.quarter.licence
    before = scene.counts()
    rows = (
        f"work;units;licence;how\n{heron};700;{licence};2\n{crane};1;{licence};1\n{heron};300;{licence};2\n"
    )
    checked = sent(scene, rows)
    assert checked.status_code == 200
    text = text_of(checked.text)
    assert "2 rows are in order" in text
    assert "1,001 images" in text
    assert "3 lines of the table name 2 different uses" in text
    assert scene.counts() == before  # the log's next entry is still free

    kept = hidden(checked.text)
    assert kept.keys() == {"csrf", "model", "run", "rows"}
    reported = scene.lab.send("/en/claims/new", kept | {"act": "report"}, content_type="multipart/form-data")
    assert reported.status_code == 303
    assert scene.counts() == (before[0] + 1, before[1] + 1, before[2], before[3] + 1)
    assert "uses reported 2" in scene.lab.read(reported.headers["Location"])

    fresh = scene.lab.read(reported.headers["Location"])
    assert "reported It is settled after the end of the quarter" in fresh
    old = [scene.lab.read(f"/en/claims/{claim}") for claim in scene.quarter.claims]
    assert "settled Settled with 2026-Q3" in old[0]
    assert "2026-Q3 use €72.00" in old[0]
    assert "a figure is missing Settled with 2026-Q3" in old[1]
    assert "Part of the price rests on figures that you have not declared." in old[1]
    assert "All of these uses are under licences without a price." in old[2]
    assert scene.lab.read("/en/claims").count("a figure is missing") == 1

    again = sent(scene, rows)
    assert "This claim is on record already" in text_of(again.text)
    other = sent(scene, f"{heron}\t5\t{licence}\t2\n")
    assert other.status_code == 409
    assert "Other rows were reported for this run and this model already." in text_of(other.text)
    assert reported.headers["Location"] in other.text
    assert scene.counts()[0] == before[0] + 1


def test_every_wrong_row_is_named_by_its_line(scene: Scene) -> None:
    heron, _, _, gull = scene.quarter.works
    licence, unknown = scene.quarter.licence, "work_" + "0" * 26
    before = scene.counts()
    table = "\n".join(
        (
            "work,units,licence,how",
            f"{heron},1,{licence},2",
            f"{unknown},1,{licence},2",
            "",
            f"{gull},1,{licence},2",
            f"{heron},many,{licence},2",
            f"{heron},1,{licence}",
            f'{heron},1,"=cmd()",2',
            f"{heron},1,{licence.partition('@')[0]}@7,2",
        )
    )
    page = sent(scene, table)
    assert page.status_code == 422
    text = text_of(page.text)
    assert "6 rows are wrong" in text
    assert re.findall(r"Line (\d+) ", text) == ["3", "5", "6", "7", "8", "9"]
    for said in (
        "There is no such work.",
        "does not cover this work.",
        "cannot be read.",
        "did not hold when",
    ):
        assert said in text
    assert scene.counts() == before
    assert "6 Zeilen sind falsch" in text_of(
        scene.lab.send(
            "/de/claims/new",
            {
                "model": scene.model,
                "run": (io.BytesIO(scene.run), "run.json"),
                "rows": (io.BytesIO(table.encode()), "rows.csv"),
            },
        ).text
    )


def test_what_is_no_report_is_refused(scene: Scene) -> None:
    heron, licence = scene.quarter.works[0], scene.quarter.licence
    rows = f"{heron}\t1\t{licence}\t2\n".encode()
    altered = scene.run.replace(b'"sequence":9', b'"sequence":8', 1)
    foreign = scene.quarter.trade.run(9, licensee=None).to_bytes()
    no_table = "This is no table with the columns work, units, licence and how."
    before = scene.counts()
    for table, run, model, said in (
        (b"", scene.run, scene.model, "Choose the table of rows."),
        (b"work,colour\n", scene.run, scene.model, no_table),
        (b"\xff\xfe\x00", scene.run, scene.model, no_table),
        (rows, b"{}", scene.model, "This is no run.json."),
        (rows, b"PK\x03\x04", scene.model, "This is no run.json."),
        (rows, altered, scene.model, "This file was changed after the run."),
        (rows, foreign, scene.model, "This run cannot be reported by you"),
        (rows, scene.run, "model_x", "Choose one of your models."),
        (rows, scene.run, "model_" + "0" * 26, "Choose one of your models."),
    ):
        for act in ({}, {"act": "report"}):
            page = sent(scene, table, run, model=model, **act)
            assert page.status_code == 422, said
            assert said in text_of(page.text)
    assert scene.counts() == before


def test_only_labs_report_and_a_lab_needs_a_model(scene: Scene, person: Callable[..., Person]) -> None:
    assert "Name a model first." in person(Role.LAB, "New").browser.read("/en/claims/new")
    for address in ("/en/claims/new", "/en/declarations", "/en/costs"):
        assert person(Role.CREATOR, "Maker").browser.open(address).status_code == 403
    assert scene.lab.client.post("/en/claims/new", data={"act": "report"}).status_code == 403  # no token


# -- declarations -------------------------------------------------------------------------------------------
def _declare(scene: Scene, page: Any) -> Any:
    return scene.lab.send("/en/declarations", hidden(page.text), content_type="multipart/form-data")


def test_a_figure_is_shown_with_what_it_means_before_it_binds(scene: Scene) -> None:
    overview = scene.lab.read("/en/declarations")
    assert "2 figures are missing" in overview.replace("figures are missing 2", "2 figures are missing")
    assert "30 % of the net income, at least €500.00" in overview
    one = f"/en/declarations/{scene.quarter.shared.partition('@')[0]}/{scene.quarter.period}/net_income"
    scene.lab.open(one)
    wrong = scene.lab.send(one, {"amount": "1,234,567.89"})
    assert wrong.status_code == 422
    assert "without marks between thousands" in text_of(wrong.text)

    before = scene.counts()
    shown = scene.lab.send(one, {"amount": "1000.00"})
    text = text_of(shown.text)
    assert "You would declare 1 figure" in text
    assert "€500.00 30 % of the net income, at least €500.00 the minimum" in text
    assert "the holders of 1 work" in text
    assert scene.counts() == before

    assert _declare(scene, shown).status_code == 303
    assert scene.counts() == (before[0], before[1], before[2] + 1, before[3] + 1)
    history = scene.lab.open("/en/declarations")
    assert "€1,000.00" in history.text
    (receipt,) = re.findall(r'href="(/en/declarations/declaration_\w+/receipt)"', history.text)
    assert scene.lab.open(receipt).text.startswith("c2sp.org/tlog-proof@v1")

    assert "This corrects what you declared" in scene.lab.read(one)
    again = scene.lab.send(one, {"amount": "1000"})
    assert "This is on record already" in text_of(again.text)
    correction = scene.lab.send(one, {"amount": "12345,67"})
    assert "€3,703.70" in text_of(correction.text)
    assert _declare(scene, correction).status_code == 303
    assert "correction 1" in scene.lab.read("/en/declarations")


def test_model_versions_are_ticked(scene: Scene) -> None:
    one = f"/en/declarations/{scene.quarter.shared.partition('@')[0]}/{scene.quarter.period}/model_versions"
    scene.lab.open(one)
    assert scene.lab.send(one).status_code == 422
    assert "none" in text_of(scene.lab.send(one, {"none": "1"}).text)
    shown = scene.lab.send(one, {"model": scene.model})
    assert "€900.00 €900.00 for each model version 1 version" in text_of(shown.text)
    assert _declare(scene, shown).status_code == 303
    assert "heron 1" in scene.lab.read("/en/declarations")


def test_a_table_is_declared_whole_or_not_at_all(scene: Scene) -> None:
    agreement, period = scene.quarter.shared.partition("@")[0], scene.quarter.period
    empty = scene.lab.open("/en/declarations/columns.csv").text
    assert empty.splitlines()[1:] == [
        f"{agreement},{period},model_versions,,",
        f"{agreement},{period},net_income,,",
    ]
    good = f"{agreement};{period};net_income;2000,50;\n"
    bad = (
        f"{agreement};{period};net_income;7;\n{agreement};2026;net_income;7;\nx;{period};net_income;7;\n"
        f"{agreement};{period};income;7;\n{agreement};{period};downstream_income;7;\n"
        f"{agreement};2026-Q4;net_income;7;\n{agreement};{period};model_versions;model_x;\n{agreement}\n"
    )
    before = scene.counts()
    header = "agreement;period;figure;value;corrects\n"

    def table(text: str) -> Any:
        scene.lab.open("/en/declarations")
        files = {"table": (io.BytesIO(text.encode()), "declarations.csv")}
        return scene.lab.send("/en/declarations/check", files)

    refused = table(header + good + bad)
    assert refused.status_code == 422
    text = text_of(refused.text)
    assert "8 of 9 lines are wrong" in text
    assert re.findall(r"Line (\d+) ", text) == ["3", "4", "5", "6", "7", "8", "9", "10"]
    assert "Another figure was declared for this quarter." in text
    assert "The quarter is not over" in text
    for nonsense in ("", "agreement\n", "\x00"):
        assert table(nonsense).status_code == 422
    assert scene.counts() == before

    shown = table(header + good + f"{agreement};{period};model_versions;none;\n")
    assert "You would declare 2 figures" in text_of(shown.text)
    kept = hidden(shown.text)
    scene.lab.send(
        "/en/declarations", kept | {"table": kept["table"] + bad}, content_type="multipart/form-data"
    )
    assert scene.counts() == before  # who tampers with the page declares nothing either
    assert scene.lab.send("/en/declarations", kept, content_type="multipart/form-data").status_code == 303
    assert scene.counts()[2] == before[2] + 2


def test_nobody_declares_for_another_lab(scene: Scene, person: Callable[..., Person]) -> None:
    rival = person(Role.LAB, "Rival").browser
    one = f"/en/declarations/{scene.quarter.shared.partition('@')[0]}/{scene.quarter.period}/net_income"
    assert "Nothing is asked of you." in rival.read("/en/declarations")
    assert rival.open(one).status_code == 404
    rival.open("/en/declarations")
    row = f"agreement,period,figure,value\n{scene.quarter.shared},{scene.quarter.period},net_income,1\n"
    page = rival.send("/en/declarations/check", {"table": (io.BytesIO(row.encode()), "a.csv")})
    assert "You have no such licence" in text_of(page.text)
    running = one.replace(scene.quarter.period, "2026-Q4")
    assert scene.lab.open(running).status_code == 404


# -- costs --------------------------------------------------------------------------------------------------
def test_costs_of_a_run_and_of_a_table_by_component(
    scene: Scene, database: Database, sources: Sources
) -> None:
    text = scene.lab.read(f"/en/costs?run={scene.quarter.runs[0]}")
    assert "two claim to be its maker" in text
    assert "400 images × €0.40 / 100 images = €1.60" in text

    trade = scene.quarter.trade
    with database.writing() as session:
        trade.session = session
        fresh = trade.work(title="A tern")
        offered = _offer(trade, fresh)
        withdrawn = trade.work(title="A rook")
        works.withdraw_work(session, trade.anna, withdrawn.public_id, sources)
        names = [format_id("work", w.public_id) for w in (fresh, withdrawn)]
    table = f"work,units\n{names[0]},7\n{names[1]},1\n{'work_' + '0' * 26},1\n"
    scene.lab.open("/en/costs")
    shown = scene.lab.send(
        "/en/costs",
        {"purpose": "train_genai", "territory": "", "table": (io.BytesIO(table.encode()), "t.csv")},
    )
    text = text_of(shown.text)
    assert offered in text
    assert "An offer to you, not accepted yet." in text
    assert "7 images × €0.40 / 100 images = €0.028" in text
    assert "withdrawn by its maker" in text
    assert "no such work in this registry" in text
    kept = hidden(shown.text)
    assert kept["table"].splitlines() == table.splitlines()
    again = scene.lab.send(
        "/en/costs", kept | {"purpose": "tdm", "territory": "DE"}, content_type="multipart/form-data"
    )
    assert "offered by nobody for this" in text_of(again.text)


def _offer(trade: Any, work: Any) -> str:
    """An open offer at 40 cents per 100 pictures."""
    create = licences.CreateTariff("EUR", (CENTS_PER_100_IMAGES,), "Pictures")
    tariff = licences.create_tariff(trade.session, trade.anna, create, trade.sources).series.public_id
    offer = licences.CreateOffer((work.public_id,), Purpose.TRAIN_GENAI, tariff=tariff)
    return format_id(
        "offer", licences.create_offer(trade.session, trade.anna, offer, trade.sources).public_id
    )


def test_what_cannot_be_priced_is_said_at_its_field(scene: Scene) -> None:
    def price(table: bytes = b"", **fields: str) -> str:
        scene.lab.open("/en/costs")
        form: dict[str, Any] = {"purpose": "train_genai", "territory": "world"} | fields
        if table:
            form["table"] = (io.BytesIO(table), "t.csv")
        page = scene.lab.send("/en/costs", form, content_type="multipart/form-data")
        assert page.status_code == 422
        return text_of(page.text)

    heron = scene.quarter.works[0].encode()
    assert "Choose a run or a table." in price()
    assert "Choose one of your runs." in price(run="0" * 64)
    assert "This is no table" in price(b"x\n")
    lines = price(b"work,units\n" + heron + b",0\nnothing,3\n" + heron + b",4\n")
    assert "Line 2: units are a whole number" in lines
    assert "this is no number of a work" in lines
    assert "A country’s two letters" in price(b"work,units\n" + heron + b",1\n", territory="Germany")
    assert "Choose one of these." in price(b"work,units\n" + heron + b",1\n", purpose="fun")
    assert "A number, please" in price(b"work,units\n" + heron + b",1\n", net_income="lots")
