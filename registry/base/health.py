"""For whoever watches over the server: is the process alive, and can it answer safely now?

What “ready” means is for the rooms to say; `registry.app` puts their checks in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from registry.base.context import part
from registry.core.errors import NotReady, VorbehaltError

_log = logging.getLogger("registry.health")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Named checks; each raises, with what to do, if what it looks at is not in order."""

    checks: Mapping[str, Callable[[], None]] = field(default_factory=dict)

    def faults(self) -> dict[str, str]:
        """What is not in order, by the name of the check."""
        found = {}
        for name, check in self.checks.items():
            try:
                check()
            except VorbehaltError as error:
                found[name] = error.message
            except SQLAlchemyError as error:
                _log.warning("the database cannot be used: %s", type(error).__name__)
                found[name] = "The database cannot be used just now."
        return found


def register_health(app: Flask) -> None:
    """GET /healthz and GET /readyz."""

    @app.get("/healthz")
    def healthz() -> Any:
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> Any:
        readiness = part(Readiness)
        faults = readiness.faults()
        if faults:
            raise NotReady(
                " ".join(faults.values()), checks={n: faults.get(n, "ok") for n in readiness.checks}
            )
        return {"status": "ok", "checks": dict.fromkeys(readiness.checks, "ok")}
