"""The OpenAPI 3.1 description: what flask-smorest gathers from the views, completed by what is true of every view.

`describe` is pure, from document to document: the problems that each operation can answer with, the headers of every
answer, the headers that a POST, a PATCH or a reading may send, and an example wherever there is a shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from flask import Flask
from flask_smorest import Api
from marshmallow import Schema, fields
from werkzeug.routing import BaseConverter

import registry
from registry.base.auth import API_KEY_SCHEME
from registry.base.examples import example_of
from registry.base.schemas import Hex, PublicId, Time, id_pattern
from registry.core.ids import format_id

Json = dict[str, Any]

#: An operation's own mark for how its requests are counted; without it they are not.
RATE = "x-rate-limit"

_METHODS = ("get", "post", "put", "patch", "delete")
_WRITES = frozenset({"post", "put", "patch", "delete"})
_PROBLEM = "application/problem+json"

#: status -> (name in the components, when, code of the example)
_PROBLEMS: Mapping[int, tuple[str, str, str]] = {
    400: ("BadRequest", "The request breaks a rule of HTTP or JSON.", "input.invalid"),
    401: ("Unauthenticated", "No valid API key came with the request.", "auth.required"),
    403: ("Forbidden", "The API key, or its party, may not do this.", "auth.forbidden"),
    404: ("NotFound", "There is no such thing, or you may not know that there is.", "not-found"),
    409: ("Conflict", "It contradicts what is recorded.", "conflict"),
    412: ("PreconditionFailed", "It was changed after you read it.", "precondition.failed"),
    413: ("TooLarge", "The body is larger than what is taken here.", "media.too-large"),
    415: ("UnsupportedMediaType", "The body is of a type that is not taken here.", "http.content-type"),
    422: ("Invalid", "The request breaks a rule; `errors` names the fields.", "input.invalid"),
    428: ("PreconditionRequired", "A change needs If-Match.", "precondition.required"),
    429: ("RateLimited", "There were too many requests; wait as `Retry-After` says.", "rate.limited"),
    503: ("NotReady", "The registry cannot answer safely just now; try again.", "not-ready"),
}


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


def configure(app: Flask) -> None:
    """Where the document lies and what it is called."""
    app.config.update(
        API_TITLE="Vorbehalt",
        API_VERSION=registry.__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )


def prepare(api: Api) -> None:
    """Tell it our types of fields and how one authenticates."""
    api.register_field(PublicId, "string", None)
    api.register_field(Hex, "string", None)
    api.register_field(Time, "string", "date-time")
    api.spec.components.security_scheme(
        API_KEY_SCHEME,
        {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, shown once when it is made by POST /v1/keys.",
        },
    )


def describe_id(converter: BaseConverter) -> dict[str, str]:
    """An id in a path."""
    noun: str = converter.noun  # type: ignore[attr-defined]
    return {"type": "string", "pattern": f"^{id_pattern(noun)}$", "example": format_id(noun, bytes(16))}


def describe(gathered: Mapping[str, Any]) -> Json:
    """The complete document."""
    spec = deepcopy(dict(gathered))
    components = spec["components"]
    components["responses"] = {name: _problem(status) for status, (name, _, _) in _PROBLEMS.items()}
    components["headers"] = deepcopy(_HEADERS)
    components["parameters"] = deepcopy(_PARAMETERS)
    for path, method, operation in _operations(spec):
        responses = operation.setdefault("responses", {})
        responses.pop("default", None)
        for status in _statuses(path, method, operation):
            responses[str(status)] = {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"}
        _add_headers(method, operation)
        _add_examples(operation, components["schemas"])
    return spec


def _operations(spec: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _statuses(path: str, method: str, operation: Json) -> list[int]:
    """The problems that this operation can answer with."""
    found = {422, 503}
    if operation.get("security") is not None or operation.get(RATE):
        found |= {401}
    if operation.get("security"):
        found |= {403}
    if "{" in path or method in _WRITES:
        found |= {404}
    if method in _WRITES:
        found |= {409}
    if method == "patch":
        found |= {412, 428}
    if "requestBody" in operation:
        found |= {400, 413, 415}
    if operation.get(RATE):
        found |= {429}
    return sorted(found)


def _problem(status: int) -> Json:
    name, description, code = _PROBLEMS[status]
    example = {
        "type": f"/problems/{code}",
        "title": name,
        "status": status,
        "detail": description,
        "code": code,
        "request_id": "4f6c1f0e8d0b4a7f9d1f5a3f6f0b2c11",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    response: Json = {
        "description": description,
        "content": {_PROBLEM: {"schema": schema, "example": example}},
    }
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return response


# -- headers ------------------------------------------------------------------------------------------------
_HEADERS: Mapping[str, Json] = {
    "ETag": {
        "description": "Names this state of it; send it back as If-None-Match or If-Match.",
        "schema": {"type": "string", "example": '"3f8a1c"'},
    },
    "RateLimit": {
        "description": "What is left (`r`) of each quota, and in how many seconds it is full again (`t`).",
        "schema": {"type": "string", "example": '"check";r=597;t=41'},
    },
    "RateLimit-Policy": {
        "description": "The quotas that this request counts towards: `q` in `w` seconds.",
        "schema": {"type": "string", "example": '"check";q=600;w=60'},
    },
    "Retry-After": {
        "description": "In how many seconds to try again.",
        "schema": {"type": "integer", "example": 41},
    },
    "Idempotency-Replayed": {
        "description": "`true`: the answer that the first request of this key had.",
        "schema": {"type": "string", "example": "true"},
    },
}
_PARAMETERS: Mapping[str, Json] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A random UUID: sent again with the same request within a day, it has the same answer and no "
        "second effect.",
        "schema": {
            "type": "string",
            "minLength": 16,
            "maxLength": 100,
            "pattern": r"^[\x21\x23-\x7e]{16,100}$",
        },
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of what you read.",
        "schema": {"type": "string"},
        "example": '"3f8a1c"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of what you have: 304 if it is still so.",
        "schema": {"type": "string"},
        "example": '"3f8a1c"',
    },
}


def _add_headers(method: str, operation: Json) -> None:
    parameters = operation.setdefault("parameters", [])
    shown = [r for s, r in operation["responses"].items() if s.startswith("2")]
    has_tag = any("application/json" in r.get("content", {}) for r in shown)
    headers = ["RateLimit", "RateLimit-Policy"] if operation.get(RATE) else []
    if method == "get" and has_tag:
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
        operation["responses"]["304"] = {"description": "It is as you have it."}
    if has_tag and (method != "post" or "201" in operation["responses"]):
        headers.append("ETag")
    if method == "post":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
        headers.append("Idempotency-Replayed")
    if method == "patch":
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    for response in shown:
        own = response.setdefault("headers", {})
        own |= {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


# -- examples -----------------------------------------------------------------------------------------------
def _add_examples(operation: Json, schemas: Json) -> None:
    body = operation.get("requestBody", {})
    _exemplify(body.get("content", {}), schemas, sent=True)
    for response in operation["responses"].values():
        _exemplify(response.get("content", {}), schemas, sent=False)


def _exemplify(content: Json, schemas: Json, *, sent: bool) -> None:
    media = content.get("application/json", {})
    if "schema" in media and "example" not in media and "examples" not in media:
        media["example"] = example_of(media["schema"], schemas, sent=sent)
