"""When this registry can answer safely.

Its database, not an older copy, its schema, its keys, a fresh snapshot, and an index of checks that keeps up.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.health import Readiness
from registry.base.schema import ensure_current
from registry.base.settings import Settings
from registry.checking.service import LiveIndex
from registry.core.errors import NotReady
from registry.log import service as log
from registry.log.service import LogKey
from registry.models import metadata
from registry.publishing import service as publishing
from registry.wiring import log_keys, trust_keys

STALE_AFTER = timedelta(hours=24)
"""As long as the snapshot's timestamp is valid."""


def readiness(settings: Settings, database: Database, sources: Sources, index: LiveIndex) -> Readiness:
    """The checks, cheapest first."""

    def usable() -> None:
        with database.reading() as session:
            session.execute(text("SELECT 1"))

    def current() -> None:
        ensure_current(database, metadata)

    def keys() -> None:
        for folder in (log_keys(settings), trust_keys(settings)):
            if not folder.is_dir() or not any(folder.iterdir()):
                raise NotReady("This registry has no signing keys: run vorbehalt-server trust init.")

    def newest() -> None:
        """A database restored from a backup that is too old lacks what was reserved and withdrawn since."""
        key = LogKey.load(log_keys(settings))
        with database.reading() as session:
            log.check_continues(session, key)

    def snapshot() -> None:
        with database.reading() as session:
            published = publishing.state(session).published
        if published is None:
            raise NotReady("No snapshot was published yet: run vorbehalt-server publish, or the worker.")
        if sources.now() - published > STALE_AFTER:
            raise NotReady(f"The snapshot is of {published:%Y-%m-%dT%H:%M:%SZ}; is the worker running?")

    def follows() -> None:
        index.check_ready(database)

    return Readiness(
        {
            "database": usable,
            "schema": current,
            "keys": keys,
            "log": newest,
            "snapshot": snapshot,
            "index": follows,
        }
    )
