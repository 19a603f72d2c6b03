"""The documentation as the registry serves it: every page, its links, and a page behind every problem's type."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from registry.app import create_app
from registry.base.problems import all_codes
from registry.base.settings import Settings
from registry.web.manual import anchor, render
from tests.functional.conftest import Client

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application of a registry that has no database yet: nothing here needs one."""
    logger = logging.getLogger("registry")
    before = (logger.handlers, logger.level, logger.propagate)
    yield create_app(Settings(tmp_path_factory.mktemp("home"), log_level="error"))
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@pytest.fixture(scope="module")
def client(app: Flask) -> Client:
    """Calls it."""
    return app.test_client()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_served_and_its_links_lead_to_pages(client: Client, page: str) -> None:
    """With and without the ending; headings that links name are there."""
    answer = client.get(f"/docs/{page}")
    assert answer.status_code == 200
    assert answer.text == client.get(f"/docs/{page.removesuffix('.md')}", follow_redirects=True).text
    assert "<h1" in answer.text
    article = answer.text.partition('<article class="manual">')[2].partition("</article>")[0]
    for link in re.findall(r'href="(/[^"]*)"', article):
        path, _, fragment = link.partition("#")
        target = client.get(path)
        assert target.status_code == 200, link
        assert not fragment or f'id="{fragment}"' in target.text, link


def test_a_problem_s_type_leads_to_its_page(client: Client) -> None:
    """From the answer of a program to an explanation for people."""
    refused = client.get("/v1/works")
    page = client.get(refused.json["type"])
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert f'<h1 id="authrequired"><code>{refused.json["code"]}</code></h1>' in page.text
    for code in all_codes():
        assert client.get(f"/problems/{code}").status_code == 200, code
        assert f'href="/problems/{code}"' in client.get("/problems/").text


@pytest.mark.parametrize(
    "path",
    [
        "/problems/nothing",
        "/problems/..%2Fstart%2Flab",
        "/docs/nothing",
        "/docs/..%2F..%2Fapp",
        "/docs/etc/passwd",
        "/docs/start/lab/more",
        "/docs/start",
        "/docs/start/lab.md.md",
        "/docs/.hidden",
    ],
)
def test_there_is_no_other_page(client: Client, path: str) -> None:
    """Least of all one outside the documentation."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json["code"] == "not-found"


def test_the_api_s_page_is_of_this_server(app: Flask, client: Client) -> None:
    """Every endpoint that is served under /v1 and described."""
    page = client.get("/v1/docs").text
    document = client.get("/v1/openapi.json").json
    for path, item in document["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} & set(item):
            assert f"<code>{method.upper()} {path}</code>" in page


def test_pages_run_nothing_and_may_be_kept(client: Client) -> None:
    """No script, no foreign file; the same for everybody, in English whatever the browser prefers."""
    answer = client.get("/docs/start/creator", headers={"Accept-Language": "de"})
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "<script" not in answer.text
    assert '<html lang="en">' in answer.text
    assert not re.findall(
        r'(?:src|href)="(?:https?:)?//(?!github|c2sp|theupdate|www)[^"]*\.(?:js|css|png)', answer.text
    )


def test_markdown_is_shown_and_never_run(app: Flask) -> None:
    """HTML in it is text; links with a scheme of their own lead nowhere."""
    with app.test_request_context("/"):
        title, body = render(
            "# A <b>title</b>\n\n<script>x</script> [go](javascript:x) [up](../start/lab.md#x)", "errors/a"
        )
    assert "<script>" not in body
    assert 'href="javascript' not in body
    assert 'href="/docs/start/lab#x"' in body
    assert "<b>" not in body
    assert title == "A <b>title</b>"


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Backup", "backup"),
        ("1. An account and a key", "1-an-account-and-a-key"),
        ("`POST /v1/keys`", "post-v1keys"),
    ],
)
def test_headings_are_named_as_elsewhere(heading: str, name: str) -> None:
    assert anchor(heading.replace("`", "")) == name
