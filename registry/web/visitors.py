"""Who looks at a page: the cookie of a session, kept from scripts and from other sites.

`HttpOnly` and `SameSite=Lax` always; over https also `Secure` and the prefix `__Host-`, so that no neighbouring host
can set it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from flask import g, redirect, request, url_for
from werkzeug.wrappers import Response

from registry.base.actor import Actor, Role
from registry.base.context import reading, settings, sources, writing
from registry.core.errors import Forbidden
from registry.parties import service as parties

P = ParamSpec("P")
R = TypeVar("R")

_SESSION = "vorbehalt"
_FORM = "vorbehalt-form"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in."""

    actor: Actor
    name: str
    session: bytes
    """Public id of the session."""
    unconfirmed: bool = False
    """Whether the address waits to be confirmed, at a registry that can ask for it."""

    @property
    def role(self) -> str:
        """For templates."""
        return self.actor.role.value


def visitor() -> Visitor | None:
    """Who looks at this page; `None` if nobody is signed in."""
    if "visitor" not in g:
        g.visitor = _recognise(cookie(_SESSION))
    return cast("Visitor | None", g.visitor)


def current_visitor() -> Visitor:
    """Who looks at a page that only opens to people who are signed in."""
    found = visitor()
    if found is None:
        raise AssertionError("the view lacks @signed_in")
    return found


def signed_in(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """The page is for accounts of these roles, or of any; who is not signed in is asked to, and comes back."""

    def decorator(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            found = visitor()
            if found is None:
                back = request.full_path.rstrip("?") if request.method == "GET" else None
                return redirect(url_for("entry.sign_in", next=back), 303)
            if roles and found.actor.role not in roles:
                raise Forbidden(f"{found.actor.role.one} has no such page.")
            return view(*args, **kwargs)

        return wrapper

    return decorator


def begin(actor: Actor, how: str) -> None:
    """Sign somebody in: a new session, whose cookie goes out with this answer."""
    with writing() as session:
        device = request.headers.get("User-Agent", "")
        _, token = parties.open_session(session, actor, how, device, sources())
    g.new_cookies = {_SESSION: token, _FORM: None}


def end() -> None:
    """Sign the visitor out."""
    found = visitor()
    if found is not None:
        with writing() as session:
            parties.end_session(session, found.actor, found.session, sources().now())
    take_cookie()


def take_cookie() -> None:
    """Take the cookie of a session away that is no more."""
    g.new_cookies = {_SESSION: None}


def form_secret() -> str:
    """What the tokens of this browser's forms are derived from: its session, or before that a cookie of their own."""
    known = cookie(_SESSION) if visitor() is not None else cookie(_FORM)
    if not known:
        known = g.get("form_secret") or secrets.token_urlsafe(32)
        g.form_secret = known
        g.setdefault("new_cookies", {})[_FORM] = known
    return known


def cookie(name: str) -> str | None:
    """The value of one of our cookies."""
    return request.cookies.get(_name(name))


def keep_cookies(response: Response) -> None:
    """Send what this request has set or taken away."""
    for name, value in g.get("new_cookies", {}).items():
        response.set_cookie(
            _name(name),
            value or "",
            max_age=(parties.SESSION_LONGEST if name == _SESSION else None) if value else 0,
            path="/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )


def _name(name: str) -> str:
    return f"__Host-{name}" if request.is_secure else name


def _recognise(token: str | None) -> Visitor | None:
    if not token:
        return None
    now = sources().now()
    with reading() as session:
        row = parties.session_of(session, token, now)
        if row is None:
            return None
        party = row.party
        unconfirmed = party.email is not None and party.email_confirmed_at is None and settings().sends_mail
        found = Visitor(parties.actor_of(party), party.name, row.public_id, unconfirmed)
    if now - row.seen_at >= parties.SESSION_SEEN_EVERY:
        with writing() as session:
            parties.note_use(session, row.id, now)
    return found
