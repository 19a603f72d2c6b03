"""What every view has: problems instead of tracebacks, limits, request ids, headers; shown on views made to fail."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort, redirect, request
from marshmallow import fields
from sqlalchemy import text

from registry.app import create_app
from registry.base.http import Api, Blueprint, make_api, part, require, sources, writing
from registry.base.problems import STATUS, all_codes, status_of
from registry.base.schemas import Strict
from registry.base.settings import Settings
from registry.core import errors
from tests.functional.conftest import Account, Client, log_kept

blueprint = Blueprint("failing", __name__, url_prefix="/v1/failing")
RAISED: dict[str, BaseException] = {}


class Body(Strict):
    """One required field."""

    number = fields.Integer(required=True, strict=True)


@blueprint.post("")
@blueprint.arguments(Body)
@blueprint.response(200, Body)
def echo(data: dict[str, Any]) -> Any:
    return data


@blueprint.get("/raise")
def fail() -> Any:
    raise RAISED["now"]


@blueprint.get("/abort/<int:status>")
def give_up(status: int) -> Any:
    abort(status)


@blueprint.get("/sql")
def query() -> Any:
    with writing() as session:
        session.execute(text(request.args["q"]))
    return {}


@blueprint.get("/part")
def missing_part() -> Any:
    return {"found": str(part(bytearray))}


@blueprint.get("/redirect")
def elsewhere() -> Any:
    return redirect("/v1/failing/part")


@blueprint.post("/upload")
def upload() -> Any:
    return {"bytes": sum(len(f.read()) for f in request.files.values())}


@blueprint.get("/private")
@require()
def private() -> Any:
    return {"now": sources().now().isoformat()}


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application with the failing views."""
    with log_kept():
        app = create_app(Settings(tmp_path_factory.mktemp("nowhere")))
    app.extensions["flask-smorest"]["apis"][""]["ext_obj"].register_blueprint(blueprint)
    return app


def raised(client: Client, error: BaseException) -> Any:
    RAISED["now"] = error
    return client.get("/v1/failing/raise")


def every_error() -> list[type[errors.VorbehaltError]]:
    found = [errors.VorbehaltError]
    for kind in found:
        found.extend(kind.__subclasses__())
    ours = [kind for kind in found if kind.__module__.startswith("registry.")]
    return [kind for kind in ours if kind.__init__ is errors.VorbehaltError.__init__]  # others say more


@pytest.mark.parametrize("kind", every_error(), ids=lambda k: k.code)
def test_every_exception_is_a_problem(client: Client, kind: type[errors.VorbehaltError]) -> None:
    """With its code and status; what failed inside is not told."""
    answer = raised(client, kind("Say what to do. /srv/secret", count=3))
    assert answer.status_code == status_of(kind)
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    if answer.status_code == 500:
        assert answer.json["code"] == "internal"
        assert "secret" not in answer.text
        assert "details" not in answer.json
    else:
        assert answer.json["code"] == kind.code
        assert answer.json["type"] == f"/problems/{kind.code}"
        assert answer.json["detail"] == "Say what to do. /srv/secret"
        assert answer.json["details"] == {"count": 3}


def test_the_table_names_only_exceptions_of_the_tree() -> None:
    """And gives every one a status."""
    assert set(STATUS) <= set(every_error())
    assert all(400 <= status_of(kind) < 600 for kind in every_error())
    assert {kind.code for kind in every_error()} <= all_codes()


def test_a_bug_is_logged_and_not_told(client: Client, log: io.StringIO) -> None:
    """The request id leads from the answer to the log."""
    answer = raised(client, KeyError("password hunter2"))
    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert "hunter2" not in answer.text
    line = next(line for line in map(json.loads, log.getvalue().splitlines()) if "exception" in line)
    assert "hunter2" in line["exception"]
    assert (line["level"], line["request_id"]) == ("error", answer.json["request_id"])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "input.invalid"),
        (403, "auth.forbidden"),
        (404, "not-found"),
        (405, "http.method"),
        (410, "http.refused"),
        (413, "media.too-large"),
        (415, "http.content-type"),
        (429, "http.refused"),
        (500, "internal"),
        (501, "internal"),
        (503, "not-ready"),
    ],
)
def test_http_errors_are_problems(client: Client, status: int, code: str) -> None:
    """Whoever raises them."""
    answer = client.get(f"/v1/failing/abort/{status}")
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert code in all_codes()


def test_unknown_addresses_and_methods(client: Client) -> None:
    """A wrong method says which are right."""
    assert client.get("/v1/nothing").json["code"] == "not-found"
    wrong = client.put("/v1/failing")
    assert (wrong.status_code, wrong.json["code"]) == (405, "http.method")
    assert "POST" in wrong.headers["Allow"]


def test_redirects_pass(client: Client) -> None:
    """They are no errors, also where routing raises them."""
    assert client.get("/v1/failing/redirect").status_code == 302


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("INSERT INTO party (id) VALUES (1)", {(409, "conflict")}),
        ("SELECT * FROM no_such_table", {(503, "not-ready"), (500, "internal")}),  # SQLite, PostgreSQL
    ],
)
def test_the_database_tells_nothing(client: Client, query: str, expected: set[tuple[int, str]]) -> None:
    """Neither tables nor statements leave the server."""
    answer = client.get("/v1/failing/sql", query_string={"q": query})
    assert (answer.status_code, answer.json["code"]) in expected
    assert "party" not in answer.text
    assert "no_such_table" not in answer.text


