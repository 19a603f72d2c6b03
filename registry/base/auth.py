"""Who sends this request: the API key in `Authorization: Bearer`, and the scopes that a view demands of it.

Every view under /v1 that is not open to anyone begins with `@require(...)`, placed directly under its route so that
nothing is parsed for somebody who may not ask:

    @blueprint.post("")
    @require(Scope.WORKS_WRITE)
    @blueprint.arguments(NewWork)
    @blueprint.response(201, WorkView)
    def register(data): ...
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import g, request

from registry.base.actor import Actor, Scope
from registry.base.context import context, reading
from registry.core.errors import Forbidden, Unauthenticated

P = ParamSpec("P")
R = TypeVar("R")

#: The name of the security scheme in the OpenAPI description.
API_KEY_SCHEME = "apiKey"

_HOW = "Send your API key in the header “Authorization: Bearer vbk_…”."


def bearer_key(header: str | None) -> str | None:
    """The key in an Authorization header (RFC 6750 section 2.1); `None` without a header."""
    if header is None or not header.strip():
        return None
    scheme, _, key = header.strip().partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or len(key) > 200 or not key.isascii():
        raise Unauthenticated(f"This Authorization header is of no kind that is accepted here. {_HOW}")
    return key


def optional_actor() -> Actor | None:
    """Who sends this request; `None` without a key. A key that is not valid is an error, never “nobody”."""
    if "actor" not in g:
        key = bearer_key(request.headers.get("Authorization"))
        g.actor = None
        if key is not None:
            with reading() as session:
                g.actor = context().authenticate(session, key, context().sources.now())
    return cast("Actor | None", g.actor)


def current_actor() -> Actor:
    """Who sends this request; `Unauthenticated` if nobody says so."""
    actor = optional_actor()
    if actor is None:
        raise Unauthenticated(f"This needs an account. {_HOW}")
    return actor


def check_scopes(actor: Actor, scopes: frozenset[Scope]) -> None:
    """`Forbidden` names each scope that the actor's key lacks."""
    missing = sorted(scopes - actor.scopes)
    if missing:
        raise Forbidden(
            f"This API key may not do this: it lacks {', '.join(missing)}. Create a key that has it.",
            missing=[str(s) for s in missing],
        )


def require(*scopes: Scope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The view is for authenticated parties whose key has all these scopes; said in the OpenAPI description too."""
    needed = frozenset(scopes)

    def decorator(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            check_scopes(current_actor(), needed)
            return view(*args, **kwargs)

        described: dict[str, Any] = deepcopy(getattr(view, "_apidoc", {}))
        manual = described.setdefault("manual_doc", {})
        manual["security"] = [{API_KEY_SCHEME: sorted(needed)}]
        wrapper._apidoc = described  # type: ignore[attr-defined]  # where flask-smorest keeps it
        wrapper.scopes = needed  # type: ignore[attr-defined]  # for what must know before the view runs
        return wrapper

    return decorator
