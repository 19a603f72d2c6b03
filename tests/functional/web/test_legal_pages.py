"""Imprint, privacy notice, accessibility statement: linked and shown when they are filled in, and only then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from registry.base.settings import Settings
from registry.web.legal import PAGES
from tests.support.browsing import Browser

TEMPLATES = Path(__file__).parents[3] / "deploy" / "legal"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_there_as_soon_as_it_is_whole(app: Flask, settings: Settings, page: str) -> None:
    browser, folder = Browser(app), settings.home / "legal"
    address = f"/de/legal/{page}"
    assert browser.open(address).status_code == 404
    folder.mkdir()
    template = (TEMPLATES / f"{page}.de.md").read_text("utf-8")
    assert (TEMPLATES / f"{page}.en.md").read_text("utf-8").count("[[") == template.count("[[")
    file = folder / f"{page}.de.md"
    file.write_text(template, "utf-8")
    assert browser.open(address).status_code == 404
    assert address not in browser.open("/de/").text

    file.write_text(re.sub(r"\[\[.*?\]\]", "<b>Muster</b>", template), "utf-8")

    shown = browser.open(address)
    assert shown.status_code == 200
    assert "&lt;b&gt;Muster&lt;/b&gt;" in shown.text
    assert f'href="{address}"' in browser.open("/de/sign-in").text
    assert f"/en/legal/{page}" not in browser.open("/en/sign-in").text.split("colophon")[1]


def test_other_files_of_the_folder_are_not_shown(app: Flask, settings: Settings) -> None:
    (settings.home / "legal").mkdir()
    (settings.home / "legal" / "notes.de.md").write_text("private", "utf-8")
    for page in ("notes", "..%2Fnotes", "imprint.de.md"):
        assert Browser(app).open(f"/de/legal/{page}").status_code == 404
