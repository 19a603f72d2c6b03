"""The way through an audit, for anybody; and the files of settlements, for those to whom the operator shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from registry.app import wire
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.context import install
from registry.base.db import Database
from registry.base.settings import SOCIETIES, Settings
from registry.core.ids import format_id
from registry.remuneration import service as remuneration
from tests.factories import Clock
from tests.functional.pages.conftest import Person
from tests.support.browsing import Browser
from tests.support.usage import CENTS_PER_100_IMAGES, open_trade, row

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def settlement(database: Database, sources: Sources, clock: Clock) -> str:
    """A quarter with one report, settled."""
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = trade.work()
        licence = trade.agreement(work, components=(CENTS_PER_100_IMAGES,))
        trade.claim(row(work, licence, 130))
        settled = remuneration.settle(session, trade.operator, "2026-Q3", sources)
        return format_id("settlement", settled.public_id)


@pytest.fixture
def closed(app: Flask, settings: Settings, database: Database, sources: Sources) -> None:
    """The operator shows the files to societies and auditors only."""
    install(app, wire(replace(settings, settlement_readers=SOCIETIES), sources, database))


def test_anybody_is_led_through_an_audit(browser: Browser, settlement: str) -> None:
    page = browser.read("/en/audit")
    assert [f"{n}. " in page for n in range(1, 7)] == [True] * 6
    assert "vorbehalt audit http://localhost --policy log.policy --recompute 2026-Q3" in page
    assert "--api-key KEY" in page  # only for the sample
    assert page.count("--api-key KEY") == 1
    shown = browser.open("/en/audit").text
    assert f'href="/en/audit/{settlement}"' in shown
    assert 'href="/en/audit"' in browser.open("/en/").text


def test_a_new_registry_has_the_way_already(browser: Browser) -> None:
    assert "Nothing was settled yet." in browser.read("/en/audit")


def test_every_file_of_a_settlement_is_there_as_programs_get_it(browser: Browser, settlement: str) -> None:
    page = browser.read(f"/en/audit/{settlement}")
    for side in ("inputs", "outputs"):
        listing = browser.open(f"/v1/settlements/{settlement}/{side}/listing.tsv").text
        assert browser.open(f"/en/audit/{settlement}/{side}/listing.tsv").text == listing
        for name, _lines, root in (line.split("\t") for line in listing.splitlines()):
            assert name in page
            assert root in page
            shown = browser.open(f"/en/audit/{settlement}/{side}/{name}").data
            assert shown == browser.open(f"/v1/settlements/{settlement}/{side}/{name}").data


def test_what_is_not_there_is_not_found(browser: Browser, settlement: str) -> None:
    unknown = format_id("settlement", bytes(16))
    for page in (unknown, f"{settlement}/inputs/none.tsv", f"{settlement}/neither/listing.tsv"):
        assert browser.open(f"/en/audit/{page}").status_code == 404


def test_a_closed_registry_asks_who_reads_its_files(
    browser: Browser, person: Callable[..., Person], settlement: str, closed: None
) -> None:
    """The way stays open to all; signed out, whoever opens a file comes back after signing in."""
    assert "does not show these files to everybody" in browser.read("/en/audit")
    pages = (settlement, f"{settlement}/inputs/listing.tsv")
    for page in pages:
        answer = browser.open(f"/en/audit/{page}")
        assert answer.status_code == 303
        assert f"next=/en/audit/{page}" in answer.location
    for role in (Role.CREATOR, Role.LAB):
        somebody = person(role).browser
        assert [somebody.open(f"/en/audit/{page}").status_code for page in pages] == [403, 403]
    for role in (Role.SOCIETY, Role.AUDITOR, Role.OPERATOR):
        reader = person(role).browser
        assert [reader.open(f"/en/audit/{page}").status_code for page in pages] == [200, 200]


def test_an_auditor_begins_there(person: Callable[..., Person]) -> None:
    browser = person(Role.AUDITOR, "Audit GmbH").browser
    assert browser.open("/en/sign-in").location == "/en/audit"
    assert "Kind Auditor" in browser.read("/en/account")
    for page in ("/works", "/lab", "/statements", "/operator", "/titles"):
        assert browser.open(f"/en{page}").status_code in {403, 404}
