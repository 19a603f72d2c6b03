"""What every page has: a language in its address, headers that let nothing foreign in, and problems in plain words.

A room makes its pages with `blueprint = Pages("works_pages", __name__)`; a view parses, calls one service, renders.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Request, g, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from registry.core.errors import VorbehaltError
from registry.web import problem_pages
from registry.web.forms import csrf_token, refuse_forgeries
from registry.web.i18n import LANGUAGES
from registry.web.i18n import gettext as _
from registry.web.visitors import keep_cookies, visitor

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Pages(Blueprint):
    """A room's pages. Each address begins with /de or /en; `url_for` keeps the language of the present page."""

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        super().__init__(
            name,
            import_name,
            template_folder="templates",
            url_prefix=f"/<any({', '.join(LANGUAGES)}):language>",
            **options,
        )
        self.url_value_preprocessor(_take_language)
        self.before_request(refuse_forgeries)
        self.after_request(secure)
        self.register_error_handler(VorbehaltError, problem_pages.from_error)
        self.register_error_handler(SQLAlchemyError, problem_pages.from_database)
        self.register_error_handler(HTTPException, problem_pages.from_http)


def _take_language(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.language = (values or {}).pop("language", None)


def secure(response: Response) -> Response:
    """Only our own files, no frames, no inline script or style; what is for one person is kept by no cache.

    A view that lets its reader's own browser keep something says so: `Cache-Control: private`.
    """
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    keep_cookies(response)
    personal = "Set-Cookie" in response.headers or "Cookie" in request.headers
    if personal and not response.cache_control.private:
        response.headers["Cache-Control"] = "no-store"
    response.vary.add("Cookie")
    return response


def nav_of(role: str) -> list[tuple[str, str, str | tuple[str, ...]]]:
    """The main pages of somebody in this role: endpoint, word, and the beginnings of its sister pages' endpoints."""
    register = ("works_pages.register", _("Register"), "works_pages.register")
    of_works = (
        "works_pages.show",
        "work_pages.",
        "file_pages.",
        "works_together.",
        "licence_pages.",
        "domain_pages.",
    )
    works = ("works_pages.show_all", _("My works"), of_works)
    requests = ("request_pages.show_all", _("Requests"), ("request_pages.", "answering_pages."))
    statements = ("remuneration_pages.show", _("Statements"), "remuneration_pages.")
    mandates = ("mandates.show_all", _("Mandates"), "mandates.")
    uses = ("uses_pages.show_all", _("Uses"), "uses_pages.")
    reconciled = ("reconciliation_pages.show", _("Reconciliation"), "reconciliation_pages.")
    licensing = ("accepting_pages.", "basket_pages.", "request_pages.", "asking_pages.")
    pages: dict[str, list[tuple[str, str, str | tuple[str, ...]]]] = {
        "creator": [register, works, requests, statements, mandates],
        "society": [mandates, requests, uses, statements, reconciled, works, register],
        "lab": [
            ("lab_pages.show", _("Overview"), "lab_pages."),
            ("accepting_pages.licences", _("Licences"), licensing),
            ("usage_pages.show_all", _("Claims"), ("usage_pages.", "claiming_pages.")),
            ("declaring_pages.show", _("Declarations"), "declaring_pages."),
            ("cost_pages.show", _("Costs"), "cost_pages."),
            ("models.show_all", _("Models"), "models."),
        ],
        "operator": [
            ("title_pages.show_all", _("Titles"), "title_pages."),
            ("operating.show", _("State"), "operating."),
            reconciled,
        ],
        "auditor": [
            ("audit_pages.show", _("Audit"), "audit_pages."),
            reconciled,
            ("log_pages.show", _("Public log"), "log_pages."),
            ("receipt_pages.show", _("Check a receipt"), "receipt_pages."),
        ],
    }
    return pages.get(role, [])


def asset(filename: str) -> str:
    """The address of one of our own files."""
    return url_for("web.static", filename=filename)


def _in_language(code: str) -> str:
    """The present page in another language; the start page where that is not known."""
    if request.endpoint is None or request.method != "GET" or "language" not in _arguments(request):
        return url_for("home.start", language=code)
    asked = request.args.to_dict(flat=False)
    values: dict[str, Any] = {**(request.view_args or {}), **asked, "language": code}
    return url_for(request.endpoint, **{k: v for k, v in values.items() if not k.startswith("_")})


def _arguments(current: Request) -> set[str]:
    return current.url_rule.arguments if current.url_rule is not None else set()


def init_app(app: Flask) -> None:
    """Give templates what they share, and let addresses keep their language."""

    @app.url_defaults
    def keep_language(endpoint: str, values: dict[str, Any]) -> None:
        if "language" not in values and app.url_map.is_endpoint_expecting(endpoint, "language"):
            values["language"] = g.language

    app.jinja_env.globals.update(asset=asset, csrf_token=csrf_token, in_language=_in_language, nav_of=nav_of)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: {"visitor": visitor() if "language" in g else None})
