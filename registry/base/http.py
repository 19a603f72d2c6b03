"""The furniture of every JSON view: what rooms import to build theirs, and what `create_app` installs once.

For rooms:   Blueprint, require, current_actor, optional_actor, writing, reading, sources, settings, files, part
For the app: install, register_http, make_api
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any

import flask_smorest
from flask import Flask, Response, request
from marshmallow import RAISE, Schema
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.routing import BaseConverter, ValidationError

from registry.base.auth import bearer_key, current_actor, optional_actor, require
from registry.base.context import (
    Context,
    context,
    database,
    files,
    install,
    part,
    reading,
    settings,
    sources,
    writing,
)
from registry.base.etags import add_validators, require_match
from registry.base.health import register_health
from registry.base.idempotency import once
from registry.base.metrics import register_metrics
from registry.base.openapi import RATE, ProblemSchema, configure, describe, describe_id, prepare
from registry.base.paging import Page, paginate
from registry.base.problems import from_http, problem, register_problems
from registry.base.ratelimits import Rate, register_rate_limits, spend
from registry.base.schemas import id_pattern
from registry.base.strictness import strict_json
from registry.base.telemetry import register_telemetry
from registry.core.errors import InvalidInput
from registry.core.ids import format_id, parse_id

__all__ = [
    "Api",
    "Blueprint",
    "Context",
    "Page",
    "ProblemSchema",
    "Rate",
    "bearer_key",
    "context",
    "current_actor",
    "database",
    "files",
    "install",
    "make_api",
    "optional_actor",
    "paginate",
    "part",
    "problem",
    "reading",
    "register_http",
    "register_problems",
    "require",
    "require_match",
    "settings",
    "sources",
    "spend",
    "strict_json",
    "writing",
]


class IdConverter(BaseConverter):
    """A public id in a path, `<id(work):public_id>`: 16 bytes for the view. A malformed one is not found."""

    def __init__(self, url_map: Any, noun: str) -> None:
        super().__init__(url_map)
        self.noun = noun
        self.regex = id_pattern(noun)  # so that what cannot be an id is no address, whatever the method

    def to_python(self, value: str) -> bytes:
        """The 16 bytes."""
        try:
            return parse_id(self.noun, value)
        except InvalidInput:
            raise ValidationError from None

    def to_url(self, value: bytes) -> str:
        """The text."""
        return format_id(self.noun, value)


class RunConverter(BaseConverter):
    """A run's id in a path, `<run:run_id>`: 64 hexadecimal digits."""

    regex = "[0-9a-f]{64}"


class _Parser(FlaskParser):
    """Reads arguments strictly: a body must say that it is JSON, and a query has no unknown parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE, "json": RAISE}

    def load_json(self, req: Any, schema: Schema) -> Any:  # noqa: ARG002 - webargs' signature
        """The JSON body, or `missing` if there is none."""
        data = req.get_data(cache=True)
        if not data:
            return missing
        if not req.is_json:
            raise UnsupportedMediaType("Send JSON, with the header “Content-Type: application/json”.")
        return strict_json(data)


class Blueprint(flask_smorest.Blueprint):
    """A room's views. Like flask-smorest's, with the strict reader of arguments, and for every view:

    - its requests are counted (`rate`): as reading or writing, unless the view or the whole blueprint says otherwise;
    - a POST has its effect once for each Idempotency-Key (`repeatable`: see `registry.base.idempotency.once`).
    """

    ARGUMENTS_PARSER = _Parser()

    def __init__(self, *args: Any, rate: Rate | None = None, limited: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        self._rate, self._limited = rate, limited

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        *args: Any,
        rate: Rate | None = None,
        repeatable: bool = False,
        **options: Any,
    ) -> None:
        """Add a view, with what every view has around it."""
        assert view_func is not None
        name = endpoint or view_func.__name__
        reads = "GET" in options.get("methods", ("GET",))
        if "POST" in options.get("methods", ()):
            view_func = once(view_func, repeatable=repeatable)
        if self._limited:
            view_func = _counted(view_func, rate or self._rate or (Rate.READ if reads else Rate.WRITE))
        super().add_url_rule(rule, name, view_func, *args, **options)


def _counted(view: Callable[..., Any], rate: Rate) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        spend(rate)
        return view(*args, **kwargs)

    wrapper._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]  # flask-smorest's place
    wrapper._apidoc.setdefault("manual_doc", {})[RATE] = rate.value  # type: ignore[attr-defined]
    return wrapper


class Api(flask_smorest.Api):
    """flask-smorest's registry of blueprints, answering errors with problems."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: Any) -> Any:
        """As everywhere else."""
        return from_http(error)

    def _openapi_json(self) -> Response:
        """GET /v1/openapi.json."""
        return Response(json.dumps(describe(self.spec.to_dict())), content_type="application/json")


def make_api(app: Flask) -> Api:
    """The OpenAPI side of the application: `api.register_blueprint(room.blueprint)`, then GET /v1/openapi.json."""
    configure(app)
    api = Api(app)
    api.register_converter(IdConverter, describe_id)
    api.register_converter(RunConverter, lambda _: {"type": "string", "pattern": "^[0-9a-f]{64}$"})
    prepare(api)
    return api


def register_http(app: Flask) -> None:
    """Request ids and log, size limits, response headers, problems, ids in paths; before any blueprint is added."""
    app.url_map.converters |= {"id": IdConverter, "run": RunConverter}
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields in the order in which schemas name them
    register_telemetry(app)
    register_problems(app)
    register_rate_limits(app)
    register_metrics(app)
    register_health(app)
    app.before_request(_refuse_packed)
    app.before_request(_limit_size)
    app.after_request(_harden)
    app.after_request(add_validators)


_LARGE = frozenset(
    {
        "multipart/form-data",
        "application/octet-stream",
        "application/jsonl",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
    }
)


def _refuse_packed() -> None:
    """Nothing here unpacks a body. Read as it came, it would be refused for reasons that mislead."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType(
            "Send the body as it is, without the header Content-Encoding: this server unpacks none."
        )


def _limit_size() -> None:
    """Files may be large, JSON may not. A view with other needs sets `request.max_content_length` itself."""
    options = settings()
    large = request.mimetype in _LARGE
    request.max_content_length = options.max_upload_bytes if large else options.max_json_bytes


def _harden(response: Response) -> Response:
    """JSON is data: nothing may run, frame, sniff or keep it. Pages and static files set their own policy."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    if (response.mimetype or "").endswith("json"):
        headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        headers.setdefault("Cache-Control", "no-store")
    if "Authorization" in request.headers:
        headers.setdefault("Cache-Control", "no-store")
        response.vary.add("Authorization")
    return response
