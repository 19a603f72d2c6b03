"""The documentation is true: its links lead somewhere, every endpoint is in it, and what it names is one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from registry.base.api_reference import Json, operations
from registry.web.manual import anchor
from tests.support import api_page

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])

_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_ENDPOINT = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s`'\"]*)")
_SERVED_BESIDE_THE_API = {"/", "/docs/", "/problems/"}


def text(page: Path) -> str:
    """What is running text on this page; blocks of code have no links."""
    return _FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The headings of a page that links can lead to."""
    return {anchor(h.replace("`", "").strip()) for h in re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)}


def name(page: Path) -> str:
    """For the report."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of this repository, and to a heading that is there; pages of docs/ only to each other, being served."""
    for link in _LINK.findall(text(page)):
        path, _, fragment = link.partition("#")
        if "://" in link:
            assert link.startswith("https://"), link
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert target.is_relative_to(ROOT)
        if page.is_relative_to(ROOT / "docs"):
            assert target.is_relative_to(ROOT / "docs"), f"{link} is no page that a registry serves"
            assert target.suffix == ".md", f"{link} is no page"
        if fragment:
            assert fragment in anchors(target), link


def test_every_page_can_be_reached_from_the_first() -> None:
    """Nobody has to guess that a page exists."""
    first = ROOT / "docs" / "README.md"
    waiting, seen = [first], set[Path]()
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            links = (link.partition("#")[0] for link in _LINK.findall(text(page)) if "://" not in link)
            waiting += [(page.parent / link).resolve() for link in links if link.endswith(".md")]
    assert {name(p) for p in (ROOT / "docs").rglob("*.md")} - {name(p) for p in seen} == set()


def test_the_page_of_the_api_is_the_api() -> None:
    """Every endpoint with its parameters, fields and answers; written by `make docs`."""
    current = api_page.page()
    assert api_page.PAGE.read_text("utf-8") == current, "run: make docs"
    for (method, path), operation in endpoints().items():
        assert f"### `{method} {path}`\n" in current
        assert operation.get("summary"), f"{method} {path} says nothing about itself"


@cache
def endpoints() -> dict[tuple[str, str], Json]:
    """Every endpoint by its method and path."""
    return {(method, path): operation for method, path, operation in operations(api_page.specification())}


def _pattern(template: str) -> re.Pattern[str]:
    """Matches the paths of this template, also with placeholders such as `work_…` or with a cut-off end `…`."""
    kinds = {"{path}": r".+", "{name}": r".+"}  # these contain slashes
    parts = [
        kinds.get(part, r"[^/?]+") if part.startswith("{") else re.escape(part)
        for part in template.split("/")
    ]
    return re.compile("/".join(parts) + r"(/…)?")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_endpoint_that_is_named_exists(page: Path) -> None:
    """In running text and in examples, with its method and the parameters in its query."""
    known = endpoints()
    for method, address in _ENDPOINT.findall(page.read_text("utf-8")):
        path, _, query = address.rstrip(".,;:)").partition("?")
        if path in _SERVED_BESIDE_THE_API or path.endswith("/…"):
            assert path in _SERVED_BESIDE_THE_API or any(t.startswith(path[:-1]) for _, t in known), address
            continue
        found = [
            operation
            for (m, template), operation in known.items()
            if m == method and _pattern(template).fullmatch(path)
        ]
        plain = {"/v1/openapi.json", "/v1/docs", "/healthz", "/readyz", "/metrics"}
        assert found or path in plain, f"{method} {address} is no endpoint"
        wanted = {pair.partition("=")[0] for pair in query.split("&") if pair}
        assert wanted <= {p["name"] for o in found for p in o["parameters"]}, (
            f"{address} asks for what is not there"
        )
