"""Every page, on a phone and on a desk, light and dark: nothing that axe-core objects to, and no scrolling sideways."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from registry.base.actor import Role
from registry.core.decisions import Purpose
from registry.core.fingerprints import fingerprint_image
from registry.core.ids import format_id
from registry.core.records.runs import Counts
from registry.core.settlement.periods import Period
from registry.domains import service as domains
from registry.domains.proving import record_look, record_proof
from registry.domains.rules import Method, Outcome, Probe, proof_place
from registry.licences import basket
from registry.licences import service as licences
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.remuneration import service as remuneration
from registry.web.legal import PAGES as LEGAL
from registry.works.service import withdraw_work
from tests.factories import Clock
from tests.support.axe import objections
from tests.support.pictures import png
from tests.support.quarter import go_through
from tests.support.usage import Trade, open_trade, row
from tests.support.works import register

Visits = Callable[..., Any]
TEMPLATES = Path(__file__).parents[2] / "deploy" / "legal"
SHARE = {"type": "revenue_share", "ppm": 25_000, "minimum_minor": 50_000}
SIZES: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "light"), (390, "light"), (1280, "dark"))


@pytest.fixture(scope="module")
def story(server: Any) -> dict[str, Any]:
    """A maker with works in every state, a lab that reported, a society, a settled quarter; with their cookies."""
    clock = Clock(datetime.now(UTC).replace(microsecond=0) - timedelta(days=92))
    _write_legal_pages(server.settings.home / "legal")
    sources = replace(server.sources, now=clock)
    with server.database.writing() as session:
        trade = open_trade(session, sources, clock)
        society = parties.register_party(session, parties.RegisterParty(Role.SOCIETY, "VG"), sources)
        auditor = parties.register_on_server(session, parties.RegisterParty(Role.AUDITOR, "Audit"), sources)
        quarter = go_through(trade, parties.actor_of(society))  # and the clock is at now
        work = register(session, trade.anna, sources, "Clouds", content=fingerprint_image(png(21)))
        free = register(session, trade.anna, sources, "Dunes", content=fingerprint_image(png(22)))
        licences.create_offer(
            session, trade.anna, licences.CreateOffer((free.public_id,), Purpose.SEARCH), sources
        )
        contested = register(session, trade.bert, sources, "Mine", content=fingerprint_image(png(21)))
        mandate = CreateMandate(society.public_id, frozenset(May), Repertoire(all=True))
        parties.create_mandate(session, trade.anna, mandate, sources)
        claim = _claim(trade, work)
        numbers = _market(trade) | _websites(trade)
    period = str(Period.of(clock()))
    with server.database.writing() as session:
        settled = remuneration.settle(session, parties.command_line(session, sources), period, sources)
        settlement = format_id("settlement", settled.public_id)
    people = {
        "maker": trade.anna,
        "rival": trade.bert,
        "lab": trade.lab,
        "society": parties.actor_of(society),
        "auditor": parties.actor_of(auditor),
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
        "reporter": format_id("party", trade.lab.public_id),
        "member": format_id("party", trade.anna.public_id),
        "period": period,
        "settlement": settlement,
        "quarter": quarter.period,
        "run": quarter.runs[0],
        "unreported": trade.run(9).to_bytes(),
        "heron": quarter.works[0],
        "licence": quarter.licence,
        "shared": quarter.shared.partition("@")[0],
        **numbers,
    }


def _market(trade: Trade) -> dict[str, str]:
    """Works of the maker in the lab's basket: one is offered, one is asked for, one answered, one was withdrawn."""
    session, sources = trade.session, trade.sources
    offered, asked, answered, gone, silent = (
        trade.work(title=title) for title in ("Reeds", "Harbour", "Ferns", "Stairs", "Pears")
    )
    components = ({"type": "per_unit", "unit": "work", "amount_minor": 35, "per_units": 1}, SHARE)
    create = licences.CreateTariff("EUR", components, "Pictures")
    tariff = licences.create_tariff(session, trade.anna, create, sources).series.public_id
    end = trade.clock() + timedelta(days=400)
    names = (offered.public_id, answered.public_id)
    command = licences.CreateOffer(names, Purpose.TRAIN_AI, ("DE", "AT"), valid_to=end, tariff=tariff)
    offer = licences.create_offer(session, trade.anna, command, sources)
    wider = licences.CreateOffer((offered.public_id,), Purpose.TRAIN_GENAI, tariff=tariff)
    licences.create_offer(session, trade.anna, wider, sources)
    requests = []
    for work in (asked, answered):
        ask = licences.AskForTerms((work.public_id,), Purpose.TRAIN_GENAI, message="For birds.\nRegards")
        requests += licences.ask_for_terms(session, trade.lab, ask, sources)
    licences.answer_with_offer(
        session, trade.anna, licences.AnswerRequest(requests[1].public_id, tariff), sources
    )
    works = (offered, asked, answered, gone, silent)
    basket.put(session, trade.lab, {work.public_id: 3 for work in works}, sources)
    withdraw_work(session, trade.anna, gone.public_id, sources)
    return {
        "offer": format_id("offer", offer.public_id),
        "asked": format_id("request", requests[0].public_id),
        "answered": format_id("request", requests[1].public_id),
    }