def test_a_part_that_is_not_set_up(client: Client) -> None:
    """Is a state of the server, not a bug."""
    answer = client.get("/v1/failing/part")
    assert (answer.status_code, answer.json["code"]) == (503, "not-ready")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"number": 1}', 200),
        (b"", 422),
        (b"{}", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"number"', 422),
        (b'{"number": "1"}', 422),
        (b'{"number": 1.5}', 422),
        (b'{"number": 1, "more": 2}', 422),
        (b'{"number": 1', 400),
        (b'{"number": NaN}', 400),
        (b'{"number": 1e999}', 400),
        (b'{"number": 1, "number": 2}', 400),
        (b'{"number": "\xff"}', 400),
        (b"[" * 9_000, 400),
        (b'{"number": ' + b"9" * 9_000 + b"}", 400),
        (b'{"number": 9007199254740991}', 200),
        (b'{"number": 9007199254740992}', 400),
        (b'{"number": -9007199254740992}', 400),
        (rb'{"number": "\ud800"}', 400),
        (rb'{"\udfff": 1}', 400),
        (rb'{"number": "\u0000"}', 400),
        (rb'{"number": "\ud83d\ude00"}', 422),
        (rb'{"number": "\\u0000"}', 422),
        (b" " * 20_001, 413),
    ],
    ids=lambda b: repr(b[:30]) if isinstance(b, bytes) else b,
)
def test_bodies_are_read_strictly(client: Client, body: bytes, status: int) -> None:
    """Unknown fields, doubled names, what is no JSON, what is too large."""
    answer = client.post("/v1/failing", data=body, content_type="application/json")
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.content_type == "application/problem+json"
        assert len(answer.json["detail"]) < 400


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_must_say_that_it_is_json(client: Client, kind: str | None) -> None:
    """What a form of another site can send is not taken."""
    answer = client.post("/v1/failing", data=b'{"number": 1}', content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "http.content-type")


@pytest.mark.parametrize("coding", ["gzip", "zstd", "identity, gzip"])
def test_a_packed_body_is_refused_for_being_packed(client: Client, coding: str) -> None:
    """Not for being no JSON, which would send people looking in the wrong place."""
    body, header = gzip.compress(b'{"number": 1}'), {"Content-Encoding": coding}
    answer = client.post("/v1/failing", data=body, content_type="application/json", headers=header)
    assert (answer.status_code, answer.json["code"]) == (415, "http.content-type")
    assert "without the header Content-Encoding" in answer.json["detail"]
    plain = client.post("/v1/failing", json={"number": 1}, headers={"Content-Encoding": "Identity"})
    assert plain.status_code == 200


def test_files_may_be_larger_than_json(client: Client) -> None:
    """The limit goes by what is sent."""
    data = {"file": (io.BytesIO(bytes(30_000)), "a.bin")}
    assert client.post("/v1/failing/upload", data=data).json == {"bytes": 30_000}


def test_who_may_not_ask_is_not_read(client: Client) -> None:
    """Authentication comes before the body."""
    assert client.post("/v1/mandates", data=b"{", content_type="application/json").status_code == 401


def test_request_ids(client: Client) -> None:
    """The caller's own where it is harmless, else ours; never the same twice."""
    url = "/v1/failing/part"
    given = client.get(url, headers={"X-Request-Id": "0123-4567-abc"})
    assert given.headers["X-Request-Id"] == given.json["request_id"] == "0123-4567-abc"
    for bad in ("short", "x" * 65, "spaces are bad", '"><script>'):
        assert client.get(url, headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad
    assert len({client.get(url).headers["X-Request-Id"] for _ in range(5)}) == 5


def test_headers_of_json(client: Client, account: Callable[..., Account]) -> None:
    """Nothing may run it, frame it, guess its type or keep it."""
    answer = client.get("/v1/failing/private", headers=account().headers)
    assert answer.json == {"now": "2026-08-02T09:30:00+00:00"}
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Authorization"


def test_log_lines_name_the_route_and_no_secret(
    client: Client, account: Callable[..., Account], log: io.StringIO
) -> None:
    """One JSON line a request; ids in paths, queries, keys and bodies stay out."""
    anna = account()
    url = f"/v1/accounts/{anna.id}?q=word"
    assert client.get(url, headers=anna.headers | {"X-Request-Id": "request-1"}).status_code == 200
    line = json.loads(log.getvalue().splitlines()[-1])
    assert line["route"] == "/v1/accounts/<id(party):public_id>"
    assert (line["request_id"], line["status"], line["level"]) == ("request-1", 200, "info")
    assert not any(secret in log.getvalue() for secret in (anna.key, anna.id, "word"))


def test_the_description_names_keys_scopes_and_problems(client: Client) -> None:
    """OpenAPI 3.1, made from the views."""
    spec = client.get("/v1/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    assert spec["paths"]["/v1/keys"]["get"]["security"] == [{"apiKey": ["account"]}]
    assert "security" not in spec["paths"]["/v1/accounts"]["post"]
    assert spec["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert set(spec["components"]["schemas"]["Problem"]["required"]) == {
        "type",
        "title",
        "status",
        "detail",
        "code",
    }
    in_path = spec["paths"]["/v1/keys/{public_id}"]["parameters"]
    assert in_path[0]["schema"]["example"] == "key_" + "0" * 26
    assert in_path[0]["schema"]["pattern"].startswith("^key_[")


def test_make_api_gives_our_own(app: Flask) -> None:
    """flask-smorest alone would answer errors in its own form."""
    assert isinstance(make_api(Flask("another")), Api)
