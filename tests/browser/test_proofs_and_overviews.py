"""The log, receipts, a lab's overview and the uses of a society's members, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry.base.actor import Role
from registry.log import service as logs
from registry.log.keys import LogKey
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.wiring import log_keys
from tests.factories import Clock, make_actor
from tests.support.axe import objections
from tests.support.usage import open_trade, row

SIZES = ((390, "light"), (1280, "dark"))


def test_proofs_and_overviews(visit: Callable[..., Any], server: Any, tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    sources = replace(server.sources, now=clock)
    with server.database.writing() as session:
        trade = open_trade(session, sources, clock)
        society = make_actor(session, sources, Role.SOCIETY, "VG")
        mandate = CreateMandate(society.public_id, frozenset(May), Repertoire(all=True))
        parties.create_mandate(session, trade.anna, mandate, sources)
        work = trade.work()
        licence = trade.agreement(work)
        index = trade.claim(row(work, licence, 300), licences=(licence,)).log_index
        run = trade.run(licences=(licence,)).run_id
        cookies = {
            who: parties.open_session(session, actor, "password", "Firefox Linux", server.sources)[1]
            for who, actor in (("lab", trade.lab), ("society", society))
        }
    logs.sign(server.database, LogKey.load(log_keys(server.settings)), clock())
    with server.database.reading() as session:
        good = logs.receipt(session, index)
    receipt = tmp_path / "my.tlog-proof"

    pages = {
        "": ("/log", f"/log/{index}", f"/log/consistency?size={index}"),
        "lab": ("/lab", f"/runs/{run}"),
        "society": ("/uses/sample?seed=dice&n=2",),
    }
    for who, addresses in pages.items():
        made = visit()
        if who:
            made.context.add_cookies([{"name": "vorbehalt", "value": cookies[who], "url": server.address}])
        for address in addresses:
            _look(made.open(f"/de{address}"))
    for scripted in (True, False):  # by this browser; and by the registry, where there is no script
        for data, answer in ((good, "ist echt"), (good[:-9], "Verlassen Sie sich nicht")):
            receipt.write_text(data, "utf-8")
            made = visit(java_script_enabled=scripted)
            checked = made.open("/de/receipts/check")
            if scripted:
                checked.wait_for_selector("#stays:visible")
            checked.set_input_files("#receipt", receipt)
            checked.click("main button[type=submit]")
            checked.wait_for_selector(".verdict-line")
            assert answer in checked.inner_text(".verdict-line")
            if scripted:
                assert not any(data.encode()[:40] in body for body in server.heard)
                _look(checked)


def _look(page: Any) -> None:
    """Small and light, then large and dark, when the style has come: what a press leads to is there before it."""
    page.wait_for_load_state()
    for width, scheme in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(sideways) <= 0, page.url
        assert objections(page) == [], page.url
