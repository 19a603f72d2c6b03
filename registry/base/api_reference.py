"""The OpenAPI description as a page that people read: pure, from the document to Markdown.

`docs/reference/api.md` is this page as of the release, `/v1/docs` the same page for the server that answers. One room
after the other, each endpoint with who may call it, what it takes and what it answers; shared shapes at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_COMMON = {"limit", "after", "Idempotency-Key", "If-None-Match"}  # explained once, at the top

_HEAD = """\
# The API

Every address below lies under the address of a registry. The machine-readable description (OpenAPI 3.1) is at
`/v1/openapi.json`, this page for the running server at `/v1/docs`.

- **Who calls.** Send an API key as `Authorization: Bearer vbk_…`. An endpoint says which scope the key needs; where it
  says *anyone*, no key is needed.
- **Ids** are the noun and 26 characters, such as `work_5f0c4y…`. They carry no meaning and are never used twice.
- **Times** are RFC 3339 in UTC, as in `2026-11-22T08:00:00Z`. Spans include their beginning and not their end.
- **Money** is whole minor units with a currency: `40` and `EUR` are 40 cents. There are no fractions.
- **Names** in braces, as in `/v1/works/{public_id}`, stand for an id.
- **Bodies** are JSON with the header `Content-Type: application/json`. A field that is not listed is refused, so that a
  typing error is never silently ignored.
- **Lists** come in pages: `{"items": […], "next": "work_…"}`. Ask again with `?after=` and that id until `next` is
  null; `?limit=` says how many items a page has (50, at most 500).
- **Repeat safely.** Send a random UUID as `Idempotency-Key` with a POST: the same request sent again within a day has
  the same answer (`Idempotency-Replayed: true`) and no second effect.
- **Do not overwrite.** Answers that can change carry an `ETag`: as `If-None-Match` it saves fetching what you have
  (304), as `If-Match` it keeps a change from undoing somebody else's.
- **Quotas** count requests by API key or address: `RateLimit-Policy` says which there are, `RateLimit` what is left of
  them; a 429 says in `Retry-After` when to go on.
- **Errors** are problems (RFC 9457, `application/problem+json`) with a stable `code`:
  [all codes](../errors/README.md).
"""


def reference(spec: Json) -> str:
    """The whole page, from an OpenAPI 3.1 document."""
    schemas = spec.get("components", {}).get("schemas", {})
    rooms = {tag["name"]: (tag.get("description", ""), list[str]()) for tag in spec.get("tags", [])}
    shown: list[str] = []
    for method, path, operation in operations(spec):
        tag = (operation.get("tags") or ["other"])[0]
        rooms.setdefault(tag, ("", []))[1].append(_endpoint(method, path, operation, schemas, shown))
    parts = [_HEAD, _overview(spec)]
    for name, (description, endpoints) in rooms.items():
        if endpoints:
            opening = f"## {name.capitalize()}\n" + (f"\n{_sentence(description)}\n" if description else "")
            parts += [opening, *endpoints]
    parts.append("## Shapes\n\nWhat the answers, and the parts of bodies, are made of.\n")
    parts += _shapes(schemas, shown)
    return "\n".join(parts)


def operations(spec: Json) -> Iterator[tuple[str, str, Json]]:
    """(METHOD, path, operation) of every endpoint, in the document's order; all its parameters are spelled out."""
    known = spec.get("components", {}).get("parameters", {})
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = dict(item[method])
                parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
                operation["parameters"] = [known[_name(p["$ref"])] if "$ref" in p else p for p in parameters]
                yield method.upper(), path, operation


def _overview(spec: Json) -> str:
    """Every endpoint in a line, linked to its section."""
    rows = [
        (f"[`{method} {path}`](#{_anchor(method, path)})", _sentence(operation.get("summary", "")))
        for method, path, operation in operations(spec)
    ]
    return "\n".join(["## All endpoints", "", *_table(("endpoint", ""), rows)])


def _anchor(method: str, path: str) -> str:
    """How viewers of Markdown name the heading of an endpoint: lower case, without signs."""
    kept = "".join(c for c in f"{method} {path}".lower() if c.isalnum() or c in "-_ ")
    return kept.replace(" ", "-")


# -- one endpoint ------------------------------------------------------------------------------------------
def _endpoint(method: str, path: str, operation: Json, schemas: Json, shown: list[str]) -> str:
    lines = [f"### `{method} {path}`", "", _sentence(operation.get("summary", "")), ""]
    if description := operation.get("description"):
        lines += [description.strip(), ""]
    quota = f"; quota `{operation['x-rate-limit']}`" if "x-rate-limit" in operation else ""
    lines += [f"*Who:* {_who(operation.get('security'))}{quota}", ""]
    lines += _parameters(operation["parameters"])
    lines += _body(operation.get("requestBody"), schemas, shown)
    answers = [
        _answer(status, response, schemas, shown)
        for status, response in sorted(operation.get("responses", {}).items())
        if status.startswith("2") and "$ref" not in response
    ]
    if answers:
        lines += [f"*Answers:* {'; '.join(answers)}", ""]
    for response in operation.get("responses", {}).values():
        lines += _fields(response.get("content", {}).get("application/json", {}).get("schema", {}), shown)
    return "\n".join(lines)


def _who(security: list[Json] | None) -> str:
    if not security:
        return "anyone"
    scopes = [scope for requirement in security for needed in requirement.values() for scope in needed]
    optional = ", or none" if {} in security else ""
    if not scopes:
        return f"any API key{optional}"
    return f"an API key with the scope {' or '.join(f'`{s}`' for s in scopes)}{optional}"


