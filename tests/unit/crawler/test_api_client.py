from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crawler import client as client_module
from crawler.client import Client
from registry.core import errors
from tests.unit.crawler.answering import Answer, Server, problem, serving

KEY = "vbk_secret"


def _steps(*answers: Answer) -> Any:
    """Answers in order; the last one stays."""
    left: Iterator[Answer] = iter(answers)
    last = answers[-1]
    return lambda asked: next(left, last)


def _client(server: Server, key: str | None = KEY) -> Client:
    return Client(server.url, key)


def test_json_goes_and_comes_with_the_key_and_our_name() -> None:
    with serving(lambda asked: Answer(document={"got": asked.json})) as server, _client(server) as client:
        assert client.post("/v1/x", {"ä": 1}) == {"got": {"ä": 1}}
    (asked,) = server.asked
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.headers["User-Agent"].startswith("vorbehalt/")
    assert asked.headers["Content-Type"] == "application/json"


def test_a_form_carries_files() -> None:
    with serving(lambda asked: Answer(document=1)) as server, _client(server) as client:
        client.post_form("/v1/works", {"file": ("a.txt", b"content", "text/plain"), "x": "y"})
    (asked,) = server.asked
    assert asked.headers["Content-Type"].startswith("multipart/form-data")
    assert b"content" in asked.body


def test_queries_text_and_empty_answers() -> None:
    with serving(lambda asked: Answer(body=asked.path.encode())) as server, _client(server, None) as client:
        assert client.text("/v1/log/policy") == "/v1/log/policy"
    assert "Authorization" not in server.asked[0].headers
    with serving(lambda asked: Answer(204)) as server, _client(server) as client:
        assert client.get("/v1/x", {"limit": "2"}) is None
    assert server.asked[0].path == "/v1/x?limit=2"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "auth.required", errors.Unauthenticated),
        (403, "auth.forbidden", errors.Forbidden),
        (404, "not-found", errors.NotFound),
        (409, "conflict", errors.Conflict),
        (413, "media.too-large", errors.TooLarge),
        (415, "media.unsupported", errors.UnsupportedMedia),
        (422, "input.invalid", errors.InvalidInput),
        (422, "shares.sum", errors.SharesDoNotSum),
        (422, "proof.invalid", errors.VerificationFailed),
        (503, "not-ready", errors.NotReady),
        (500, "internal", errors.NetworkFailed),
        (418, "from.the.future", errors.NetworkFailed),
    ],
)
def test_a_problem_becomes_the_exception_of_its_code(
    status: int, code: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_SAFE", client_module._SAFE.new(backoff_factor=0))
    with (
        serving(lambda asked: problem(status, code, "Because.")) as server,
        _client(server) as client,
        pytest.raises(errors.VorbehaltError, match="Because") as caught,
    ):
        client.get("/v1/x")
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"[]", b'{"title": "x"}', b""])
def test_an_error_that_is_no_problem_document_is_the_networks(body: bytes) -> None:
    with (
        serving(lambda asked: Answer(500, body=body)) as server,
        _client(server) as client,
        pytest.raises(errors.NetworkFailed, match="500"),
    ):
        client.get("/v1/x")


def test_an_answer_that_is_no_json_is_no_registrys() -> None:
    with (
        serving(lambda asked: Answer(body=b"<html>")) as server,
        _client(server) as client,
        pytest.raises(errors.NetworkFailed, match="address of a registry"),
    ):
        client.get("/v1/x")


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_MAX_ANSWER", 1_000)
    with (
        serving(lambda asked: Answer(body=b"x" * 1_001)) as server,
        _client(server) as client,
        pytest.raises(errors.NetworkFailed, match="no registry"),
    ):
        client.get("/v1/x")


def test_a_redirect_is_not_followed_so_the_key_goes_nowhere_else() -> None:
    with serving(lambda asked: Answer(document="stolen")) as other:
        moved = Answer(302, headers={"Location": f"{other.url}/v1/x"})
        with (
            serving(lambda asked: moved) as server,
            _client(server) as client,
            pytest.raises(errors.NetworkFailed, match="not followed"),
        ):
            client.get("/v1/x")
        assert other.asked == []


def test_what_may_arrive_twice_is_tried_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_SAFE", client_module._SAFE.new(backoff_factor=0))
    busy = problem(503, "not-ready", "Not now.")
    with serving(_steps(busy, busy, Answer(document=7))) as server, _client(server) as client:
        assert client.get("/v1/x") == 7
    assert len(server.asked) == 3
    with serving(_steps(busy, Answer(document=7))) as server, _client(server) as client:
        assert client.post("/v1/x", {}, repeatable=True) == 7
    with serving(lambda asked: busy) as server, _client(server) as client:
        with pytest.raises(errors.NotReady):
            client.post("/v1/x", {})
        assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_named() -> None:
    with serving(lambda asked: Answer()) as server:
        url = server.url
    with Client(url) as client, pytest.raises(errors.NetworkFailed, match=url):
        client.post("/v1/x", {})


@pytest.mark.parametrize(
    "url", ["registry.example", "ftp://a.example", "https://", "https://a:b@c.example", "x"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidInput, match="no address"):
        Client(url)


@pytest.mark.parametrize("host", ["registry.example", "192.0.2.7", "localhost.example", "0.0.0.0"])
def test_a_key_never_travels_in_the_clear(host: str) -> None:
    Client(f"http://{host}")
    with pytest.raises(errors.InvalidInput, match=f"https://{host}"):
        Client(f"http://{host}", KEY)


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:80"])
def test_on_this_very_machine_a_key_may_go_over_http(host: str) -> None:
    Client(f"http://{host}", KEY)


@pytest.mark.parametrize("key", ["", "vbk_\n", "vbk_ä", "two words"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(errors.InvalidInput, match="API key"):
        Client("https://registry.example", key)
