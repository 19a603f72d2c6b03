"""Every page in both languages: none shows a text of the other one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from flask import Flask

import registry
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Purpose
from registry.core.ids import format_id
from registry.licences import basket
from registry.licences import service as licences
from tests.factories import Clock, make_actor
from tests.support.browsing import Browser, signed_in, text_of
from tests.support.quarter import go_through
from tests.support.usage import open_trade
from tests.support.works import register

Person = Any
PO = Path(registry.__file__).parent / "web" / "translations" / "de" / "LC_MESSAGES" / "messages.po"
LEAST = 12
"""Shorter texts may be the same word, or a part of one, in both languages."""


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """For each language what a page in the other one must not show."""
    with PO.open("rb") as file:
        pairs = [(m.id, m.string) for m in read_po(file, locale="de") if isinstance(m.id, str) and m.id]
    whole = [(e, d) for e, d in pairs if "%" not in e and min(len(e), len(str(d))) >= LEAST]
    english, german = " ".join(e for e, _ in whole), " ".join(str(d) for _, d in whole)
    return {
        "de": [e for e, _ in whole if e not in german],
        "en": [str(d) for _, d in whole if str(d) not in english],
    }


def _foreign(text: str, others: list[str]) -> list[str]:
    return [other for other in others if other in text]


@pytest.mark.parametrize("language", ["de", "en"])
def test_pages_for_everybody(browser: Browser, texts: dict[str, list[str]], language: str) -> None:
    for page in ("", "sign-in", "sign-up?role=lab", "nothing/here", "log", "audit", "receipts/check"):
        text = text_of(browser.open(f"/{language}/{page}").text)
        assert _foreign(text, texts[language]) == [], page


@pytest.mark.parametrize("language", ["de", "en"])
def test_pages_for_people_who_are_signed_in(
    person: Callable[..., Person],
    database: Database,
    sources: Sources,
    texts: dict[str, list[str]],
    language: str,
) -> None:
    maker, lab, society = person(), person(Role.LAB, "Lab"), person(Role.SOCIETY, "VG")
    operator = person(Role.OPERATOR, "Office")
    with database.writing() as session:
        dunes = register(session, maker.actor, sources, "Dunes").public_id
        work = format_id("work", dunes)
        asks = licences.AskForTerms((dunes,), Purpose.SEARCH)
        (made,) = licences.ask_for_terms(session, lab.actor, asks, sources)
        asked = f"requests/{format_id('request', made.public_id)}"
        basket.put(session, lab.actor, {dunes: 1}, sources)
    pages = {
        maker: [
            *("works", "works?view=list", "works?q=zzz", "works/register"),
            *(f"works/{work}", f"works/{work}/shares", f"works/{work}/withdraw", f"works/{work}/elsewhere"),
            f"works/{work}/file",
            *(f"works/terms?work={work}", f"works/chosen/withdraw?work={work}", "works/import"),
            f"works/chosen/disclosure?work={work}",
            *("requests", asked),
            *(
                "statements",
                "statements/2026-Q3",
                "payouts",
                "mandates",
                "account",
                "account/notices",
                "account/delete",
                "domains",
                "models",
            ),
        ],
        lab: [
            *("lab", "claims", "models", "account", "works"),
            *("licences", "basket", "basket?purpose=search", "requests", asked, "requests/new?basket=1"),
        ],
        society: ["requests", "works", "uses", "uses/sample?seed=", "mandates", "statements", "account"],
        operator: ["titles", "operator"],
    }
    for somebody, addresses in pages.items():
        for address in addresses:
            text = text_of(somebody.browser.open(f"/{language}/{address}").text)
            assert _foreign(text, texts[language]) == [], address
            assert len(text) > 200


def test_pages_about_a_quarter(
    app: Flask, database: Database, sources: Sources, clock: Clock, texts: dict[str, list[str]]
) -> None:
    with database.writing() as session:
        society = make_actor(session, sources, Role.SOCIETY, "VG")
        quarter = go_through(open_trade(session, sources, clock), society)
    one = f"declarations/{quarter.shared.partition('@')[0]}/{quarter.period}"
    pages = {
        quarter.trade.lab: [
            *("lab", f"runs/{quarter.runs[0]}", "claims", f"claims/{quarter.claims[1]}", "claims/new"),
            *("declarations", f"{one}/net_income", f"{one}/model_versions"),
            *("costs", f"costs?run={quarter.runs[0]}"),
        ],
        society: [f"reconciliation?period={quarter.period}", "uses", "statements"],
        quarter.trade.anna: [f"statements/{quarter.period}", "payouts"],
    }
    for actor, addresses in pages.items():
        browser = signed_in(app, database, sources, actor)
        for address in addresses:
            for language in ("de", "en"):
                text = text_of(browser.open(f"/{language}/{address}").text)
                assert _foreign(text, texts[language]) == [], address
                assert len(text) > 200
