"""My websites, as a maker sees them: reserved, proved, not found, contested by another account, given up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from flask import Flask

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.context import Context
from registry.base.db import Database
from registry.core.ids import parse_id
from registry.domains.service import Prober
from registry.works.service import withdraw_work
from tests.support.browsing import text_of
from tests.support.internet import HERE, Internet, internet

Person = Any
LINE = re.compile(r"vorbehalt-domain=domain_\w{26}")


@pytest.fixture(scope="module")
def world() -> Iterator[Internet]:
    with internet("anna.example") as world:
        yield world


@pytest.fixture
def net(world: Internet, app: Flask) -> Internet:
    """The internet as the application sees it, without any proof in it."""
    world.dns.records = {("anna.example", "A"): [HERE]}
    world.dns.failing = set()
    world.web.files = {}
    context: Context = app.extensions["vorbehalt"]
    cast("dict[type, object]", context.parts)[Prober] = world.prober
    return world


def reserve(who: Person, site: str = "https://www.anna.example/music?page=2", method: str = "dns") -> str:
    """The address of the page of a website that is now claimed."""
    who.browser.open("/de/domains")
    answer = who.browser.send("/de/domains", {"domain": site, "method": method})
    assert answer.status_code == 303, text_of(answer.text)
    return str(answer.location)


def line_on(page: str) -> str:
    found = LINE.search(page)
    assert found is not None
    return found[0]


def test_a_website_is_reserved_proved_and_given_up(person: Callable[..., Person], net: Internet) -> None:
    anna = person()
    assert "Noch ist keine Website vorbehalten." in anna.browser.read("/de/domains")
    page = reserve(anna)
    text = anna.browser.read(page)
    assert "_vorbehalt.anna.example" in text
    assert "www" not in text
    assert "Noch ist nichts vorbehalten" in text

    refused = anna.browser.send(f"{page}/proof")
    assert refused.status_code == 422
    assert (
        "Wir haben unter _vorbehalt.anna.example nach einem TXT-Eintrag gesehen. Dort steht keiner."
        in text_of(refused.text)
    )
    net.dns.add("_vorbehalt.anna.example", "TXT", '"v=spf1 -all"')
    assert "Dort steht 1 TXT-Eintrag, aber nicht mit dem Text" in text_of(
        anna.browser.send(f"{page}/proof").text
    )
    assert "Beweis nicht gefunden" in anna.browser.read("/de/domains")
    net.dns.failing = {"_vorbehalt.anna.example"}
    silent = anna.browser.send(f"{page}/proof")
    assert (silent.status_code, "Noch ist nichts vorbehalten" in text_of(silent.text)) == (502, True)
    net.dns.failing = set()

    net.dns.add("_vorbehalt.anna.example", "TXT", f'"{line_on(text)}"')
    proved = anna.browser.send(f"{page}/proof")
    assert proved.status_code == 303
    assert "Die Website ist vorbehalten." in anna.browser.read(proved.location)
    assert "Bewiesen: vorbehalten" in anna.browser.read("/de/domains")
    assert "Website" in anna.browser.read("/de/works?view=list")

    assert anna.browser.send(f"{page}/end").status_code == 303
    assert "Sie haben diese Website aufgegeben." in anna.browser.read(page)
    assert anna.browser.send(f"{page}/proof").status_code == 409


def test_a_site_is_proved_by_a_file_that_can_be_downloaded(
    person: Callable[..., Person], net: Internet
) -> None:
    anna = person()
    page = reserve(anna, "anna.example/", "file")
    assert "https://anna.example/.well-known/vorbehalt-domain.txt" in anna.browser.read(page)
    refused = anna.browser.send(f"{page}/proof")
    assert (refused.status_code, "keine solche Datei" in text_of(refused.text)) == (422, True)
    file = anna.browser.open(f"{page}/file")
    assert "vorbehalt-domain.txt" in file.headers["Content-Disposition"]
    net.web.files["anna.example"] = file.text
    assert anna.browser.send(f"{page}/proof").status_code == 303


def test_what_another_account_shows_a_proof_for_stays_with_it(
    person: Callable[..., Person], net: Internet
) -> None:
    anna, ben = person(), person(Role.CREATOR, "Ben")
    mine, theirs = reserve(anna), reserve(ben)
    lines = [line_on(who.browser.read(page)) for who, page in ((anna, mine), (ben, theirs))]
    net.dns.add("_vorbehalt.anna.example", "TXT", *(f'"{line}"' for line in lines))
    assert anna.browser.send(f"{mine}/proof").status_code == 303
    refused = ben.browser.send(f"{theirs}/proof")
    assert (refused.status_code, "Auch ein anderes Konto" in text_of(refused.text)) == (409, True)
    assert "Wartet auf Beweis" in ben.browser.read(theirs)
    for path in ("", "/file"):
        assert ben.browser.open(f"{mine}{path}").status_code == 404
    for path in ("/proof", "/end"):
        assert ben.browser.send(f"{mine}{path}").status_code == 404


def test_whose_work_was_withdrawn_is_told_so(
    person: Callable[..., Person], net: Internet, database: Database, sources: Sources
) -> None:
    anna = person()
    page = reserve(anna)
    shown = anna.browser.read(page)
    net.dns.add("_vorbehalt.anna.example", "TXT", f'"{line_on(shown)}"')
    proved = anna.browser.open(anna.browser.send(f"{page}/proof").location).text
    work = re.search(r"work_\w{26}", proved)
    assert work is not None
    with database.writing() as session:
        withdraw_work(session, anna.actor, parse_id("work", work[0]), sources)
    assert "Hier ist dadurch nichts vorbehalten." in anna.browser.read(page)


def test_what_is_no_website_is_refused_at_its_field(person: Callable[..., Person]) -> None:
    anna, lab = person(), person(Role.LAB, "Lab")
    anna.browser.open("/en/domains")
    refused = {
        "": "no website",
        "localhost": "no website",
        "http://192.168.0.1/": "no website",
        "https://[::1]/": "no website",
        "anna@anna.example": "no website",
        "my site": "no website",
        "ftp://anna.example/": "no website",
        "co.uk": "anybody can have a site",
        "https://github.io/anna": "anybody can have a site",
    }
    for typed, said in refused.items():
        answer = anna.browser.send("/en/domains", {"domain": typed, "method": "dns"})
        assert (answer.status_code, said in text_of(answer.text)) == (422, True), typed
    assert anna.browser.send("/en/domains", {"domain": "anna.example", "method": "x"}).status_code == 422
    assert "No website is reserved yet." in anna.browser.read("/en/domains")
    assert lab.browser.open("/en/domains").status_code == 403
