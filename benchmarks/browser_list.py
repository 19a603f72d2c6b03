"""Claim: a page registers a thousand photographs without standing still, at a fraction of what single requests cost.

    python benchmarks/browser_list.py [--photos 1000] [--chromium /usr/bin/chromium]

A registry on this machine (SQLite, a folder) and Chromium: so many small JPEGs are chosen at once on the page
“Register” and registered, twenty in a request, as shipped; beside it the same page with one work in a request, as most
upload pages do. Of each: requests, processor seconds of the server's process (with the database), and the
longest task of the page, by its clock; run it on a quiet machine. No byte of a photograph is sent in either.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Route, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks._measuring import machine
from registry.app import create_app
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.log.keys import LogKey
from registry.models import metadata
from registry.parties import service as parties
from registry.wiring import log_keys
from registry.works.uploading import MOST_AT_ONCE

WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask", buffered: true });
"""


@dataclass(frozen=True)
class Registry:
    """One that runs, and the cookie of a maker in it."""

    address: str
    cookie: str


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


@contextmanager
def registry(home: Path) -> Iterator[Registry]:
    """A new registry on this machine."""
    settings = Settings(home, log_level="error")
    LogKey.generate(log_keys(settings), "localhost/usage-log")
    database, sources = Database(settings.database_url), Sources()
    metadata.create_all(database.engine)
    with database.writing() as session:
        maker = parties.register_party(session, parties.RegisterParty(Role.CREATOR, "Wanda"), sources)
        actor = parties.actor_of(maker)
        _row, cookie = parties.open_session(session, actor, "password", "Chromium", sources)
    app = create_app(settings, sources=sources, database=database)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Registry(f"http://localhost:{server.port}", cookie)
    server.shutdown()
    database.dispose()


def photos(folder: Path, number: int) -> list[str]:
    """So many small photographs, no two alike."""
    random = np.random.default_rng(number)
    paths = []
    for n in range(number):
        pixels = random.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).resize((72, 64)).save(file, "JPEG")
        (folder / f"{n:04}.jpg").write_bytes(file.getvalue())
        paths.append(str(folder / f"{n:04}.jpg"))
    return paths


def register(browser: Browser, at_once: int, number: int) -> float:
    """Register them in a new registry, and print what it took; processor seconds of the server."""
    with tempfile.TemporaryDirectory() as name, registry(Path(name) / "registry") as running:
        files = photos(Path(name), number)
        context = browser.new_context()
        context.add_cookies([{"name": "vorbehalt", "value": running.cookie, "url": running.address}])
        page = context.new_page()
        posts: list[str] = []
        page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)

        def few(route: Route) -> None:
            answer = route.fetch()
            text = answer.text().replace(f'data-at-once="{MOST_AT_ONCE}"', f'data-at-once="{at_once}"')
            route.fulfill(response=answer, body=text)

        page.route("**/works/register", lambda r: few(r) if r.request.method == "GET" else r.continue_())
        page.goto(running.address + "/en/works/register")
        page.evaluate(WATCH)
        page.set_input_files("#files", files)
        page.locator("#making").wait_for(state="hidden", timeout=600_000)
        begin = time.process_time()
        page.get_by_role("button", name="Register", exact=True).click()
        page.wait_for_selector("#onward:visible", timeout=600_000)
        seconds = time.process_time() - begin
        longest = page.evaluate("window.longest")
        context.close()
    print(f"{at_once:10} {len(posts):10} {seconds:12.2f} {1e3 * seconds / number:12.1f} {longest:12.0f}")
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    print(machine())
    print(f"N={given.photos}")
    print("  at once   requests     server s   ms a work   longest task ms")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=given.chromium, args=flags)
        ours = register(browser, MOST_AT_ONCE, given.photos)
        single = register(browser, 1, given.photos)
        browser.close()
    print(f"one in a request costs the server {single / ours:.1f} times as much")


if __name__ == "__main__":
    main()