def _websites(trade: Trade) -> dict[str, str]:
    """A website of the maker's that is proved, and one whose proof was not found."""
    session, sources = trade.session, trade.sources
    proved, missing = (
        domains.claim_domain(session, trade.anna, domains.ClaimDomain(name, method), sources)
        for name, method in (
            ("xn--bcher-kva.example", Method.FILE),
            ("a-long-name-of-a-site.example", Method.DNS),
        )
    )
    record_proof(session, trade.anna, proved.public_id, None, sources)
    place = proof_place(missing.domain, Method.DNS)
    record_look(session, missing.id, Probe(Outcome.MISSING, f"There is no TXT record at {place}."), sources)
    return {
        "proved": format_id("domain", proved.public_id),
        "missing": format_id("domain", missing.public_id),
    }


def _write_legal_pages(folder: Path) -> None:
    """As an operator does: the templates, filled in."""
    folder.mkdir()
    for page in LEGAL:
        for language in ("de", "en"):
            template = (TEMPLATES / f"{page}.{language}.md").read_text("utf-8")
            (folder / f"{page}.{language}.md").write_text(re.sub(r"\[\[.*?\]\]", "Muster", template), "utf-8")


def _claim(trade: Trade, work: Any) -> bytes:
    licence = trade.agreement(work)
    verdicts = {"allow": 300, "licensed": 4, "deny": 280, "review": 49, "unknown": 607}
    counts = Counts(1240, 911, 329, verdicts, {"any": 1240}, {"image": 1240})
    return trade.claim(row(work, licence, 300), licences=(licence,), counts=counts).public_id


PAGES = (
    *(("", page) for page in ("/", "/sign-in", "/sign-up", "/sign-up?role=lab", "/forgotten", "/not-there")),
    *(("", f"/legal/{page}") for page in LEGAL),
    *(("", page) for page in ("/audit", "/audit/{settlement}")),
    *(("maker", page) for page in ("/account/notices", "/account/address", "/account/delete")),
    *(
        ("maker", page)
        for page in ("/works", "/works?view=list", "/works?q=zzz", "/works/register", "/account")
    ),
    *(("maker", f"/domains{page}") for page in ("", "/{proved}", "/{missing}")),
    *(("maker", f"/works/{{work}}{page}") for page in ("", "/withdraw", "/shares", "/file")),
    *(("maker", page) for page in ("/statements", "/statements/{period}", "/payouts", "/mandates")),
    *(("rival", page) for page in ("/works/{contested}", "/statements", "/mandates", "/claims")),
    *(("lab", page) for page in ("/claims", "/claims/{claim}", "/claims/new", "/models", "/account")),
    *(("lab", page) for page in ("/lab", "/runs/{run}", "/costs", "/costs?run={run}", "/declarations")),
    *(
        ("lab", f"/declarations/{{shared}}/{{quarter}}/{figure}")
        for figure in ("net_income", "model_versions")
    ),
    *(("lab", page) for page in ("/licences", "/basket?territory=DE", "/basket/accept?offer={offer}")),
    *(("lab", page) for page in ("/requests", "/requests/new?basket=1", "/requests/{answered}")),
    *(("maker", page) for page in ("/requests", "/requests/{asked}")),
    *(("society", page) for page in ("/uses", "/reconciliation?period={quarter}")),
    ("auditor", "/reconciliation?period={quarter}&lab={reporter}"),
    *(
        ("society", page)
        for page in ("/mandates", "/works", "/works?owner={member}", "/statements?party={member}")
    ),
)


