"""One table from everything that can go wrong to an RFC 9457 problem (`application/problem+json`).

    {"type": "/problems/conflict", "title": …, "status": 409, "detail": …, "code": "conflict", "request_id": …}

`code` is stable and documented in docs/errors/, `detail` says what to do, `errors` lists fields by their path.
What failed inside is never told: those answers carry the request id, under which our log has the rest.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from marshmallow import ValidationError
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from registry.base.telemetry import request_id
from registry.core import errors

CONTENT_TYPE = "application/problem+json"

#: Every code of the exception tree and its status. A class that is not here has the status of its nearest parent.
STATUS: Mapping[type[errors.VorbehaltError], int] = {
    errors.VorbehaltError: 500,
    errors.InvalidInput: 422,
    errors.UnsupportedMedia: 415,
    errors.TooLarge: 413,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.ChangedMeanwhile: 412,
    errors.VersionRequired: 428,
    errors.RateLimited: 429,
    errors.Corrupt: 500,
    errors.StaleSnapshot: 503,
    errors.TrustRefused: 500,
    errors.VerificationFailed: 422,
    errors.OutputExists: 409,
    errors.NetworkFailed: 502,
    errors.MissingExtra: 501,
    errors.NotReady: 503,
}

#: What HTTP itself refuses: status -> (code, title). Other statuses of 4xx and 5xx get the last two.
HTTP_CODES: Mapping[int, tuple[str, str]] = {
    400: ("input.invalid", "The request breaks a rule of HTTP or JSON; nothing was changed."),
    401: ("auth.required", "No valid credential came with the request."),
    403: ("auth.forbidden", "The actor is known and may not do this."),
    404: ("not-found", "There is no such thing, or the actor may not know that there is."),
    405: ("http.method", "This address does not answer to this method."),
    413: ("media.too-large", "A limit on size was exceeded; the request was not read."),
    415: ("http.content-type", "This address does not take a body of this type."),
    422: ("input.invalid", "The request breaks a rule; nothing was changed."),
    503: ("not-ready", "The service cannot answer safely now."),
}
_HTTP_OTHER = ("http.refused", "The request was refused.")
_INTERNAL = ("internal", "Something failed on our side; nothing was changed.")

_log = logging.getLogger("registry.problems")


def problem(
    status: int, code: str, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """The problem as a response; `more` are further members of the document."""
    document = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code}
    document |= {name: value for name, value in more.items() if value}
    document["request_id"] = request_id()
    response = Response(json.dumps(document, default=str), status, content_type=CONTENT_TYPE)
    response.headers.update(headers or {})
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response.headers.setdefault("Retry-After", "5")
    return response


def status_of(kind: type[errors.VorbehaltError]) -> int:
    """The status that this class of exception has."""
    return next(STATUS[c] for c in kind.__mro__ if c in STATUS)


def from_error(error: errors.VorbehaltError) -> Response:
    """The problem of one of our own exceptions."""
    status = status_of(type(error))
    if status == 500:
        return _internal(error)
    title = (type(error).__doc__ or "").partition("\n")[0]
    wait = error.details.get("retry_after")
    headers = {"Retry-After": str(wait)} if wait is not None else None
    return problem(status, error.code, title, error.message, headers, details=error.details)


def from_validation(error: ValidationError) -> Response:
    """The problem of a document that does not fit its schema, field by field."""
    return _invalid_fields(error.messages)


def from_http(error: HTTPException) -> Any:
    """The problem of an HTTP error; redirects pass as they are."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    messages = (getattr(error, "data", None) or {}).get("messages")
    if messages:
        return _invalid_fields(messages)
    if status >= 500 and status not in HTTP_CODES:
        return problem(status, *_INTERNAL, _TELL_US)
    code, title = HTTP_CODES.get(status, _HTTP_OTHER)
    detail = _http_detail(status) or error.description or HTTPStatus(status).description
    kept = {"Allow", "Retry-After", "Content-Range"}
    headers = {name: value for name, value in error.get_headers() if name in kept}
    return problem(status, code, title, detail, headers)


def from_database(error: SQLAlchemyError) -> Response:
    """A broken constraint contradicts what is recorded; a lock or lost connection passes. Neither says more."""
    if isinstance(error, IntegrityError | StaleDataError):
        _log.info("a constraint refused a write: %s", type(error).__name__, exc_info=error)
        return from_error(
            errors.Conflict("This contradicts what was recorded meanwhile. Read it again and retry.")
        )
    if isinstance(error, DataError):
        _log.info("the database refused a value", exc_info=error)
        return from_error(errors.InvalidInput("A value is out of the range that can be stored."))
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        _log.error("the database cannot be used", exc_info=error)
        return from_error(
            errors.NotReady("The database cannot be used just now. Nothing was changed; try again.")
        )
    return _internal(error)


def register_problems(app: Flask) -> None:
    """Answer with a problem wherever something is raised."""
    app.register_error_handler(errors.VorbehaltError, from_error)
    app.register_error_handler(ValidationError, from_validation)
    app.register_error_handler(SQLAlchemyError, from_database)
    app.register_error_handler(HTTPException, from_http)


def all_codes() -> frozenset[str]:
    """Every code that a problem can have, for the documentation and its test.

    What a program on the user's own side adds to the tree of exceptions is never answered over HTTP.
    """
    own = {c.code for c in _descendants(errors.VorbehaltError) if c.__module__.startswith("registry.")}
    return frozenset(own | {code for code, _ in HTTP_CODES.values()} | {_HTTP_OTHER[0], _INTERNAL[0]})


_TELL_US = "Something failed on our side; nothing was changed. If it happens again, tell us the request_id."


def _internal(error: Exception) -> Response:
    _log.error("a request failed inside", exc_info=error)
    return problem(500, *_INTERNAL, _TELL_US)


def _invalid_fields(messages: Any) -> Response:
    found = [{"path": path, "message": text} for path, text in _flatten(messages)]
    shown = "; ".join(f"{e['path']}: {e['message']}" if e["path"] else e["message"] for e in found[:3])
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return problem(422, *HTTP_CODES[422], f"{shown}{more}", errors=found)


def _flatten(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The nested messages of marshmallow as (dotted path, sentence), without the place (json, query)."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            own = not path and key in {"json", "query", "form", "files", "headers", "path"}
            yield from _flatten(value, path if own or key == "_schema" else (*path, str(key)))
    elif isinstance(messages, list | tuple):
        for value in messages:
            yield from _flatten(value, path)
    else:
        yield ".".join(path), str(messages)


def _http_detail(status: int) -> str | None:
    if status == 404:
        return "There is nothing at this address."
    if status == 405:
        return f"This address does not answer to {request.method}."
    if status == 413:
        return f"The request is larger than the {request.max_content_length} bytes that are taken here."
    return None


def _descendants(kind: type[errors.VorbehaltError]) -> Iterator[type[errors.VorbehaltError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descendants(child)
