"""The OpenAPI document: valid, complete, with examples that fit their own schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from registry.base.openapi import RATE
from tests.functional.conftest import Client

#: Addresses that are no part of the described interface: for machines that watch, and the document itself.
_UNDESCRIBED = {"/v1/openapi.json", "/v1/docs"}


@pytest.fixture
def spec(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/v1/openapi.json").json
    return document


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            yield method, path, item[method]


def test_it_is_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(spec).validate()


def test_every_view_under_v1_is_described(app: Flask, spec: dict[str, Any]) -> None:
    described = {(m.upper(), p) for m, p, _ in operations(spec)}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/") and rule.rule not in _UNDESCRIBED:
            path = "".join(f"{{{p}}}" if dynamic else p for dynamic, p in rule._trace).lstrip("|")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert (method, path) in described


def test_every_operation_says_who_what_and_how_it_fails(spec: dict[str, Any]) -> None:
    for method, path, operation in operations(spec):
        responses = operation["responses"]
        where = f"{method} {path}"
        assert operation["summary"], where
        assert any(status.startswith("2") for status in responses), where
        assert {"422", "503"} <= responses.keys(), where
        if operation.get("security"):
            assert {"401", "403"} <= responses.keys(), where
        if "{" in path:
            assert "404" in responses, where
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= responses.keys(), where
        if operation.get(RATE):
            assert "429" in responses, where
        assert "default" not in responses, where


def test_problems_are_described_as_problems(spec: dict[str, Any]) -> None:
    for name, response in spec["components"]["responses"].items():
        (media_type,) = response["content"]
        assert media_type == "application/problem+json", name
        assert response["content"][media_type]["example"]["code"], name


def test_every_post_takes_an_idempotency_key_and_every_patch_a_version(spec: dict[str, Any]) -> None:
    for method, path, operation in operations(spec):
        references = {p.get("$ref", "").rsplit("/", 1)[-1] for p in operation.get("parameters", [])}
        assert ("IdempotencyKey" in references) == (method == "post"), path
        assert ("IfMatch" in references) == (method == "patch"), path


def test_examples_fit_their_schemas(spec: dict[str, Any]) -> None:
    """Each body and each answer of JSON has one."""
    registry: Registry[Any] = Registry().with_resource(
        "spec:", Resource.from_contents(spec, default_specification=DRAFT202012)
    )
    for method, path, operation in operations(spec):
        shapes = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in (s.get("content", {}).get("application/json", {}) for s in shapes):
            if "schema" in media:
                assert "example" in media, f"{method} {path}"
                schema = _absolute(media["schema"])
                OAS31Validator(schema, registry=registry).validate(media["example"])


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {k: f"spec:{v}" if k == "$ref" else _absolute(v) for k, v in schema.items()}
    return [_absolute(part) for part in schema] if isinstance(schema, list) else schema
