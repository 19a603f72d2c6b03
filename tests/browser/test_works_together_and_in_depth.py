"""Works chosen, licensed, tried and disputed in a real browser, by their makers and by the operator.

Every page on the way is looked at by axe-core: on a phone in the dark, and on a desk in the light.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from registry.base.actor import Role
from registry.core.fingerprints import fingerprint_image
from registry.core.ids import format_id
from registry.parties import service as parties
from tests.factories import make_actor
from tests.support.axe import objections
from tests.support.pictures import png
from tests.support.works import register

Visits = Callable[..., Any]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOOKS = ((390, "dark"), (1440, "light"))


@pytest.fixture(scope="module")
def people(server: Any) -> dict[str, Any]:
    """A maker with two pictures, another one with a copy, and the operator; with their cookies."""
    with server.database.writing() as session:
        who = {
            "anna": make_actor(session, server.sources, Role.CREATOR, "Anna"),
            "ben": make_actor(session, server.sources, Role.CREATOR, "Ben"),
            "office": make_actor(session, server.sources, Role.OPERATOR, "Office"),
        }
        made = [
            register(session, who[owner], server.sources, title, content=fingerprint_image(png(seed)))
            for owner, title, seed in (("anna", "Clouds", 21), ("anna", "Dunes", 22), ("ben", "Mine", 21))
        ]
        cookies = {
            name: parties.open_session(session, actor, "password", "Firefox Linux", server.sources)[1]
            for name, actor in who.items()
        }
    return {"cookies": cookies, "works": [format_id("work", work.public_id) for work in made]}


@pytest.fixture
def come(visit: Visits, server: Any, people: dict[str, Any]) -> Visits:
    """Somebody who is signed in: `come("anna")`."""

    def make(name: str, **options: Any) -> Any:
        made = visit(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", **options)
        made.context.add_cookies(
            [{"name": "vorbehalt", "value": people["cookies"][name], "url": server.address}]
        )
        return made

    return make


def look(page: Any) -> None:
    """The page as it stands: nothing to object to, and no scrolling sideways, however it is shown."""
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert objections(page) == [], f"{page.url} at {width} px, {scheme}"
        assert page.evaluate(WIDER) <= 0, f"{page.url} at {width} px"
    page.emulate_media(color_scheme="light")


def test_two_works_are_chosen_and_offered_for_money(come: Visits) -> None:
    anna = come("anna")
    page = anna.open("/de/works")
    look(page)
    page.check("input[name=work] >> nth=0")
    page.check("input[name=work] >> nth=1")
    page.click("text=Erlaubnis ändern")
    price = page.locator("#train_genai-work")
    expect(page.locator("input[name=train_genai][value=paid]")).to_be_visible()
    expect(price).to_be_hidden()
    page.check("input[name=train_genai][value=paid]")
    expect(price, "what a choice needs opens below it, by style alone").to_be_visible()
    price.fill("viel")
    page.click("main .btn-primary")
    expect(page.locator("#train_genai-work-error")).to_be_visible()
    page.wait_for_load_state()
    anna.complaints.clear()  # the browser notes every answer that is not 2xx
    look(page)
    page.fill("#train_genai-work", "0,35")
    page.click("main .btn-primary")
    expect(page.locator("main")).to_contain_text("Das Labor zahlt")
    expect(page.locator("main")).to_contain_text("0,70\xa0€")
    page.wait_for_load_state()
    look(page)
    page.click("text=Zurück zu den Antworten")
    expect(page.locator("#train_genai-work")).to_have_value("0,35")
    page.click("main .btn-primary")
    page.click("text=Diese Antworten eintragen")
    page.wait_for_url("**/works?consent=recorded")
    page.click("h2 >> text=Clouds")
    expect(page.locator("main")).to_contain_text("0,35\xa0€ je Werk")
    page.wait_for_load_state()
    look(page)


def test_everything_is_denied_without_script(come: Visits, people: dict[str, Any]) -> None:
    """By two presses, of which the first only shows what would follow."""
    both = "&".join(f"work={number}" for number in people["works"][:2])
    page = come("anna", java_script_enabled=False).open(f"/en/works/terms?{both}")
    page.check("input[name=train_genai][value=free]")
    page.click("text=No to everything")
    expect(page.locator("main")).to_contain_text("Nothing has changed yet.")
    page.wait_for_load_state()
    expect(page.locator("text=You permit")).to_have_count(0)
    page.click("text=Record these answers")
    page.wait_for_url("**/en/works?consent=recorded")
    page.click("h2 >> text=Dunes")
    expect(page.locator("h1")).to_have_text("Dunes")
    page.wait_for_load_state()
    expect(page.locator("main")).not_to_contain_text("€")


def test_a_file_is_tried_without_script(come: Visits, people: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "clouds.png"
    file.write_bytes(png(21))
    page = come("anna", java_script_enabled=False).open(f"/en/works/{people['works'][0]}/changes")
    page.set_input_files("#pick", str(file))
    page.click("text=Try the changes")

    expect(page.locator(".contact-sheet .plate")).to_have_count(11)
    page.wait_for_load_state()
    assert page.locator("text=Recognised").count() >= 9


def test_pages_around_a_work(come: Visits, people: dict[str, Any], tmp_path: Path) -> None:
    anna, work = come("anna"), people["works"][0]
    for path in (f"{work}/elsewhere", "import", f"chosen/disclosure?work={work}"):
        look(anna.open(f"/de/works/{path}"))
    file = tmp_path / "clouds.png"
    file.write_bytes(png(21))
    page = anna.open(f"/de/works/{work}/changes")
    page.set_input_files("#pick", str(file))
    page.click("text=Ausprobieren")
    page.wait_for_selector(".contact-sheet")
    look(page)


def test_the_operator_decides(come: Visits, people: dict[str, Any]) -> None:
    office = come("office")
    page = office.open("/de/titles")
    look(page)
    page.click("text=Beide Seiten ansehen")
    expect(page.locator("input[value=release]")).to_be_visible()
    page.wait_for_load_state()
    look(page)
    page.check("input[value=release]")
    page.fill("#reason", "Beide haben dasselbe Motiv fotografiert.")
    page.click("text=Entscheidung eintragen")
    page.wait_for_selector(".notice")
    look(page)
    look(office.open("/de/operator"))
    ben = come("ben").open(f"/de/works/{people['works'][2]}")
    assert "Beide haben dasselbe Motiv fotografiert." in ben.inner_text("main")
