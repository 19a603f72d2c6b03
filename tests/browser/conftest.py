"""A real registry on this machine, and Chromium to use it with. Every page it opens is watched.

No page may complain on the console, ask anything of another host, or scroll sideways.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

from registry.app import create_app
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.settings import Settings
from registry.log.keys import LogKey
from registry.models import metadata
from registry.wiring import log_keys, open_database, sealing_key
from tests.factories import PASSWORD

# No test needs so long. But whoever is first to ask for a fingerprint on a new machine waits until it is compiled.
PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need Chromium."""
    here = str(Path(__file__).parent) + os.sep
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Server:
    """A running registry."""

    address: str
    database: Database
    sources: Sources
    settings: Settings
    heard: list[bytes]
    """The bodies of all requests, as they came over the line; the browser does not tell what it sends of files."""


@dataclass
class Visit:
    """Somebody at a browser of their own."""

    server: Server
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Look at a page."""
        self.page.goto(self.server.address + path)
        return self.page

    def sign_up(self, role: str, name: str, language: str = "en") -> Page:
        """Open an account by the form."""
        page = self.open(f"/{language}/sign-up")
        page.check(f"input[value={role}]")
        page.fill("#name", name)
        page.fill("#email", f"{name.split()[0].lower()}@example.org")
        page.fill("#password", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url(lambda url: "sign-up" not in url)
        return page

    def watch(self, message: ConsoleMessage) -> None:
        """Keep what the console says."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def watch_request(self, request: Request) -> None:
        """Keep what is asked of another host."""
        target = urlsplit(request.url)
        if target.scheme not in {"data", "blob"} and not self.server.address.endswith(target.netloc):
            self.complaints.append(f"request to {request.url}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with a log key and no data, on a port of its own."""
    settings = Settings(tmp_path_factory.mktemp("registry"), log_level="error")
    LogKey.generate(log_keys(settings), "localhost/usage-log")
    sealing_key(settings).make()
    database, sources = open_database(settings), Sources()
    metadata.create_all(database.engine)
    heard: list[bytes] = []
    app = listening(create_app(settings, sources=sources, database=database), heard)
    running = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    # Passkeys need a name, not an address; both are this machine.
    yield Server(f"http://localhost:{running.port}", database, sources, settings, heard)
    running.shutdown()
    running.server_close()
    database.dispose()


def listening(app: Flask, heard: list[bytes]) -> WSGIApplication:
    """The application, and in `heard` what was sent to it.

    Answers are read and closed before they are sent. A browser that goes on to the next page drops the connections of
    the one before, and werkzeug's server then leaves the file of an answer open: a warning, and so the failure of
    whatever test runs when Python notices.
    """

    def listen(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        heard.append(body)
        answer = app(environ | {"wsgi.input": io.BytesIO(body)}, start)
        with closing(cast("ClosingIterator", answer)) as parts:
            return [b"".join(parts)]

    return listen


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(server: Server, chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a browser: `visit()`, `visit(java_script_enabled=False)`, `visit(viewport={...})`."""
    visits: list[Visit] = []

    def make(**options: Any) -> Visit:
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        made = Visit(server, context, context.new_page())
        made.page.on("console", made.watch)
        made.page.on("request", made.watch_request)
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        visits.append(made)
        return made

    yield make
    for made in visits:
        made.context.close()
        assert made.complaints == []
