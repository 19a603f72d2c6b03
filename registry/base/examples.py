"""An example for every shape of the API, made from its schema: pure, the same in every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What people would write in fields of these names.
_WRITTEN: Mapping[str, Any] = {
    "algorithm": "image.phash256.v1",
    "code": "ab" * 32,
    "currency": "EUR",
    "email": "anna@example.org",
    "hashes": ["ab" * 32],
    "kind": "full",
    "media_type": "image/jpeg",
    "message": "We train a small model on pictures of birds.",
    "name": "Anna",
    "password": "seven quiet herons",
    "period": "2026-Q4",
    "source_urls": ["https://example.org/dunes.jpg"],
    "territory": "world",
    "title": "Dunes at dawn",
    "tool": "Blender 5",
    "url": "https://example.org/dunes.jpg",
    "value": "9783161484100",
    "version": "1",
}
_FORMATS: Mapping[str, str] = {
    "date-time": "2026-11-22T08:00:00Z",
    "uri-reference": "/problems/conflict",
    "binary": "",
}


def example_of(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], *, sent: bool = False, name: str = ""
) -> Any:
    """A value of this schema. `sent` leaves out what a sender may leave out; `name` is the field's."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, sent=sent, name=name)
    if "example" in schema:
        return schema["example"]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example_of(schema[several][0], schemas, sent=sent, name=name)
    if "enum" in schema:
        return next(value for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null")
    if kind == "object":
        return _object(schema, schemas, sent=sent)
    if kind == "array":
        known = _WRITTEN.get(name)
        return known if isinstance(known, list) else [example_of(schema.get("items", {}), schemas, sent=sent)]
    return _scalar(kind, schema, name)


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], *, sent: bool) -> dict[str, Any]:
    fields = schema.get("properties", {})
    needed = set(schema.get("required", ())) if sent else set(fields)
    return {
        name: example_of(field, schemas, sent=sent, name=name)
        for name, field in fields.items()
        if name in needed
    }


def _scalar(kind: str, schema: Mapping[str, Any], name: str) -> Any:
    if kind == "boolean":
        return False
    if kind in {"integer", "number"}:
        return max(1, schema.get("minimum", 1))
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "pattern" in schema and "0-9a-f" in schema["pattern"]:
        return "ab" * 32
    known = _WRITTEN.get(name, "…")
    return known if isinstance(known, str) else "…"
