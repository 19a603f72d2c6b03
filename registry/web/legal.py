"""Imprint, privacy notice and accessibility statement: written by the operator, shown once they are filled in.

`deploy/legal/` has templates. A page is there if its file lies in the operator's folder and has no place left to fill
in, which is marked by double square brackets: a half-filled notice would say what is not so.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from flask import Flask, abort, g, render_template
from markdown_it import MarkdownIt

from registry.base.context import settings
from registry.web.furniture import Pages
from registry.web.i18n import gettext as _

blueprint = Pages("legal", __name__)

PAGES = ("imprint", "privacy", "accessibility")
TO_FILL_IN = "[["


@blueprint.get("/legal/<page>")
def show(page: str) -> str:
    """One of the pages, in the language of its address."""
    source = _filled(page, g.language) if page in PAGES else None
    if source is None:
        abort(404)
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(source)
    return render_template("legal.html", title=_words()[page], body=body)


def legal_links() -> list[tuple[str, str]]:
    """Those of the pages that there are in the present language, and their names: for the foot of every page."""
    return [(page, word) for page, word in _words().items() if _filled(page, g.language) is not None]


def _words() -> dict[str, str]:
    return {"imprint": _("Imprint"), "privacy": _("Privacy"), "accessibility": _("Accessibility")}


def _filled(page: str, language: str) -> str | None:
    """The text of a page, if it is whole."""
    folder = settings().legal_folder
    if folder is None:
        return None
    file = folder / f"{page}.{language}.md"
    try:
        source = _read(file, file.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError):
        return None
    return source if source.strip() and TO_FILL_IN not in source else None


@lru_cache(maxsize=16)
def _read(file: Path, _changed: int) -> str:
    return file.read_text("utf-8")


def init_app(app: Flask) -> None:
    """Give templates the links, and serve the pages."""
    app.jinja_env.globals["legal_links"] = legal_links
    app.register_blueprint(blueprint)
