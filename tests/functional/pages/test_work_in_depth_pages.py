"""A work's page in depth: changed copies, the terms in plain words, the signals for elsewhere, uses and money."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.decisions import Purpose
from registry.core.fingerprints import fingerprint_image
from registry.core.ids import format_id, parse_id
from registry.core.records.receipts import SUFFIX
from registry.core.settlement.periods import Period
from registry.licences import service as licences
from registry.log import service as log
from registry.log.keys import LogKey
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.wiring import log_keys
from registry.works import service as works
from tests.factories import Clock
from tests.support.browsing import signed_in, text_of
from tests.support.pictures import png
from tests.support.usage import open_trade, row
from tests.support.works import register

Person = Any
Put = Callable[..., str]


@pytest.fixture
def put(database: Database, sources: Sources) -> Put:
    """Puts a picture on record; returns its number."""

    def make(owner: Any, title: str, seed: int = 1, **more: Any) -> str:
        with database.writing() as session:
            content = fingerprint_image(png(seed))
            return format_id(
                "work", register(session, owner, sources, title, content=content, **more).public_id
            )

    return make


# -- changed copies -------------------------------------------------------------------------------------------
def test_changed_copies_are_made_compared_and_forgotten(person: Callable[..., Person], put: Put) -> None:
    anna = person()
    work = put(anna.actor, "Clouds")
    address = f"/en/works/{work}/changes"
    assert "We keep nothing of it." in anna.browser.read(address)
    answer = anna.browser.send(address, {"picture": (io.BytesIO(png(1)), "clouds.png")})
    text = text_of(answer.text)

    assert answer.status_code == 200
    assert "10 of 11 are recognised." in text
    assert "The picture as it is All 256 cells agree Recognised" in text
    assert "Mirrored All 256 cells agree Recognised" in text
    assert "40 % cut off" in text
    assert "Not recognised" in text
    assert "no person has looked at it" in text
    assert answer.text.count('class="fp-diff"') == 11


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (b"", "", "Please choose a picture first."),
        (b"no picture", "x.png", "Please save it as one of these."),
        (png(1)[:99], "x.png", "The file is damaged or incomplete."),
    ],
)
def test_what_is_no_picture_is_said_at_the_field(
    person: Callable[..., Person], put: Put, data: bytes, name: str, sentence: str
) -> None:
    anna = person()
    address = f"/en/works/{put(anna.actor, 'Clouds')}/changes"
    anna.browser.open(address)
    answer = anna.browser.send(address, {"picture": (io.BytesIO(data), name)})

    assert answer.status_code == 422
    assert sentence in answer.text


# -- whose business it is --------------------------------------------------------------------------------------
def test_works_of_others_have_no_pages(person: Callable[..., Person], put: Put) -> None:
    work, ben = put(person().actor, "Clouds"), person(name="Ben")
    ben.browser.open("/en/works/register")
    token = ben.browser.token
    for page in ("changes", "elsewhere", "elsewhere/robots.txt", "uses/1/receipt"):
        assert ben.browser.open(f"/en/works/{work}/{page}").status_code == 404, page
    assert ben.browser.open(f"/en/works/terms?work={work}").status_code == 404
    assert ben.browser.token == token
    answers = dict.fromkeys(ASKED, "free")
    assert ben.browser.send("/en/works/terms", {"work": work, **answers}).status_code == 404
    assert person(Role.LAB).browser.open(f"/en/works/terms?work={work}").status_code == 403


def test_forms_of_other_sites_are_refused(person: Callable[..., Person], put: Put) -> None:
    anna = person()
    work = put(anna.actor, "Clouds")
    forged = {"csrf": "0" * 64, "work": work, **dict.fromkeys(ASKED, "free")}
    assert anna.browser.send("/en/works/terms", forged).status_code == 403
    assert anna.browser.send(f"/en/works/{work}/changes", {"csrf": "0" * 64}).status_code == 403
    assert "Allowed" not in anna.browser.read(f"/en/works/{work}")


# -- terms in plain words --------------------------------------------------------------------------------------
ASKED = ("train_genai", "train_ai", "ai_input", "ai_index", "search", "style_imitation")


def answer(person: Person, *numbers: str, **said: str) -> Any:
    """Answer No to everything but these."""
    query = "&".join(f"work={number}" for number in numbers)
    person.browser.open(f"/en/works/terms?{query}")
    data = (
        dict.fromkeys(ASKED, "no")
        | {"step": "record"}
        | {name.replace("__", "-"): value for name, value in said.items()}
    )
    return person.browser.send("/en/works/terms", {"work": list(numbers), **data})


def test_answers_become_offers_and_reservations_and_can_be_changed(
    person: Callable[..., Person], put: Put, database: Database, sources: Sources
) -> None:
    anna = person()
    work = put(anna.actor, "Clouds")
    paid = {"train_genai": "paid", "train_genai__work": "0,35", "train_genai__quarter": "60"}
    done = answer(anna, work, **paid, search="free", style_imitation="never")
    assert done.status_code == 303, text_of(done.text)
    text = anna.browser.read(f"/en/works/{work}")
    assert "train_genai Reserved offered to anyone €0.35 a work, €60.00 a quarter" in text
    assert "search Allowed anyone, free of charge" in text
    assert "style_imitation Reserved nobody; you have said so expressly" in text

    asked = anna.browser.read(f"/en/works/terms?work={work}")
    assert "Offered to anyone: €0.35 a work, €60.00 a quarter." in asked
    done = answer(anna, work, train_genai="keep", style_imitation="free")
    assert done.status_code == 303
    text = anna.browser.read(f"/en/works/{work}")
    assert "€0.35 a work" in text
    assert "search Reserved nobody" in text
    assert "style_imitation Allowed" in text
    with database.reading() as session:
        offers = licences.list_offers(session, anna.actor, sources).items
    assert sum(offer.superseded_at is None for offer in offers) == 2


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"search": "perhaps"}, "Choose one of these."),
        ({"search": "paid", "search__work": "much"}, "An amount in euros and cents, such as 0.35"),
        ({"search": "paid", "search__work": ""}, "Free of charge is the answer below."),
        ({"search": "paid", "search__work": "1", "search__until": "2001-01-01"}, "A day to come, please."),
    ],
)
def test_answers_that_make_no_sense_change_nothing(
    person: Callable[..., Person], put: Put, said: dict[str, str], sentence: str
) -> None:
    anna = person()
    work = put(anna.actor, "Clouds")
    refused = answer(anna, work, train_genai="free", **said)

    assert refused.status_code == 422
    assert sentence in text_of(refused.text)
    assert "Allowed" not in anna.browser.read(f"/en/works/{work}")


def test_what_stands_against_an_answer_is_named_and_nothing_is_half_done(
    person: Callable[..., Person], put: Put, database: Database, sources: Sources
) -> None:
    """An offer about further works is not closed for one of them; a wider reservation is not undone in passing."""
    anna = person()
    one, other = put(anna.actor, "Clouds"), put(anna.actor, "Dunes", seed=2)
    assert answer(anna, one, other, search="free").status_code == 303
    refused = answer(anna, one, search="no", ai_input="free")
    assert refused.status_code == 422
    assert "about 1 other work, too" in text_of(refused.text)
    with database.writing() as session:
        wide = [works.NewReservation(Purpose.TDM)]
        works.set_reservations(session, anna.actor, parse_id("work", other), wide, sources)
    refused = answer(anna, other, search="keep", train_genai="free")
    assert refused.status_code == 422
    assert "You have expressly reserved something wider" in text_of(refused.text)
    text = anna.browser.read(f"/en/works/{one}")
    assert "search Allowed" in text
    assert "ai_input Reserved" in text


def test_contested_works_are_not_asked_about(person: Callable[..., Person], put: Put) -> None:
    put(person().actor, "Clouds")
    ben = person(name="Ben")
    mine = put(ben.actor, "Mine")
    assert "cannot be licensed" in ben.browser.read(f"/en/works/terms?work={mine}")
    ben.browser.open("/en/works/register")
    assert answer(ben, mine, search="free").status_code == 409

    free = put(ben.actor, "Dunes", seed=2)
    page = ben.browser.open(f"/en/works/terms?work={mine}&work={free}").text
    assert "Go on with the other one" in page
    assert f'href="/en/works/terms?work={free}"' in page


# -- elsewhere -------------------------------------------------------------------------------------------------
def test_the_signals_say_what_the_registry_says(person: Callable[..., Person], put: Put) -> None:
    anna = person()
    work = put(anna.actor, "Clouds")
    assert answer(anna, work, search="free").status_code == 303
    page = anna.browser.read(f"/en/works/{work}/elsewhere?path=/pictures/&policy=https://example.org/ai")
    assert "Content-Usage: /pictures/ train-ai=n, search=y" in page
    assert '"tdm-policy": "https://example.org/ai"' in page
    robots = anna.browser.open(f"/en/works/{work}/elsewhere/robots.txt")
    assert robots.headers["Content-Disposition"] == 'attachment; filename="robots.txt"'
    assert "Content-Usage: train-ai=n, search=y" in robots.text
    for name, word in (("tdmrep.json", "tdm-reservation"), ("headers.txt", "TDM-Reservation: 1")):
        assert word in anna.browser.open(f"/en/works/{work}/elsewhere/{name}").text
    for name, word in (("head.html", "<meta"), ("rsl.xml", "<prohibits")):
        assert word in anna.browser.open(f"/en/works/{work}/elsewhere/{name}").text


def test_addresses_that_would_break_a_signal_are_refused(person: Callable[..., Person], put: Put) -> None:
    anna = person()
    address = f"/en/works/{put(anna.actor, 'Clouds')}/elsewhere"
    for query in ("path=pictures", "path=/a%0Ab", "policy=https://example.org/%0d%0aX:1"):
        page = anna.browser.open(f"{address}?{query}")
        assert page.status_code == 422
        assert "leave blanks out" in text_of(page.text)
    assert anna.browser.open(f"{address}/robots.txt?path=x").status_code == 422
    assert anna.browser.open(f"{address}/other.txt").status_code == 404


# -- found, used, paid -----------------------------------------------------------------------------------------
def test_uses_and_money_stand_on_the_page_with_their_proof(
    app: Any, database: Database, settings: Settings, sources: Sources, clock: Clock
) -> None:
    with database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = register(session, trade.anna, sources, "Clouds", content=fingerprint_image(png(3)))
        licence = trade.agreement(work)
        trade.claim(row(work, licence, 300), licences=(licence,))
    with database.writing() as session:
        period = str(Period.of(clock()))
        remuneration.settle(session, parties.command_line(session, sources), period, sources)
    log.sign_head(database, LogKey.generate(log_keys(settings), "localhost/usage-log"), sources.now())
    anna = signed_in(app, database, sources, trade.anna)
    number = format_id("work", work.public_id)
    page = anna.open(f"/en/works/{number}").text

    assert f"Statement {period}" in page
    assert "300" in text_of(page)
    proof = anna.open(f"/en/works/{number}/uses/1/receipt")
    assert proof.status_code == 200
    assert proof.headers["Content-Disposition"].endswith(f'{SUFFIX}"')
    assert "c2sp.org/tlog-proof" in proof.text
    assert anna.open(f"/en/works/{number}/uses/2/receipt").status_code == 404
