"""Works: register files, find them again, look at one, change its shares, withdraw it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from PIL import Image

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Purpose
from registry.core.ids import format_id, parse_id
from registry.licences import service as licences
from registry.parties import service as parties
from registry.works import service as works
from tests.factories import Clock, make_actor
from tests.support import manuscripts
from tests.support.browsing import text_of
from tests.support.pictures import TEXT, blank_png, png
from tests.support.works import register

Person = Any
STATE = re.compile(r'data-state="(\w+)"')


def files(*named: tuple[bytes, str]) -> list[tuple[io.BytesIO, str]]:
    return [(io.BytesIO(data), name) for data, name in named]


def send(person: Person, named: Sequence[tuple[bytes, str]], language: str = "en", **fields: Any) -> Any:
    """Register these files from the page."""
    person.browser.open(f"/{language}/works/register")
    data = {"made_by": "human", "file": files(*named)} | fields
    return person.browser.send(f"/{language}/works/register", data)


@pytest.fixture
def put(database: Database, sources: Sources) -> Callable[..., str]:
    """Puts a work without a picture on record; returns its number."""

    def make(owner: Actor, name: str, **more: Any) -> str:
        with database.writing() as session:
            return format_id("work", register(session, owner, sources, name, **more).public_id)

    return make


# -- proof ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("language", "words"), [("en", "Download the receipt"), ("de", "Beleg herunterladen")]
)
def test_a_work_that_is_published_has_a_receipt(
    person: Callable[..., Person], put: Callable[..., str], language: str, words: str
) -> None:
    """One that is not yet is told so on a page; one that is kept back is in no edition, and has none."""
    anna = person()
    shown = put(anna.actor, "shown")
    page = anna.browser.open(f"/{language}/works/{shown}")
    assert words in text_of(page.text)
    assert f'href="/{language}/works/{shown}/receipt"' in page.text
    early = anna.browser.open(f"/{language}/works/{shown}/receipt")
    assert (early.status_code, early.mimetype) == (503, "text/html")
    hidden = put(anna.actor, "hidden", disclosure=works.Disclosure.CHECK_API_ONLY)
    assert words not in anna.browser.read(f"/{language}/works/{hidden}")


# -- register -------------------------------------------------------------------------------------------------
def test_each_file_has_its_own_result(person: Callable[..., Person]) -> None:
    anna = person()
    page = send(
        anna,
        [
            (png(1), "morning_clouds.png"),
            (TEXT.encode(), "dunes.txt"),
            (blank_png(), "blank.png"),
            (png(1), "again.png"),
            (b"8BPS\0" + bytes(99), "layers.psd"),
            (b"too short", "short.txt"),
            (png(2)[:99], "broken.png"),
        ],
    )
    text = text_of(page.text)

    assert STATE.findall(page.text) == ["reserved"] * 3 + ["yours"] + ["refused"] * 3
    assert "3 works are on record" in text
    assert "morning clouds" in text
    assert "There is too little in this picture" in text
    assert "You have registered this very file before." in text
    assert "We read pictures" in text
    assert "too short to be told from others" in text
    assert "damaged or incomplete" in text


def test_manuscripts_are_read_and_scans_and_locked_ones_explained(person: Callable[..., Person]) -> None:
    page = send(
        person(),
        [
            (manuscripts.epub([TEXT, TEXT]), "novel.epub"),
            (manuscripts.pdf([TEXT]), "paper.pdf"),
            (manuscripts.pdf([""], picture=True), "scan.pdf"),
            (manuscripts.pdf([TEXT], encrypted=True), "locked.pdf"),
        ],
        "de",
    )
    text = text_of(page.text)

    assert STATE.findall(page.text) == ["reserved"] * 2 + ["refused"] * 2
    words = len(TEXT.split())
    assert f"{2 * words} Wörter, 2 Kapitel" in text
    assert f"{words} Wörter, 1 Seite" in text
    assert "Sie enthält nur Bilder von Seiten." in text
    assert "Sie ist mit einem Passwort oder gegen Kopieren geschützt." in text


def test_somebody_elses_file_is_contested(person: Callable[..., Person]) -> None:
    anna, ben = person(), person(name="Ben")
    send(anna, [(png(1), "clouds.png")])
    page = send(ben, [(png(1), "mine.png")], "de")

    assert STATE.findall(page.text) == ["contested"]
    assert "Jemand anderes hat diese Datei oder fast dieselbe früher eingetragen." in page.text
    work = re.search(r"/de/works/(work_\w+)", page.text)
    assert work is not None
    assert "Ein Mensch sieht es sich an" in ben.browser.read(f"/de/works/{work[1]}")


def test_both_owners_see_a_near_duplicate_and_what_a_person_decided(
    person: Callable[..., Person], database: Database, sources: Sources
) -> None:
    """The later one is told how to object, the earlier one that nothing has changed."""
    anna, ben = person(), person(name="Ben")
    (older,) = re.findall(r"/works/(work_\w+)", send(anna, [(png(1), "clouds.png")]).text)[:1]
    copy = io.BytesIO()
    Image.open(io.BytesIO(png(1))).save(copy, "JPEG", quality=40)
    (newer,) = re.findall(r"/works/(work_\w+)", send(ben, [(copy.getvalue(), "mine.jpg")]).text)[:1]

    bens, annas = ben.browser.read(f"/en/works/{newer}"), anna.browser.read(f"/en/works/{older}")
    assert "Somebody else registered something very similar before." in bens
    assert "a picture that looks the same" in bens
    assert "a person will look at it" in bens
    assert "somebody else has registered later" in annas
    assert "yours is as it was" in annas
    assert newer in annas

    with database.writing() as session:
        operator = make_actor(session, sources, Role.OPERATOR, "Office")
        command = works.DecideTitle(
            parse_id("work", newer), works.Outcome.REVERSE, "The negative is with Ben."
        )
        works.decide_title(session, operator, command, sources)
    bens, annas = ben.browser.read(f"/en/works/{newer}"), anna.browser.read(f"/en/works/{older}")
    for page in (bens, annas):
        assert "the later entry is the original" in page
        assert "The negative is with Ben." in page
    assert "a decision can be corrected" in annas
    assert "a decision can be corrected" not in bens


def test_what_is_said_about_a_work_is_kept(person: Callable[..., Person]) -> None:
    anna, ben = person(), person(name="Ben")
    page = send(
        anna,
        [(png(1), "x.png")],
        title="A heron",
        made_by="ai_assisted",
        tool="Blender 5",
        prompt="a heron at dawn",
        disclosure="digest-only",
        persons_depicted="1",
        holder=[anna.id, ben.id],
        percent=["66,6667", "33.3333"],
    )
    work = re.search(r"/en/works/(work_\w+)", page.text)
    assert work is not None
    text = anna.browser.read(f"/en/works/{work[1]}")

    assert "A heron" in text
    assert "made with the help of AI: Blender 5" in text
    assert "a heron at dawn" in text
    assert "Only the exact file is recognised" in text
    assert "You said that it shows persons." in text
    assert "66.6667" in text
    assert ben.id in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"file": []}, "Choose at least one file."),
        ({"made_by": "ai_generated"}, "Name the program"),
        ({"title": "x" * 501}, "The title cannot be taken"),
        ({"holder": ["party_x"], "percent": ["100"]}, "Each line has the number of an account"),
        ({"holder": ["ME"], "percent": ["ten"]}, "Each line has the number of an account"),
        ({"holder": ["ME"], "percent": ["60"]}, "Together that is 60\xa0%. With 100\xa0% in the last line"),
        ({"holder": ["ME", "ME"], "percent": ["60", "40"]}, "Somebody stands here twice."),
    ],
)
def test_what_is_wrong_with_the_form_is_said_at_its_field(
    person: Callable[..., Person], fields: dict[str, Any], sentence: str
) -> None:
    anna = person()
    if "holder" in fields:
        fields = fields | {"holder": [anna.id if h == "ME" else h for h in fields["holder"]]}
    answer = send(anna, [(png(1), "x.png")], **fields)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Nothing hangs here yet." in anna.browser.read("/en/works")


def test_the_script_gets_only_the_results(person: Callable[..., Person]) -> None:
    anna = person()
    anna.browser.open("/en/works/register")
    data = {"made_by": "human", "file": files((png(1), "x.png")), "title": "Clouds"}
    answer = anna.browser.send("/en/works/register", data, headers={"X-Part": "result"})

    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<li")


def test_labs_register_nothing(person: Callable[..., Person]) -> None:
    assert person(Role.LAB).browser.open("/en/works/register").status_code == 403


# -- my works -------------------------------------------------------------------------------------------------
def test_an_empty_sheet_says_how_to_begin(person: Callable[..., Person]) -> None:
    assert "Hier hängt noch nichts." in person().browser.read("/de/works")


def test_works_are_found_by_words_number_and_state(
    person: Callable[..., Person], put: Callable[..., str], database: Database, sources: Sources
) -> None:
    anna = person()
    herons, dunes = put(anna.actor, "Two herons"), put(anna.actor, "Dunes, evening")
    put(person(name="Ben").actor, "Ben’s herons")
    with database.writing() as session:
        works.withdraw_work(session, anna.actor, works_id(dunes), sources)

    def titles(query: str) -> set[str]:
        page = anna.browser.open(f"/en/works?{query}").text
        return {title for title in ("Two herons", "Dunes, evening", "Ben’s herons") if title in page}

    assert titles("") == {"Two herons", "Dunes, evening"}
    assert titles("q=HERONS+two") == {"Two herons"}
    assert titles(f"q={herons}") == {"Two herons"}
    assert titles("q=%25") == set()
    assert titles("state=withdrawn") == {"Dunes, evening"}
    assert titles("state=reserved&view=list") == {"Two herons"}
    assert titles("state=nonsense&page=x") == {"Two herons", "Dunes, evening"}
    assert "No work fits." in anna.browser.read("/en/works?q=crow")


def works_id(number: str) -> bytes:
    from registry.core.ids import parse_id

    return parse_id("work", number)


def test_many_works_come_page_by_page(person: Callable[..., Person], put: Callable[..., str]) -> None:
    anna = person()
    for number in range(30):
        put(anna.actor, f"Study {number:02}")

    first, second = anna.browser.open("/en/works").text, anna.browser.open("/en/works?page=2").text
    assert first.count('class="plate"') == 24
    assert len(first) < 90_000  # with the style sheet less than 150 kB
    assert second.count('class="plate"') == 6
    assert "Study 29" in first
    assert "Study 00" in second
    assert "1 to 24 of 30" in first
    assert 'rel="next"' not in second


def test_a_society_sees_the_works_of_its_member(
    person: Callable[..., Person], put: Callable[..., str], database: Database, sources: Sources
) -> None:
    anna, society = person(), person(Role.SOCIETY, "VG")
    put(anna.actor, "Two herons")
    assert society.browser.open(f"/en/works?owner={anna.id}").status_code == 403
    command = parties.CreateMandate(
        society.actor.public_id, frozenset({parties.May.REGISTER}), parties.Repertoire(all=True)
    )
    with database.writing() as session:
        parties.create_mandate(session, anna.actor, command, sources)

    assert "Two herons" in society.browser.read(f"/en/works?owner={anna.id}")


# -- one work -------------------------------------------------------------------------------------------------
def test_a_work_shows_what_is_kept_and_to_whom_it_is_permitted(
    person: Callable[..., Person], put: Callable[..., str], database: Database, sources: Sources, clock: Clock
) -> None:
    anna, lab = person(), person(Role.LAB, "Nordlicht Labs")
    number = put(anna.actor, "Two herons")
    with database.writing() as session:
        per_image = {"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "image"}
        more = [
            {"type": "flat_per_period", "amount_minor": 500},
            {"type": "per_model_version", "amount_minor": 9_000},
            {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 5_000},
            {"type": "revenue_share", "ppm": 1_000, "minimum_minor": 0},
            {"type": "downstream_share", "ppm": 50_000},
            {"type": "per_unit", "amount_minor": 7, "per_units": 2, "unit": "audio_minute"},
        ]
        tariff = licences.CreateTariff("EUR", [per_image, *more], name="Pictures")
        series = licences.create_tariff(session, anna.actor, tariff, sources).series.public_id
        priced = licences.CreateOffer((works_id(number),), Purpose.TRAIN_GENAI, tariff=series)
        offer = licences.create_offer(session, anna.actor, priced, sources)
        licences.accept_offer(session, lab.actor, licences.AcceptOffer(offer.public_id), sources)
        free = licences.CreateOffer((works_id(number),), Purpose.SEARCH)
        licences.create_offer(session, anna.actor, free, sources)
    text = anna.browser.read(f"/en/works/{number}")

    assert "Training generative AI train_genai Licensed Nordlicht Labs €0.40 per 100 images" in text
    for price in (
        "€5.00 a quarter, €90.00 for each model version, 30 % of the net income, at least €50.00 a quarter",
        "0.1 % of the net income, 5 % of what the output earns, €0.07 per 2 minutes of sound",
    ):
        assert price in text
    assert "Being found in a search search Allowed anyone, free of charge" in text
    assert "Cloning a voice voice_clone Reserved nobody" in text
    assert "640 × 480 pixels" in text
    assert "image.phash256.v1" in text
    assert "Licence agreed" in text
    assert "Licensed 1" in anna.browser.read("/en/works")
    assert "0,40\xa0€ je 100 Bilder" in anna.browser.open(f"/de/works/{number}").text


def test_another_persons_work_is_not_there(person: Callable[..., Person], put: Callable[..., str]) -> None:
    number = put(person().actor, "Two herons")
    ben = person(name="Ben").browser

    for page in ("", "/withdraw", "/shares"):
        assert ben.open(f"/en/works/{number}{page}").status_code == 404
    assert ben.open("/en/works/work_nonsense").status_code == 404


def test_shares_are_changed_from_now_on(
    person: Callable[..., Person], put: Callable[..., str], clock: Clock
) -> None:
    anna, ben = person(), person(name="Ben")
    address = f"/en/works/{put(anna.actor, 'Two herons')}"
    clock.advance(days=1)
    anna.browser.open(f"{address}/shares")
    wrong = anna.browser.send(f"{address}/shares", {"holder": [anna.id, ben.id], "percent": ["65", "45"]})
    assert wrong.status_code == 422
    assert "Together that is 110\xa0%. With 35\xa0% in the last line it adds up." in wrong.text
    assert anna.browser.send(f"{address}/shares", {"holder": "", "percent": ""}).status_code == 422

    right = {"holder": [anna.id, ben.id], "percent": ["65", "35 %"]}
    assert anna.browser.send(f"{address}/shares", right).status_code == 303
    text = anna.browser.read(address)
    assert f"You 65 % {ben.id} 35 %" in text
    assert "Shares were changed" in text


def test_a_work_is_withdrawn_after_a_question(person: Callable[..., Person], put: Callable[..., str]) -> None:
    anna = person()
    address = f"/de/works/{put(anna.actor, 'Zwei Reiher')}"
    assert "„Zwei Reiher“ zurückziehen?" in anna.browser.read(f"{address}/withdraw")
    assert "Sie haben dieses Werk zurückgezogen." not in anna.browser.read(address)
    anna.browser.open(f"{address}/withdraw")

    assert anna.browser.send(f"{address}/withdraw").status_code == 303
    text = anna.browser.read(address)
    assert "Sie haben dieses Werk zurückgezogen." in text
    assert "Anteile ändern" not in text


def test_a_title_is_text_and_nothing_else(person: Callable[..., Person], put: Callable[..., str]) -> None:
    anna = person()
    number = put(anna.actor, "<b onclick=alert(1)>x</b>")

    for address in (f"/en/works/{number}", "/en/works", f"/en/works/{number}/withdraw"):
        assert "<b onclick" not in anna.browser.open(address).text
