"""A witness over HTTP, with the standard library's server alone: it runs on the smallest machine for years."""

from __future__ import annotations

import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from crawler.witness import TEXT, Answer, Witness
from registry.core.errors import VorbehaltError
from registry.core.tlog.submissions import MAX_BYTES

_SECONDS = 20
"""After which a connection that says nothing is closed."""
_READ = re.compile(r"/([0-9a-f]{64})/checkpoint")


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        super().__init__(address, _Handler)
        self.witness = witness


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    timeout = _SECONDS
    protocol_version = "HTTP/1.1"
    server_version = "vorbehalt-witness"
    sys_version = ""

    def do_POST(self) -> None:
        self.close_connection = True  # whatever is left of a body that was not read
        length = self.headers.get("Content-Length", "")
        if self.path != "/add-checkpoint":
            self._send(Answer(HTTPStatus.NOT_FOUND, "Submit to /add-checkpoint.\n"))
        elif not (length.isascii() and length.isdigit()):
            self._send(Answer(HTTPStatus.LENGTH_REQUIRED, "Say how long the submission is.\n"))
        elif int(length) > MAX_BYTES:
            self._send(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No submission is so long.\n"))
        else:
            try:
                answer = self.server.witness.add_checkpoint(self.rfile.read(int(length)))
            except (VorbehaltError, OSError) as problem:
                self.log_error("%s", problem)
                answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "This witness cannot remember just now.\n")
            self._send(answer)

    def do_GET(self) -> None:
        found = _READ.fullmatch(self.path)
        try:
            note = self.server.witness.checkpoint(found[1]) if found else None
        except (VorbehaltError, OSError) as problem:
            self.log_error("%s", problem)
            self._send(Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "This witness cannot read its memory.\n"))
            return
        if note is None:
            self._send(Answer(HTTPStatus.NOT_FOUND, "There is no such checkpoint.\n"))
        else:
            self._send(Answer(HTTPStatus.OK, note.decode(), TEXT))

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