def _parameters(parameters: list[Json]) -> list[str]:
    """All but those in the path and those that many endpoints have."""
    rows = [
        (f"`{p['name']}`", p["in"] if p.get("required") else f"{p['in']}, optional", _describe(p))
        for p in parameters
        if p["in"] != "path" and p["name"] not in _COMMON
    ]
    return _table(("parameter", "where", ""), rows)


def _describe(parameter: Json) -> str:
    meaning = _meaning(parameter.get("schema", {}))
    return "; ".join(filter(None, (parameter.get("description", ""), meaning)))


def _body(body: Json | None, schemas: Json, shown: list[str]) -> list[str]:
    """Each kind of body; a JSON object with its fields, in place."""
    lines: list[str] = []
    for media_type, content in (body or {}).get("content", {}).items():
        schema = content.get("schema", {})
        resolved = schemas[_name(schema["$ref"])] if "$ref" in schema else schema
        lines += [
            f"*Body* (`{media_type}`):" if resolved.get("properties") else f"*Body:* `{media_type}`",
            "",
        ]
        if description := resolved.get("description") or (body or {}).get("description"):
            lines += [description, ""]
        lines += _fields(resolved, shown)
    return lines


def _page(schema: Json, schemas: Json, shown: list[str]) -> str | None:
    """What a page of a list is made of; `None` for any other answer."""
    fields = schemas[_name(schema["$ref"])].get("properties", {}) if "$ref" in schema else {}
    return f"a page of {_type(fields['items']['items'], shown)}" if set(fields) == {"items", "next"} else None


def _answer(status: str, response: Json, schemas: Json, shown: list[str]) -> str:
    text = f"`{status}`"
    description = response.get("description", "")
    for media_type, content in response.get("content", {}).items():
        schema = content.get("schema", {})
        made_of = _page(schema, schemas, shown) or (_type(schema, shown) if schema else "")
        made_of = "" if schema.get("properties") else made_of  # its table follows
        if media_type != "application/json":
            made_of = f"`{media_type}`"
        text += f" {made_of}" if made_of else ""
    plain = {"OK", "Created", "Accepted", "No Content", ""}
    return text if description in plain else f"{text}: {description.rstrip('.')}"


# -- shapes ------------------------------------------------------------------------------------------------
def _shapes(schemas: Json, shown: list[str]) -> Iterator[str]:
    """Every shape that was referred to, also by another shape, by name."""
    known: dict[str, str] = {}
    while waiting := [name for name in dict.fromkeys(shown) if name not in known]:
        for name in waiting:
            schema = schemas[name]
            text = [f"### {name}", ""]
            if "description" in schema:
                text += [schema["description"], ""]
            known[name] = "\n".join([*text, *_fields(schema, shown)])
    for name in sorted(known, key=str.lower):
        yield known[name]


def _fields(schema: Json, shown: list[str]) -> list[str]:
    """The table of a shape; nothing for one that has no fields of its own."""
    rows = list(_rows(schema, "", shown))
    lines = _table(("field", "type", ""), rows)
    return [*lines, "\\* must be given", ""] if schema.get("required") and rows else lines


def _rows(schema: Json, before: str, shown: list[str]) -> Iterator[tuple[str, str, str]]:
    """A row a field; those of an object inside, or inside a list, follow with the path to them."""
    for name, field in schema.get("properties", {}).items():
        star = " *" if name in schema.get("required", ()) else ""
        meaning = "; ".join(filter(None, (field.get("description", "").rstrip("."), _meaning(field))))
        yield f"`{before}{name}`{star}", _type(field, shown), meaning
        yield from _rows(field, f"{before}{name}.", shown)
        yield from _rows(field.get("items", {}), f"{before}{name}[].", shown)


def _type(schema: Json, shown: list[str]) -> str:
    """The type in a word or two; a shape as a link to its table."""
    if "$ref" in schema:
        name = _name(schema["$ref"])
        shown.append(name)
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(_type(part, shown) for part in schema[several])
    kinds = schema.get("type", "string" if "enum" in schema else "any")
    names = [kinds] if isinstance(kinds, str) else kinds
    if "array" in names:
        inner = _type(schema.get("items", {}), shown)
        names = [f"list of {inner}" if kind == "array" else kind for kind in names]
    if schema.get("format") in {"date-time", "binary"}:
        word = {"date-time": "time", "binary": "file"}[schema["format"]]
        names = [word if kind == "string" else kind for kind in names]
    example = schema.get("example")
    if isinstance(example, str) and example.endswith("_" + "0" * 26):
        names = [f"`{example[:-26]}…`" if kind == "string" else kind for kind in names]
    return " or ".join(names)


def _meaning(schema: Json) -> str:
    """Choices, bounds and the default, as far as they say something."""
    said: list[str] = []
    choices = schema.get("enum") or schema.get("items", {}).get("enum")
    if choices:
        said.append(", ".join(f"`{c}`" for c in choices if c is not None))
    bounds = (
        ("minimum", "at least {}"),
        ("maximum", "at most {}"),
        ("maxLength", "at most {} characters"),
        ("maxItems", "at most {} of them"),
    )
    said += [words.format(f"{schema[key]:,}") for key, words in bounds if key in schema]
    default = schema.get("default")
    if default not in (None, [], {}, ""):
        shown = str(default).lower() if isinstance(default, bool) else default
        said.append(f"default `{', '.join(map(str, shown)) if isinstance(shown, list) else shown}`")
    return "; ".join(said)


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[1]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text[-1:] in ".?!…" else f"{text}."  # also nothing at all, when there is nothing to say


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    escaped = (tuple(" ".join(cell.replace("|", "\\|").split()) for cell in row) for row in rows)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in escaped), ""]
