"""Two complete languages. English is in the templates, German in `translations/de`; no page mixes them.

The language is part of a page's address, so that a link means the same page for everybody; only `/` asks the browser.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import flask_babel
from babel.support import NullTranslations, Translations
from flask import Flask, g, request
from flask_babel import Babel

LANGUAGES = {"de": "Deutsch", "en": "English"}
DEFAULT = "en"


def current_language() -> str:
    """The language of the page's address, else the one that the browser prefers."""
    if g.get("language") in LANGUAGES:
        return str(g.language)
    return request.accept_languages.best_match(list(LANGUAGES), default=DEFAULT)


def gettext(text: str, **values: object) -> str:
    """The text in the language of the page, with `%(name)s` filled in."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The text for this number, as `%(num)d` in it, in the language of the page."""
    return str(flask_babel.ngettext(one, many, number, **values))


@cache
def catalogue(language: str) -> NullTranslations:
    """The texts of a language, for what is written without a page: a mail is in the language of whom it goes to."""
    with resources.as_file(resources.files("registry.web") / "translations") as folder:
        return Translations.load(folder, [language])


def init_app(app: Flask) -> None:
    """Give templates `_()`, the current language and the list of languages."""
    Babel(app, locale_selector=current_language, default_translation_directories="web/translations")

    @app.before_request
    def remember_language() -> None:
        g.language = current_language()

    app.context_processor(lambda: {"language": g.get("language", DEFAULT), "languages": LANGUAGES})
