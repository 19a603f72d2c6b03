"""A site on this machine that answers what a test wants, and remembers who asked for what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crawler.fetch.asking import Asker, Limits

Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass
class Site:
    """Answers by path; a callable gets the request's headers."""

    origin: str
    answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)

    def says(self, path: str, body: bytes | str, status: int = 200, **headers: str) -> None:
        """Set an answer; underscores in names of headers stand for hyphens."""
        content = body.encode() if isinstance(body, str) else body
        self.answers[path] = (status, [(k.replace("_", "-"), v) for k, v in headers.items()], content)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.agents.add(self.headers["User-Agent"])
            answer = made.answers.get(self.path, (404, [], b"not here"))
            if callable(answer):
                answer = answer({name.lower(): value for name, value in self.headers.items()})
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if "content-length" not in {name.lower() for name, _ in headers} and status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Of clients that no longer listen: they have what they came for, or gave up."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def asker() -> Asker:
    """May ask this machine, and need not wait for it."""
    return Asker(
        Limits(seconds=2, body=100_000, pause=0),
        may_connect=lambda a: a == "127.0.0.1",
        clock=lambda: 1_800_000_000.0,
    )