@pytest.mark.parametrize(("who", "page"), PAGES, ids=lambda value: value or "nobody")
def test_every_page(visit: Visits, server: Any, story: dict[str, Any], who: str, page: str) -> None:
    made = visit(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    if who:
        made.context.add_cookies([_cookie(server, story, who)])
    shown = made.open(f"/de{page.format(**story)}")
    for width, scheme in SIZES:
        _looks_well(shown, width, scheme)
    made.open(f"/en{page.format(**story)}")
    _looks_well(shown, *SIZES[0])  # what axe looks at is the same in both languages
    if page in {"/not-there", "/claims"} and who in {"", "rival"}:
        made.complaints.clear()  # the browser notes every answer that is not 2xx


def _cookie(server: Any, story: dict[str, Any], who: str) -> dict[str, str]:
    return {"name": "vorbehalt", "value": story["cookies"][who], "url": server.address}


def _looks_well(shown: Page, width: int, scheme: Literal["light", "dark"]) -> None:
    shown.set_viewport_size({"width": width, "height": 900})
    shown.emulate_media(color_scheme=scheme)
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.evaluate(sideways) <= 0, f"scrolls sideways at {width} px"
    if width != 320:
        assert objections(shown) == []


def test_a_lab_declares_and_reports_step_by_step(visit: Visits, server: Any, story: dict[str, Any]) -> None:
    made = visit(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", java_script_enabled=False)
    made.context.add_cookies([_cookie(server, story, "lab")])
    seen = visit(reduced_motion="reduce")  # axe needs script
    seen.context.add_cookies([_cookie(server, story, "lab")])

    def look(page: Page) -> None:
        seen.page.set_content(page.content().replace("<head>", f'<head><base href="{server.address}">'))
        for width, scheme in SIZES:
            _looks_well(seen.page, width, scheme)

    page = made.open(f"/de/declarations/{story['shared']}/{story['quarter']}/net_income")
    page.fill("#amount", "98765,43")
    page.get_by_role("button", name="Zeigen, was es bedeutet").click()
    expect(page.get_by_text("29.629,63")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Verbindlich angeben").click()
    expect(page.get_by_role("rowheader", name=f"Nettoeinnahmen, {story['quarter']}")).to_be_visible()

    def choose(rows: str) -> None:
        made.open("/de/claims/new")
        page.set_input_files(
            "#run", {"name": "run.json", "mimeType": "application/json", "buffer": story["unreported"]}
        )
        page.set_input_files("#rows", {"name": "rows.csv", "mimeType": "text/csv", "buffer": rows.encode()})
        page.get_by_role("button", name="Meldung prüfen").click()

    right = f"{story['heron']},3,{story['licence']},2\n"
    choose("work,units,licence,how\n" + right + "work_nowhere,3,none,2\n")
    expect(page.get_by_role("rowheader", name="Zeile 3")).to_be_visible()
    look(page)
    choose(right)
    expect(page.get_by_role("heading", name="1 Zeile ist in Ordnung")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Verbindlich melden").click()
    expect(page.get_by_role("link", name="Beleg herunterladen")).to_be_visible()
    made.complaints.clear()  # the browser notes every answer that is not 2xx
    seen.complaints.clear()  # and what a page without an address of its own may not load


def test_a_lab_asks_a_maker_answers_and_the_lab_accepts(
    visit: Visits, server: Any, story: dict[str, Any]
) -> None:
    lab, maker = (
        visit(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", java_script_enabled=False)
        for _who in range(2)
    )
    lab.context.add_cookies([_cookie(server, story, "lab")])
    maker.context.add_cookies([_cookie(server, story, "maker")])
    seen = visit(reduced_motion="reduce")  # axe needs script

    def look(page: Page) -> None:
        seen.page.set_content(page.content().replace("<head>", f'<head><base href="{server.address}">'))
        for width, scheme in SIZES:
            _looks_well(seen.page, width, scheme)

    page = lab.open("/de/basket")
    page.get_by_role("link", name="Um ein Angebot bitten").click()
    page.get_by_label("An die Urheberinnen und Urheber").fill("Für ein Modell von Vögeln.")
    page.get_by_role("button", name="Anfrage senden").click()
    expect(page.get_by_text("1 Anfrage ist gestellt.")).to_be_visible()

    page = maker.open("/de/works")
    page.get_by_role("link", name="Lesen und antworten").click()
    page.get_by_role("row", name="Pears").get_by_role("link", name="Lesen und antworten").click()
    expect(page.get_by_text("Für ein Modell von Vögeln.")).to_be_visible()
    page.get_by_label("Ja, gegen Geld").check()
    page.get_by_label("Je benutztes Werk").fill("0,35")
    page.get_by_role("button", name="Weiter: Was daraus folgt").click()
    expect(page.get_by_text("Noch hat sich nichts geändert.")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Dieses Angebot machen").click()
    expect(page.get_by_text("hat es noch nicht angenommen")).to_be_visible()

    page = lab.open("/de/basket")
    page.get_by_role("button", name="Lesen und annehmen").click()
    expect(page.get_by_text("Noch ist nichts angenommen.")).to_be_visible()
    expect(page.get_by_role("heading", name="Lizenzen zum Annehmen")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Angebote annehmen").click()
    expect(page.get_by_text("Lizenzen sind geschlossen.")).to_be_visible()
    expect(page.get_by_role("row", name="0,35 € je Werk").first).to_be_visible()
    seen.complaints.clear()  # what a page without an address of its own may not load


def test_no_page_is_heavy(visit: Visits) -> None:
    """At most 150 kB with all that it loads."""
    made = visit()
    sizes: list[int] = []
    made.page.on("response", lambda answer: sizes.append(len(answer.body())))
    made.open("/de/")
    made.page.wait_for_load_state("networkidle")

    assert 0 < sum(sizes) <= 150_000
