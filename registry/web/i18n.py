"""Two complete languages. English is in the templates, German in `translations/de`; no page mixes them.

The language is part of a page's address, so that a link means the same page for everybody; only `/` asks the browser.
"""

from __future__ import annotations

from datetime import UTC, datetime

import flask_babel
from flask import Flask, g, request
from flask_babel import Babel, format_datetime, format_decimal

LANGUAGES = {"de": "Deutsch", "en": "English"}
DEFAULT = "en"


def current_language() -> str:
    """The language of the page's address, else the one that the browser prefers."""
    named = (request.view_args or {}).get("language")
    if named in LANGUAGES:
        return str(named)
    return request.accept_languages.best_match(list(LANGUAGES), default=DEFAULT)


def gettext(text: str) -> str:
    """The text in the language of the page."""
    return str(flask_babel.gettext(text))


def ngettext(one: str, many: str, number: int) -> str:
    """The text for this number, as `%(num)d` in it, in the language of the page."""
    return str(flask_babel.ngettext(one, many, number))


def figure(value: int) -> str:
    """A whole number as the language writes it: 482,113 or 482.113."""
    return str(format_decimal(value))


def moment(value: datetime) -> str:
    """A time in UTC as the language writes it."""
    return str(
        format_datetime(
            value.astimezone(UTC), "d MMMM y, HH:mm" if g.language == "en" else "d. MMMM y, HH:mm"
        )
    )


def init_app(app: Flask) -> None:
    """Give templates `_()`, the current language and the number formats."""
    Babel(app, locale_selector=current_language, default_translation_directories="web/translations")

    @app.before_request
    def remember_language() -> None:
        g.language = current_language()

    app.jinja_env.filters.update(figure=figure, moment=moment)
    app.context_processor(lambda: {"language": g.get("language", DEFAULT), "languages": LANGUAGES})
