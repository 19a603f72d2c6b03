"""A server on this machine that gives prepared answers and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its document."""
        return json.loads(self.body)


@dataclass
class Answer:
    """One answer; a document becomes JSON."""

    status: int = 200
    document: Any = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, code: str, detail: str, **details: object) -> Answer:
    """An RFC 9457 problem."""
    document = {"type": f"/problems/{code}", "title": "No.", "status": status, "detail": detail, "code": code}
    return Answer(status, document | {"details": details})


@dataclass
class Server:
    """Where it listens, and what it was asked."""

    url: str
    asked: list[Asked]


@contextmanager
def serving(answer: Callable[[Asked], Answer]) -> Iterator[Server]:
    """A server that answers each request by this function."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            asked.append(request)
            given = answer(request)
            body = given.body if given.document is None else json.dumps(given.document).encode()
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _handle  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{server.server_port}", asked)
        finally:
            server.shutdown()
            thread.join()
