"""What the server says about itself: one JSON line an event on stderr, each with the id of its request.

Never logged: bodies, query strings, API keys, addresses of people.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import Flask, Response, g, request

_HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)
_log = logging.getLogger("registry.requests")


def request_id() -> str | None:
    """The id of the request that is handled now: the caller's own if it sent a harmless one, else ours."""
    return _current.get()


class JsonLines(logging.Formatter):
    """One log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """`time`, `level`, `logger`, `message`, `request_id`, and what the call put into `extra={"facts": …}`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id(),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send the log of the `registry` packages to stderr from this level up; called once, by the command line."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger("registry")
    root.handlers = [handler]
    root.setLevel(level.upper())
    root.propagate = False


def register_telemetry(app: Flask) -> None:
    """Give each request its id, and log how it ended."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(_HEADER, "")
        g.request_token = _current.set(given if _GIVEN.fullmatch(given) else secrets.token_hex(16))

    @app.after_request
    def end(response: Response) -> Response:
        response.headers[_HEADER] = request_id() or ""
        facts = {"method": request.method, "route": str(request.url_rule), "status": response.status_code}
        _log.info("%s %s %s", *facts.values(), extra={"facts": facts})
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        token = g.pop("request_token", None)
        if token is not None:
            _current.reset(token)
