"""The documentation, served by the registry that it describes; and a page for every problem code.

`docs/` ships inside the package (`registry/web/docs` is a link to it), so that the address in a problem's `type`,
`/problems/<code>`, leads somewhere on every installation, also one that cannot reach the internet. The page of the API
is not the file but made anew from this server's own description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from posixpath import join, normpath

from flask import Blueprint, Response, abort, current_app, g, make_response, render_template, url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token

from registry.base.api_reference import reference

blueprint = Blueprint("manual", __name__, template_folder="templates")

_API = "reference/api"
_PAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"


@blueprint.before_request
def english() -> None:
    """The documentation has one language, so what stands around it has that one too."""
    g.language = "en"


@blueprint.get("/docs/", defaults={"page": "README"})
@blueprint.get("/docs/<path:page>")
def document(page: str) -> Response:
    """One page of the documentation."""
    source = _source(page.removesuffix(".md"))
    return abort(404) if source is None else _answer(source, page)


@blueprint.get("/problems/")
def problems() -> Response:
    """Every problem code."""
    return document("errors/README")


@blueprint.get("/problems/<code>")
def problem(code: str) -> Response:
    """What a problem code means and what to do: where a problem's `type` points."""
    return document(f"errors/{code}")


@blueprint.get("/v1/docs")
def api() -> Response:
    """The API of this very server."""
    described = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return _answer(reference(described.spec.to_dict()), _API)


def _answer(source: str, page: str) -> Response:
    """The same page for everybody, whoever is signed in: so it may be kept by caches."""
    title, body = render(source, page.removesuffix(".md"))
    answer = make_response(render_template("manual.html", title=title, body=body, visitor=None))
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


@cache
def _source(page: str) -> str | None:
    """The Markdown of a page of `docs/`, named without its ending; `None` if there is none."""
    if not _PAGE.fullmatch(page):
        return None
    file = resources.files("registry.web") / "docs" / f"{page}.md"
    return file.read_text("utf-8") if file.is_file() else None


def anchor(heading: str) -> str:
    """The name by which a heading is linked to, as the usual viewers of Markdown make it."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")


def render(source: str, page: str) -> tuple[str, str]:
    """Title and HTML of a page. HTML inside the Markdown stays text; links between pages become addresses here."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(source)
    title = page
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _plain(tokens[place + 1])
            token.attrSet("id", anchor(text))
            title = text if token.tag == "h1" else title
        elif token.type == "table_open":
            token.attrSet("class", "manual-table")
    for token in _links(tokens):
        token.attrSet("href", _address(str(token.attrGet("href")), page))
    return title, str(reader.renderer.render(tokens, reader.options, {}))


def _links(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from (child for child in token.children or () if child.type == "link_open")


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _address(link: str, page: str) -> str:
    """Where a link of this page leads: another page of `docs/`, a heading of this one, or elsewhere as it is."""
    path, mark, fragment = link.partition("#")
    if "://" in link or not path:
        return link
    target = normpath(join(page, "..", path)).removesuffix(".md")
    if target.startswith("errors/") and not target.endswith("README"):
        address = url_for("manual.problem", code=target.removeprefix("errors/"))
    else:
        address = url_for("manual.document", page=target)
    return f"{address}{mark}{fragment}"
