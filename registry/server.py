"""Serve the application with gunicorn's threaded workers, started from Python so that one command is enough."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from werkzeug.middleware.proxy_fix import ProxyFix

from registry.app import create_app
from registry.base.db import Database
from registry.base.schema import ensure_current
from registry.base.settings import Settings
from registry.models import metadata

THREADS = 4


def _announce(server: Arbiter) -> None:
    """Say on standard output where we listen: with port 0 nobody else knows."""
    for listener in server.LISTENERS:
        host, port = listener.sock.getsockname()[:2]
        print(f"Serving on http://{host}:{port}", flush=True)


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
        return behind_proxies(create_app(self._settings), self._settings.proxies)


def behind_proxies(app: Flask, number: int) -> Flask:
    """Believe the headers of this many web servers in front about who calls, by which scheme and host; 0: of nobody."""
    if number:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=number, x_proto=number, x_host=number
        )
    return app


def serve(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until stopped; refuses to start on another release's schema."""
    database = Database(settings.database_url)
    ensure_current(database, metadata)
    database.dispose()
    sys.argv = sys.argv[:1]  # gunicorn would read our options as its own
    _Server(
        settings,
        {
            "bind": f"{host}:{port}",
            "workers": workers,
            "threads": THREADS,
            "worker_class": "gthread",
            "when_ready": _announce,
            "loglevel": settings.log_level,
            "accesslog": None,
            "forwarded_allow_ips": "",  # the setting `proxies` decides, for gunicorn too
            "graceful_timeout": 20,
            "control_socket_disable": True,
        },
    ).run()
