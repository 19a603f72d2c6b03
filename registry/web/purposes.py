"""What a work may be used for, in plain words, for pages and letters."""

from __future__ import annotations

from flask import Flask

from registry.web.i18n import gettext as _


def purpose_word(code: str) -> str:
    """A purpose (`registry.core.decisions.Purpose`) in the page's language; a code that is none stays as it is."""
    words = {
        "tdm": _("Text and data mining"),
        "train_ai": _("Training any AI"),
        "train_genai": _("Training generative AI"),
        "ai_input": _("Reading it to answer a question"),
        "ai_index": _("Being indexed for an AI"),
        "search": _("Being found in a search"),
        "voice_clone": _("Cloning a voice"),
        "style_imitation": _("Imitating its style"),
        "all": _("Every purpose"),
    }
    return words.get(code, code)


def init_app(app: Flask) -> None:
    """Give templates this as a filter."""
    app.jinja_env.filters["purpose"] = purpose_word
