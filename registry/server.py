"""Serve the application with gunicorn's threaded workers, started from Python so that one command is enough.

With the embedded database the same command also keeps the registry fresh: one of the web processes does the background
work in a thread. It costs readers little, and gunicorn replaces a process that dies, thread and all. With PostgreSQL
`vorbehalt-server worker` does it, in as many processes as are wanted.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from werkzeug.middleware.proxy_fix import ProxyFix

from registry.app import create_app
from registry.base.db import Database
from registry.base.schema import ensure_current
from registry.base.settings import Settings
from registry.core.processes import settled
from registry.models import metadata
from registry.work import work_alone

THREADS = 4
_GRACE_SECONDS = 20
_LAST_JOB_SECONDS = 10


def _announce(server: Arbiter) -> None:
    """Say on standard output where we listen: with port 0 nobody else knows."""
    for listener in server.LISTENERS:
        host, port = listener.sock.getsockname()[:2]
        print(f"Serving on http://{host}:{port}", flush=True)


class _Background:
    """The background work of one web process, from its first request on until it is told to end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, _worker: object) -> None:
        """In the web process, when it is ready; a thread does not survive a fork."""
        self._thread = threading.Thread(
            target=work_alone, args=(self._settings, self._stop), name="background work", daemon=True
        )
        self._thread.start()

    def end(self, _server: object, _worker: object) -> None:
        """Let the job in hand end; one that takes longer is done again by whoever comes next."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_LAST_JOB_SECONDS)


class _Server(BaseApplication):
    """gunicorn with our settings; each worker makes its own application, so nothing is shared over a fork."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._settings = settings
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called once in every worker."""
        app = behind_proxies(create_app(self._settings), self._settings.proxies)
        settled()
        return app


def behind_proxies(app: Flask, number: int) -> Flask:
    """Believe the headers of this many web servers in front about who calls, by which scheme and host; 0: of nobody."""
    if number:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=number, x_proto=number, x_host=number
        )
    return app


def serve(settings: Settings, *, host: str, port: int, workers: int, background: bool | None = None) -> None:
    """Serve until stopped; refuses to start on another release's schema.

    `background`: whether to do the background work too; `None`: only with the embedded database.
    """
    database = Database(settings.database_url)
    ensure_current(database, metadata)
    embedded = database.engine.dialect.name == "sqlite"
    database.dispose()
    options: dict[str, Any] = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "threads": THREADS,
        "worker_class": "gthread",
        "when_ready": _announce,
        "loglevel": settings.log_level,
        "accesslog": None,
        "forwarded_allow_ips": "",  # the setting `proxies` decides, for gunicorn too
        "graceful_timeout": _GRACE_SECONDS,
        "control_socket_disable": True,
    }
    if embedded if background is None else background:
        work = _Background(settings)
        options |= {"post_worker_init": work.start, "worker_exit": work.end}
    sys.argv = sys.argv[:1]  # gunicorn would read our options as its own
    _Server(settings, options).run()
