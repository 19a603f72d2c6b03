"""Every page, on a phone and on a desk, light and dark: nothing that axe-core objects to, and no scrolling sideways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.base.actor import Role
from registry.core.decisions import Purpose
from registry.core.fingerprints import fingerprint_image
from registry.core.ids import format_id
from registry.core.records.runs import Counts
from registry.core.settlement.periods import Period
from registry.licences import service as licences
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.remuneration import service as remuneration
from tests.factories import Clock
from tests.support.axe import objections
from tests.support.pictures import png
from tests.support.usage import Trade, open_trade, row
from tests.support.works import register

Visits = Callable[..., Any]
SIZES = ((320, "light"), (390, "light"), (1280, "dark"))


@pytest.fixture(scope="module")
def story(server: Any) -> dict[str, Any]:
    """A maker with works in every state, a lab that reported, a society, a settled quarter; with their cookies."""
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    sources = replace(server.sources, now=clock)
    with server.database.writing() as session:
        trade = open_trade(session, sources, clock)
        work = register(session, trade.anna, sources, "Clouds", content=fingerprint_image(png(21)))
        free = register(session, trade.anna, sources, "Dunes", content=fingerprint_image(png(22)))
        licences.create_offer(
            session, trade.anna, licences.CreateOffer((free.public_id,), Purpose.SEARCH), sources
        )
        contested = register(session, trade.bert, sources, "Mine", content=fingerprint_image(png(21)))
        society = parties.register_party(session, parties.RegisterParty(Role.SOCIETY, "VG"), sources)
        mandate = CreateMandate(society.public_id, frozenset(May), Repertoire(all=True))
        parties.create_mandate(session, trade.anna, mandate, sources)
        claim = _claim(trade, work)
    period = str(Period.of(clock()))
    with server.database.writing() as session:
        remuneration.settle(session, parties.command_line(session, sources), period, sources)
    people = {
        "maker": trade.anna,
        "rival": trade.bert,
        "lab": trade.lab,
        "society": parties.actor_of(society),
    }
    with server.database.writing() as session:
        cookies = {
            who: parties.open_session(session, actor, "password", "Firefox Linux", server.sources)[1]
            for who, actor in people.items()
        }
    return {
        "cookies": cookies,
        "work": format_id("work", work.public_id),
        "contested": format_id("work", contested.public_id),
        "claim": format_id("claim", claim),
        "member": format_id("party", trade.anna.public_id),
        "period": period,
    }


def _claim(trade: Trade, work: Any) -> bytes:
    licence = trade.agreement(work)
    verdicts = {"allow": 300, "licensed": 4, "deny": 280, "review": 49, "unknown": 607}
    counts = Counts(1240, 911, 329, verdicts, {"any": 1240}, {"image": 1240})
    return trade.claim(row(work, licence, 300), licences=(licence,), counts=counts).public_id


PAGES = (
    *(("", page) for page in ("/", "/sign-in", "/sign-up", "/sign-up?role=lab", "/not-there")),
    *(
        ("maker", page)
        for page in ("/works", "/works?view=list", "/works?q=zzz", "/works/register", "/account")
    ),
    *(("maker", f"/works/{{work}}{page}") for page in ("", "/withdraw", "/shares")),
    *(("maker", page) for page in ("/statements", "/statements/{period}", "/payouts", "/mandates")),
    *(("rival", page) for page in ("/works/{contested}", "/statements", "/mandates", "/reports")),
    *(("lab", page) for page in ("/reports", "/reports/{claim}", "/models", "/account")),
    *(
        ("society", page)
        for page in ("/mandates", "/works", "/works?owner={member}", "/statements?party={member}")
    ),
)


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(("who", "page"), PAGES, ids=lambda value: value or "nobody")
def test_every_page(
    visit: Visits, server: Any, story: dict[str, Any], who: str, page: str, language: str
) -> None:
    made = visit(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    if who:
        made.context.add_cookies(
            [{"name": "vorbehalt", "value": story["cookies"][who], "url": server.address}]
        )
    shown = made.open(f"/{language}{page.format(**story)}")
    for width, scheme in SIZES:
        shown.set_viewport_size({"width": width, "height": 900})
        shown.emulate_media(color_scheme=scheme)
        sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert shown.evaluate(sideways) <= 0, f"scrolls sideways at {width} px"
        if width != 320 and language == "de":  # what axe looks at is the same in both languages
            assert objections(shown) == []
    if page in {"/not-there", "/reports"} and who in {"", "rival"}:
        made.complaints.clear()  # the browser notes every answer that is not 2xx


def test_no_page_is_heavy(visit: Visits) -> None:
    """At most 150 kB with all that it loads."""
    made = visit()
    sizes: list[int] = []
    made.page.on("response", lambda answer: sizes.append(len(answer.body())))
    made.open("/de/")
    made.page.wait_for_load_state("networkidle")

    assert 0 < sum(sizes) <= 150_000
