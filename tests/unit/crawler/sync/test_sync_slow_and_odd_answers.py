"""Answers that keep a client waiting, or are none: given up in bounded time, for another place if there is one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import count, repeat

import pytest
import urllib3

from crawler import answers
from crawler.connections import reason_of
from crawler.sync import sync
from registry.core.errors import NetworkFailed
from tests.support.snapshots import NOW, Registry, Served, answer, redirect, serve
from tests.unit.crawler.sync.conftest import Lab

NAME = "digest.sha256.v1.pack"
Trouble = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 0.15)


def _dripping(handler: BaseHTTPRequestHandler, head: bytes, drops: Iterator[bytes]) -> None:
    """Send something again and again, a little before anybody who waits for each piece would lose patience."""
    handler.wfile.write(head)
    try:
        for drop in drops:
            handler.wfile.write(drop)
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass
    handler.close_connection = True


def _slow_head(handler: BaseHTTPRequestHandler) -> None:
    _dripping(handler, b"HTTP/1.1 200 OK\r\nX: ", repeat(b"y"))


def _slow_body(handler: BaseHTTPRequestHandler) -> None:
    _dripping(handler, b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", repeat(b"y"))


def _slow_refusal(handler: BaseHTTPRequestHandler) -> None:
    _dripping(handler, b"HTTP/1.1 404 Not Found\r\nContent-Length: 9000\r\n\r\n", repeat(b"y"))


def _slow_chunk(handler: BaseHTTPRequestHandler) -> None:
    _dripping(handler, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", repeat(b"x"))


SLOW = [_slow_head, _slow_body, _slow_refusal, _slow_chunk]


@pytest.mark.parametrize("slow", SLOW)
def test_a_mirror_that_is_slow_for_ever_holds_nobody_up(
    lab: Lab, registry: Registry, served: Served, slow: Trouble
) -> None:
    with serve(registry.store) as mirror:
        mirror.answers[NAME] = slow
        result = lab.sync(mirrors=[f"{mirror.url}/v1/snapshot"], root_sha256=registry.root_sha256)
    assert lab.open().sequence == 1
    assert [path for path, _ in served.requests if path.endswith(NAME)]
    (note,) = result.notes
    assert mirror.url in note
    assert NAME in note


def test_a_file_that_is_whole_is_not_waited_for(lab: Lab, registry: Registry, served: Served) -> None:
    """After the last chunk come fields, and no end of them: nobody listens."""
    (path,) = [path for path in registry.published_files().values() if path.name.endswith(NAME)]
    data = path.read_bytes()

    def endless_end(handler: BaseHTTPRequestHandler) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(data), data)
        _dripping(handler, head, (b"X-%d: y\r\n" % i for i in count()))

    with serve(registry.store) as mirror:
        mirror.answers[NAME] = endless_end
        notes = lab.sync(mirrors=[f"{mirror.url}/v1/snapshot"], root_sha256=registry.root_sha256).notes
    assert not notes
    assert not [path for path, _ in served.requests if path.endswith(NAME)]


@pytest.mark.parametrize("name", ["metadata/timestamp.json", NAME])
@pytest.mark.parametrize("slow", [_slow_head, _slow_body])
def test_a_registry_that_is_slow_for_ever(lab: Lab, served: Served, name: str, slow: Trouble) -> None:
    served.answers[name] = slow
    with pytest.raises(NetworkFailed, match="too slow"):
        lab.sync()
    served.answers.clear()
    assert lab.sync().sequence == 1


def test_who_brings_enough_each_time_may_take_long(
    lab: Lab, registry: Registry, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the whole that must come in that time: a large file by a thin line comes, too."""
    (path,) = [path for path in registry.published_files().values() if path.name.endswith(NAME)]
    data = path.read_bytes()
    size = -(-len(data) // 12)

    def steady(handler: BaseHTTPRequestHandler) -> None:
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        _dripping(handler, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data), iter(pieces))

    monkeypatch.setattr(answers, "ENOUGH", size)
    served.answers[NAME] = steady
    assert lab.sync().sequence == 1


def _packed(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "3")
    handler.end_headers()
    handler.wfile.write(b"abc")


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (lambda handler: redirect(handler, "http://[::1"), "IPv6"),
        (lambda handler: redirect(handler, "file:///etc/passwd"), "No host"),
        (lambda handler: redirect(handler, "ftp://127.0.0.1/x"), "scheme"),
        (lambda handler: redirect(handler, handler.path), "302"),
        (_packed, "packed"),
        (lambda handler: handler.wfile.write(b"\x1b[31mHTTP\r\n\r\n"), "cannot be reached"),
        (lambda handler: answer(handler, b"", 206), "206"),
        (lambda handler: answer(handler, b"", 304), "304"),
    ],
)
def test_odd_answers_are_named_and_a_mirror_with_them_is_passed_over(
    lab: Lab, registry: Registry, served: Served, odd: Trouble, said: str
) -> None:
    served.answers[NAME] = odd
    with pytest.raises(NetworkFailed, match=said) as caught:
        lab.sync()
    assert "\x1b" not in caught.value.message
    assert "HTTPConnection" not in caught.value.message
    with serve(registry.store) as good:
        lab.served = good
        assert lab.sync(mirrors=[f"{served.url}/v1/snapshot"]).sequence == 1


def test_a_mirror_that_failed_once_is_asked_last(lab: Lab, registry: Registry, served: Served) -> None:
    """Else one that never answers would cost its time again with each file."""
    with serve(registry.store) as mirror:
        for path in registry.published_files().values():
            mirror.answers[path.name.partition(".")[2]] = lambda handler: answer(handler, b"", 500)
        result = lab.sync(mirrors=[f"{mirror.url}/v1/snapshot"], root_sha256=registry.root_sha256)
    assert len(set(mirror.requests)) == 1
    assert len(result.notes) == 1


def test_a_pipe_in_a_folder_is_no_file(lab: Lab, registry: Registry) -> None:
    """Whoever opened it would wait for ever."""
    disk = registry.store.root / "snapshot"
    (path,) = disk.rglob(f"*.{NAME}")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(NetworkFailed, match="is no file"):
        sync(None, lab.folder, offline=disk, now=NOW)


def test_reasons_are_short() -> None:
    with pytest.raises(urllib3.exceptions.HTTPError) as caught:
        urllib3.PoolManager().request("GET", "http://127.0.0.1:1/", retries=1)
    assert reason_of(caught.value) == "Failed to establish a new connection: [Errno 111] Connection refused"
    assert reason_of(ValueError("a\x1b[2Jb" + "c" * 900)) == "a\N{REPLACEMENT CHARACTER}[2Jb" + "c" * 194
