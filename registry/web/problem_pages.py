"""Problems as pages: what happened, what it means, what now; in the language of the page.

The exceptions' own messages are English and for programs. Each stable code has a sentence here; what a form can say
better is said at its field before it comes to this.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import render_template
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from registry.base.problems import from_database as database_problem
from registry.base.problems import status_of
from registry.base.telemetry import request_id
from registry.core.errors import VorbehaltError
from registry.web.forms import FormRefused
from registry.web.i18n import gettext as _

_log = logging.getLogger("registry.web")


@dataclass(frozen=True, slots=True)
class Problem:
    """A headline, and what can be done."""

    title: str
    advice: str


def describe(code: str, status: int) -> Problem:
    """The problem with this stable code, or else with this status of HTTP."""
    if code == "not-found" or status == 404:
        return Problem(
            _("There is nothing at this address."),
            _("Perhaps the address is mistyped, or it belongs to somebody else’s account."),
        )
    if code == "auth.forbidden" or status == 403:
        return Problem(
            _("Your account may not do this."),
            _("It is for another kind of account, or needs a mandate that you do not have."),
        )
    if code == "conflict" or status == 409:
        return Problem(
            _("This contradicts what is on record."),
            _(
                "Something has changed since you opened the page. Open it again and look at the present state."
            ),
        )
    if code == "media.too-large" or status == 413:
        return Problem(
            _("That was too large."),
            _("Send fewer or smaller files at a time. Nothing was changed."),
        )
    if code == "rate.limited" or status == 429:
        return Problem(
            _("That was too much in a short time."),
            _("Wait a few minutes, then try again. Nothing was changed."),
        )
    if status == 405:
        return Problem(
            _("This page cannot be opened like this."), _("Go back and use the button on the page.")
        )
    if code in {"not-ready", "snapshot.stale"} or status == 503:
        return Problem(
            _("That is not possible just now."),
            _("The registry is busy or not fully set up. Nothing was changed; try again in a few minutes."),
        )
    if status < 500:
        return Problem(
            _("That could not be understood."),
            _("Nothing was changed. Go back, check what you entered, and try again."),
        )
    return Problem(
        _("Something failed on our side."),
        _("Nothing was changed. If it happens again, tell the operator of this registry the number below."),
    )


def _stale_form() -> Problem:
    return Problem(
        _("This page had become too old."),
        _(
            "You have signed in or out since you opened it, or your browser keeps no cookies. Nothing was changed: "
            "open the page again and repeat what you did."
        ),
    )


def page(status: int, problem: Problem) -> tuple[str, int]:
    """The problem as a page with its status."""
    return render_template("problem.html", status=status, problem=problem, number=request_id()), status


def from_error(error: VorbehaltError) -> tuple[str, int]:
    """The page of one of our own exceptions."""
    if isinstance(error, FormRefused):
        return page(403, _stale_form())
    status = status_of(type(error))
    if status >= 500:
        _log.error("a page failed inside", exc_info=error)
    return page(status, describe(error.code, status))


def from_http(error: HTTPException) -> tuple[str, int] | Response:
    """The page of an HTTP error; redirects pass as they are."""
    if error.code is None or error.code < 400 or error.response is not None:
        return error.get_response()
    return page(error.code, describe("", error.code))


def from_database(error: SQLAlchemyError) -> tuple[str, int]:
    """The page of a failed transaction: a broken constraint, or a database that cannot be used."""
    status = database_problem(error).status_code
    return page(status, describe("", status))
