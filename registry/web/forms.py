"""Forms: what was entered, what is wrong at which field, and proof that it was our own page that sent it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from registry.core.errors import Forbidden, InvalidInput, TooLarge
from registry.web.visitors import form_secret

T = TypeVar("T")

FIELD = "csrf"
HEADER = "X-CSRF-Token"
#: Changes nothing and needs no account, so anybody may send it, a program too.
_OPEN = frozenset({"home.check_file"})


class FormRefused(Forbidden):
    """A form did not come from a page of ours, or the page that it is on is too old."""


def csrf_token() -> str:
    """The token of this browser's forms; worthless in every other browser, and after signing out."""
    return hmac.new(form_secret().encode(), b"form", hashlib.sha256).hexdigest()


def refuse_forgeries() -> None:
    """`FormRefused` unless a page of ours sent this: by what the browser says of its origin, and by the token."""
    if request.method in {"GET", "HEAD", "OPTIONS"} or request.endpoint in _OPEN:
        return
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    given = request.headers.get(HEADER) or _posted().get(FIELD, "")
    if site != "same-origin" or foreign or not hmac.compare_digest(given.encode(), csrf_token().encode()):
        raise FormRefused(
            "This form was not sent from a page of this registry, or you have signed out meanwhile."
        )


def _posted() -> MultiDict[str, str]:
    try:
        return request.form
    except RequestEntityTooLarge:
        raise TooLarge("The request is larger than what is taken here.") from None


def sent_file(form: Form, name: str) -> bytes:
    """A file that was chosen, or its text that an earlier step carried on; empty if there is neither."""
    upload = request.files.get(name)
    if upload is not None and upload.filename:
        data: bytes = upload.read()
        return data
    return form.values.get(name, "").encode()


@dataclass(slots=True)
class Form:
    """The texts of a form, and a sentence for each field that cannot be taken."""

    values: MultiDict[str, str] = field(default_factory=MultiDict)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def sent(cls) -> Form:
        """The form that this request brings."""
        return cls(_posted())

    @classmethod
    def of(cls, **values: str) -> Form:
        """A form with something entered beforehand."""
        return cls(MultiDict(values))

    def text(self, name: str) -> str:
        """What was entered, without outer blanks; empty if nothing was."""
        return self.values.get(name, "").strip()

    def take(self, name: str, rule: Callable[[str], T], otherwise: str) -> T | None:
        """The field by this rule; if the rule refuses it, `otherwise` is said at the field."""
        try:
            return rule(self.values.get(name, ""))
        except (InvalidInput, ValueError):
            self.errors.setdefault(name, otherwise)
            return None
