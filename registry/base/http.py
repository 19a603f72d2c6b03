"""The furniture of every JSON view: what rooms import to build theirs, and what `create_app` installs once.

For rooms:   Blueprint, require, current_actor, optional_actor, writing, reading, sources, settings, files, part
For the app: install, register_http, make_api
"""

from __future__ import annotations

from typing import Any

import flask_smorest
from flask import Flask, Response, request
from marshmallow import RAISE, Schema, fields
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.routing import BaseConverter, ValidationError

import registry
from registry.base.auth import API_KEY_SCHEME, bearer_key, current_actor, optional_actor, require
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
from registry.base.paging import Page, paginate
from registry.base.problems import from_http, problem, register_problems
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
    "settings",
    "sources",
    "strict_json",
    "writing",
]


class IdConverter(BaseConverter):
    """A public id in a path, `<id(work):public_id>`: 16 bytes for the view. A malformed one is not found."""

    def __init__(self, url_map: Any, noun: str) -> None:
        super().__init__(url_map)
        self.noun = noun

    def to_python(self, value: str) -> bytes:
        """The 16 bytes."""
        try:
            return parse_id(self.noun, value)
        except InvalidInput:
            raise ValidationError from None

    def to_url(self, value: bytes) -> str:
        """The text."""
        return format_id(self.noun, value)


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
    """A room's views. Like flask-smorest's, with the strict reader of arguments."""

    ARGUMENTS_PARSER = _Parser()


class ProblemSchema(Schema):
    """RFC 9457, for the OpenAPI description; `registry.base.problems` builds the documents."""

    type = fields.String(required=True, metadata={"format": "uri-reference"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "Stable; branch on this."})
    request_id = fields.String(metadata={"description": "Tell us this when you report a failure."})
    errors = fields.List(
        fields.Nested(
            Schema.from_dict({"path": fields.String(), "message": fields.String()}, name="FieldError")
        ),
        metadata={"description": "What is wrong, field by field."},
    )
    details = fields.Dict(metadata={"description": "Facts for programs; which ones depends on the code."})


class Api(flask_smorest.Api):
    """flask-smorest's registry of blueprints, answering errors with problems."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: Any) -> Any:
        """As everywhere else."""
        return from_http(error)


def make_api(app: Flask) -> Api:
    """The OpenAPI side of the application: `api.register_blueprint(room.blueprint)`, then GET /v1/openapi.json."""
    app.config.update(
        API_TITLE="Vorbehalt",
        API_VERSION=registry.__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = Api(app)
    api.register_converter(IdConverter, _describe_id)
    api.spec.components.security_scheme(
        API_KEY_SCHEME,
        {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, shown once when it is made by POST /v1/keys.",
        },
    )
    return api


def _describe_id(converter: IdConverter) -> dict[str, str]:
    return {"type": "string", "example": format_id(converter.noun, bytes(16))}


def register_http(app: Flask) -> None:
    """Request ids and log, size limits, response headers, problems, ids in paths; before any blueprint is added."""
    app.url_map.converters["id"] = IdConverter
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields in the order in which schemas name them
    register_telemetry(app)
    register_problems(app)
    app.before_request(_limit_size)
    app.after_request(_harden)


def _limit_size() -> None:
    """Files may be large, JSON may not. A view with other needs sets `request.max_content_length` itself."""
    options = settings()
    large = request.mimetype == "multipart/form-data" or request.mimetype == "application/octet-stream"
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
