"""A browser without a screen: keeps cookies, reads pages, sends their forms."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.db import Database
from registry.parties import service as parties

_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class _Text(HTMLParser):
    """What of a page can be read: its text and the texts of attributes that are shown or spoken."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        spoken = {"aria-label", "alt", "placeholder", "title"}
        self.parts += [value for name, value in attrs if name in spoken and value]


def text_of(page: str) -> str:
    """The readable text of a page, blanks folded."""
    parser = _Text()
    parser.feed(page)
    return " ".join(" ".join(parser.parts).split())


class Browser:
    """One person's browser; `token` is that of the page it looked at last."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.token = ""

    def open(self, address: str, **more: Any) -> TestResponse:
        """Look at a page."""
        page = self.client.get(address, **more)
        self._remember(page)
        return page

    def send(self, address: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form that is on the page it looked at last."""
        page = self.client.post(address, data={"csrf": self.token} | (data or {}), **more)
        self._remember(page)
        return page

    def read(self, address: str) -> str:
        """The text of a page, which must be there."""
        page = self.open(address)
        assert page.status_code == 200, page.text
        return text_of(page.text)

    def _remember(self, page: TestResponse) -> None:
        found = _TOKEN.search(page.text) if page.mimetype == "text/html" else None
        if found is not None:
            self.token = found[1]


def signed_in(app: Flask, database: Database, sources: Sources, actor: Actor) -> Browser:
    """The browser of somebody who has signed in; it costs no password hash."""
    with database.writing() as session:
        _row, token = parties.open_session(session, actor, "password", "Firefox/140.0 Linux", sources)
    browser = Browser(app)
    browser.client.set_cookie("vorbehalt", token)
    return browser
