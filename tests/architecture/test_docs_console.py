"""Each command in the documentation could be typed as it stands: its name, options, addresses and bodies exist."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from crawler.cli import cli as lab
from registry.base.api_reference import operations
from registry.cli import cli as operator
from tests.support import api_page
from tests.support.consoles import PAGES, ROOT, Line, lines

LINES = [line for page in PAGES for line in lines(page)]
OURS = {"vorbehalt": lab, "vorbehalt-server": operator, "vorbehalt-admin": operator}
#: What else a reader is asked to type; each takes files or names that are checked where they are ours.
# fmt: off
SYSTEM = {
    "adduser", "apt-get", "cd", "certbot", "cp", "createdb", "createuser", "export", "find", "git", "head", "install",
    "ls", "nginx", "openssl", "podman", "printf", "python3", "rm", "sed", "set", "sha256sum", "sort", "systemctl",
    "umount", "xargs", ".",
}
# fmt: on
PLAIN_ADDRESSES = {"/healthz", "/readyz", "/v1/openapi.json"}


@pytest.mark.parametrize("line", LINES, ids=str)
def test_it_can_be_typed(line: Line) -> None:
    """By what kind of command it is."""
    for command, *arguments in line.commands():
        name = Path(command).name if command.startswith("/opt/vorbehalt/") else command
        if name in OURS:
            _parse(OURS[name], arguments)
        elif name == "curl":
            _curl(arguments)
        elif name == "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
            assert {a for a in arguments if "=" not in a} <= set(targets)
        elif name == "pip":
            _pip(arguments)
        elif name.endswith(".sh"):
            assert (ROOT / "deploy" / name).is_file()
        else:
            assert name in SYSTEM, f"{name} is not known here"
        for argument in arguments:
            if argument.startswith("deploy/") and "*" not in argument:
                assert (ROOT / argument).exists(), argument
        if name == "systemctl":
            units = {path.name for path in (ROOT / "deploy/systemd").iterdir()}
            named = {a for a in arguments if a.startswith("vorbehalt")}
            assert {a if "." in a else f"{a}.service" for a in named} <= units


def test_there_is_something_to_type() -> None:
    """The pages' blocks were found at all."""
    assert len(LINES) > 60


_SERVER = "https://registry.example"
_MAKE_KEY = f"curl -s {_SERVER}/v1/keys --json"


@pytest.mark.parametrize(
    "text",
    [
        "vorbehalt fliter data --out run --snapshot vb",
        "vorbehalt sync --server URL --snapshot vb --pin abc",
        "vorbehalt claim run --server URL",
        "vorbehalt-server settle",
        "make everything",
        "pip install 'vorbehalt[all]'",
        "deploy/destroy.sh",
        f"curl -s {_SERVER}/v1/work",
        f"curl -s {_SERVER}/v1/works",
        f"curl -s -X PUT {_SERVER}/v1/accounts/me -H 'Authorization: Bearer $KEY'",
        f"curl -s '{_SERVER}/v1/offers?colour=red'",
        f"""{_MAKE_KEY} '{{"name": "x"}}'""",
        f"""{_MAKE_KEY} '{{"name": "x", "scopes": ["check"], "colour": "red"}}'""",
        f"""{_MAKE_KEY} '{{"name": "x", "scopes": ["chekc"]}}'""",
        f"""{_MAKE_KEY} '{{"name": "x", "scopes": "check"}}'""",
        f"""{_MAKE_KEY} '{{"name": "x", "scopes": ["check"'""",
    ],
)
def test_a_mistake_would_be_found(text: str) -> None:
    """In a command, an option, an address, a parameter, a field."""
    with pytest.raises((AssertionError, click.ClickException, json.JSONDecodeError)):
        test_it_can_be_typed(Line(ROOT / "README.md", "$", text))


def _parse(command: click.Command | None, arguments: list[str]) -> None:
    """As the command line itself reads it: options, their values, and that nothing is missing. Nothing is run."""
    rest = arguments
    while isinstance(command, click.Group):
        _, command, rest = command.resolve_command(click.Context(command), rest)
    assert command is not None
    command.make_context(command.name, list(rest))


def _pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for wanted in arguments:
        if match := re.fullmatch(r"(?:vorbehalt|\.)\[(\w+)\]", wanted):
            assert match[1] in extras
    if "-c" in arguments:
        assert (ROOT / arguments[arguments.index("-c") + 1]).is_file()


# -- curl ---------------------------------------------------------------------------------------------------
@cache
def _specification() -> dict[str, Any]:
    return api_page.specification()


def _curl(arguments: list[str]) -> None:
    (address,) = (a for a in arguments if a.startswith("http"))
    parts = urlsplit(address)
    body = arguments[arguments.index("--json") + 1] if "--json" in arguments else None
    method = arguments[arguments.index("-X") + 1] if "-X" in arguments else ("POST" if body else "GET")
    if parts.path in PLAIN_ADDRESSES:
        return
    found = [o for m, path, o in operations(_specification()) if m == method and _is(path, parts.path)]
    assert found, f"{method} {parts.path} is no endpoint"
    assert set(parse_qs(parts.query)) <= {p["name"] for p in found[0]["parameters"]}
    key_is_sent = any(a.startswith("Authorization: Bearer $") for a in arguments)
    security = found[0].get("security") or [{}]
    assert key_is_sent or {} in security, "it needs an API key"
    if body is not None:
        schema = found[0]["requestBody"]["content"]["application/json"]["schema"]
        assert list(_faults(json.loads(body), schema, "body")) == []


def _is(template: str, path: str) -> bool:
    pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
    return re.fullmatch(pattern, path) is not None


def _faults(value: Any, schema: Mapping[str, Any], place: str) -> list[str]:
    """What is wrong with a body: unknown and missing fields, wrong choices and kinds. A text with … stands for any."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _faults(value, _specification()["components"]["schemas"][name], place)
    if isinstance(value, str) and ("…" in value or "$" in value):
        return []
    if "enum" in schema and value not in schema["enum"]:
        return [f"{place}: {value!r} is none of {schema['enum']}"]
    if isinstance(value, dict) and "properties" in schema:
        missing = [f"{place}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        unknown = [f"{place}.{name} is unknown" for name in value if name not in schema["properties"]]
        inner = ((n, v) for n, v in value.items() if n in schema["properties"])
        return (
            missing
            + unknown
            + [f for n, v in inner for f in _faults(v, schema["properties"][n], f"{place}.{n}")]
        )
    if isinstance(value, list) and "items" in schema:
        return [f for n, v in enumerate(value) for f in _faults(v, schema["items"], f"{place}[{n}]")]
    kinds = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}
    wanted = schema.get("type", [])
    known = [kinds[k] for k in ([wanted] if isinstance(wanted, str) else wanted) if k in kinds]
    return [] if not known or isinstance(value, tuple(known)) else [f"{place}: {value!r} is no {wanted}"]
