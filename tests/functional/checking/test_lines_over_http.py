"""Checks as JSON lines: an answer for each line, none of them an allow that nobody gave, and an end that says so."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from registry.app import create_app
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.quotas import Quota
from registry.base.settings import Settings
from registry.checking import lines
from registry.core.errors import InvalidInput
from tests.functional.checking.test_check_over_http import PHASH, check, code_of, offer, register
from tests.functional.conftest import Account, Client
from tests.support.pictures import png

Make = Callable[..., Account]
SHA256 = "digest.sha256.v1"
TERMS = {"purpose": "train_genai", "policy": "consent-first"}
NOBODYS = "00" * 32


def send(client: Client, who: Account, body: bytes, **terms: str) -> Any:
    headers = {**who.headers, "Content-Type": "application/jsonl"}
    return client.post("/v1/check", data=body, query_string=TERMS | terms, headers=headers)


def jsonl(*items: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def read(answer: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The answers, and what the end says."""
    assert answer.status_code == 200, answer.data
    assert answer.mimetype == "application/jsonl"
    *found, last = map(json.loads, answer.data.splitlines())
    return found, last["end"]


def test_lines_are_answered_as_json_is(client: Client, account: Make) -> None:
    maker, lab = account(), account(Role.LAB)
    denied, free = register(client, maker, png(1)), register(client, maker, png(2))
    offer(client, maker, free)
    hashes = [code_of(denied), NOBODYS, code_of(free)]
    by_json = check(client, lab, *hashes).json
    items = [{"id": f"item {n}", "hash": code} for n, code in enumerate(hashes)]
    found, end = read(send(client, lab, jsonl(*items), algorithm=PHASH))
    assert end == {"lines": 3, "errors": 0, "live": by_json["live"]}
    assert [(line["line"], line["id"]) for line in found] == [(n + 1, f"item {n}") for n in range(3)]
    assert "".join(str(line["verdict"]) for line in found) == by_json["verdicts"] == "140"
    assert "".join(str(int(line["kept"])) for line in found) == by_json["kept"] == "001"
    spelled = [
        {"i": n, **match, "reason": line["reason"], "licences": line["licences"]}
        for n, line in enumerate(found)
        for match in line.get("matches", ())
    ]
    assert spelled == by_json["matches"]


def test_each_line_may_bring_another_kind_of_item(client: Client, account: Make) -> None:
    work, lab = register(client, account(), png(1)), account(Role.LAB)
    items = (
        {"algorithm": SHA256, "hash": code_of(work, SHA256)},
        {"url": "https://example.org/picture.png"},
        {"hash": code_of(work)},
        {"id": 7, "algorithm": SHA256, "hash": NOBODYS},
    )
    found, _ = read(send(client, lab, jsonl(*items), algorithm=PHASH))
    assert [line["verdict"] for line in found] == [1, 4, 1, 4]
    assert found[3] == {"line": 4, "id": 7, "verdict": 4, "kept": False, "reason": "none-found"}


BAD: list[tuple[bytes, str]] = [
    (b"nonsense", "not JSON"),
    (b"", "not JSON"),
    (b'["00"]', "no JSON object"),
    (b"{}", "a hash or a url"),
    (b'{"hash": "00", "url": "https://example.org"}', "a hash or a url"),
    (b'{"hash": 7}', "are texts"),
    (b'{"hash": "xy"}', "not hexadecimal"),
    (b'{"hash": "00"}', "has 32 bytes"),
    (b'{"hash": "00", "algorithm": "none.such.v1"}', "none.such.v1"),
    (b'{"hash": "00", "algorithm": "source.url.v1"}', "as url"),
    (b'{"url": "nowhere"}', ""),
    (b'{"url": "https://example.org", "algorithm": "source.url.v1"}', "do not go together"),
    (b'{"hash": "00", "colour": 1}', "Unknown field 'colour'"),
    (b'{"id": true, "hash": "00"}', "An id is"),
    (b'{"id": ["a"], "hash": "00"}', "An id is"),
    (b"\xff\xfe", "not JSON"),
    (b'{"hash": "' + b"0" * (1 << 17) + b'"}', "longer than"),
]


@pytest.mark.parametrize("policy", ["consent-first", "eu-art4"])
def test_a_line_that_cannot_be_understood_is_never_kept(client: Client, account: Make, policy: str) -> None:
    good = jsonl({"hash": NOBODYS})
    body = b"".join(good + text + b"\n" for text, _ in BAD) + good
    found, end = read(send(client, account(Role.LAB), body, algorithm=PHASH, policy=policy))
    assert end["lines"] == len(found) == 2 * len(BAD) + 1
    assert end["errors"] == len(BAD)
    assert {(line["reason"], line["kept"]) for line in found[::2]} == {("none-found", policy == "eu-art4")}
    for line, (text, said) in zip(found[1::2], BAD, strict=True):
        assert (line["verdict"], line["kept"], line["reason"]) == (4, False, "error.line"), text[:80]
        assert said in line["detail"], (text[:80], line)


def test_a_last_line_without_its_end_is_cut_off(client: Client, account: Make) -> None:
    body = jsonl({"hash": NOBODYS})
    found, end = read(send(client, account(Role.LAB), body + body[:-1], algorithm=PHASH, policy="eu-art4"))
    assert [line["kept"] for line in found] == [True, False]
    assert "cut off" in found[1]["detail"]
    assert end["errors"] == 1


def test_what_is_refused_as_a_whole(client: Client, account: Make, app: Flask) -> None:
    lab, body = account(Role.LAB), jsonl({"hash": NOBODYS})
    assert "no lines" in send(client, lab, b"").json["detail"]
    assert send(client, lab, body, policy="any").status_code == 422
    assert send(client, lab, body, colour="red").status_code == 422
    without_key = client.post("/v1/check", data=body, headers={"Content-Type": "application/jsonl"})
    assert without_key.status_code == 401
    headers = {**lab.headers, "Content-Type": "application/jsonl", "Idempotency-Key": "k" * 20}
    answer = client.post("/v1/check", data=body, query_string=TERMS, headers=headers)
    assert (answer.status_code, "no Idempotency-Key" in answer.json["detail"]) == (422, True)


def test_each_ten_thousand_lines_count_as_a_request(
    settings: Settings, database: Database, sources: Sources, account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted as they come, and refused before any answer."""
    monkeypatch.setattr(lines, "MAX_ITEMS", 10)
    app = create_app(replace(settings, rate_check=Quota(3, 60)), sources=sources, database=database)
    client, lab = app.test_client(), account(Role.LAB)
    from_here = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
    headers = {**lab.headers, "Content-Type": "application/jsonl"}
    one = jsonl({"hash": NOBODYS, "algorithm": PHASH})
    answers: list[Any] = [
        client.post("/v1/check", data=one * number, query_string=TERMS, headers=headers, **from_here)
        for number in (11, 10, 10)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json["code"] == "rate.limited"


def test_memory_is_bounded_however_many_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body is read in pieces; lines are understood in thousands."""
    sizes: list[int] = []

    class Endless(io.RawIOBase):
        left = 3 << 20

        def read(self, size: int = -1) -> bytes:
            sizes.append(size)
            piece = min(size, self.left)
            self.left -= piece
            return b"\n" * piece

    monkeypatch.setattr(lines, "MAX_ITEMS", 1 << 20)
    spent: list[None] = []
    with lines.spooled(Endless(), tmp_path, lambda: spent.append(None)) as file:  # type: ignore[arg-type]
        assert len(spent) == 2
        assert set(sizes) == {1 << 16}
        assert sum(len(piece) for piece in iter(lambda: file.read(1 << 16), b"")) == 3 << 20
    with pytest.raises(InvalidInput, match="no lines"):
        lines.spooled(io.BytesIO(), tmp_path, lambda: None)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    """The application on a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_client_that_hangs_up_gets_no_answer(port: int, account: Make) -> None:
    lab, body = account(Role.LAB), jsonl({"hash": NOBODYS})
    head = (
        f"POST /v1/check?algorithm={PHASH}&purpose=train_genai&policy=eu-art4 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {lab.headers['Authorization']}\r\nContent-Type: application/jsonl\r\n"
        f"Content-Length: {2 * len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"verdict"' not in answer
