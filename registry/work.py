"""Background work: which kinds of jobs there are, what does them, and what is due when."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from registry.addresses import service as addresses
from registry.addresses.mail import LetterOutbox
from registry.base import jobs, outbox
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import Handler, Periodic, Worker
from registry.base.locks import exclusive
from registry.base.outbox import Outbox
from registry.base.settings import Settings
from registry.checking import hints
from registry.core.errors import Conflict
from registry.domains.service import recheck_domains
from registry.notices.mail import NoticeOutbox
from registry.parties import service as parties
from registry.wiring import Registry
from registry.works import bulk, previews

PUBLISH = "publish"
RECHECK_DOMAINS = "recheck-domains"
TIDY = "tidy"

PERIODICS = (
    Periodic(PUBLISH, timedelta(minutes=45)),  # a lab has 15 minutes left to sync: denied within the hour
    Periodic(RECHECK_DOMAINS, timedelta(hours=1)),
    Periodic(hints.KIND, timedelta(days=1)),
    Periodic(outbox.SEND_MAIL, timedelta(hours=1)),  # what a mail server was too long away for
    Periodic(TIDY, timedelta(days=1)),
    Periodic(previews.SWEEP, timedelta(days=7)),
)

_INSIDE = "worker"
_TAKE_OVER_AFTER = 5.0

_log = logging.getLogger("registry.work")


def handlers(registry: Registry) -> Mapping[str, Handler]:
    """What does each kind of job."""

    def publish(_database: Database, _payload: Mapping[str, Any], _sources: Sources) -> dict[str, Any]:
        edition = registry.keep_fresh()
        return {"edition": None if edition is None else edition.sequence}

    return {
        PUBLISH: publish,
        RECHECK_DOMAINS: recheck_domains,
        hints.KIND: hints.look_for_hints,
        TIDY: tidy,
        bulk.KIND: bulk.register_bulk,
        previews.REMOVE: partial(previews.remove_objects, registry.files),
        previews.SWEEP: partial(previews.look_for_orphans, registry.files),
        previews.REMOVE_ORPHANS: partial(previews.remove_orphans, registry.files),
        outbox.SEND_MAIL: partial(outbox.send_due, registry.settings, outboxes(registry.settings)),
    }


def outboxes(settings: Settings) -> tuple[Outbox, ...]:
    """All that becomes mails; what somebody waits for at the screen goes out first."""
    site = f"https://{settings.origin}"
    return (LetterOutbox(site), NoticeOutbox(site))


def tidy(database: Database, _payload: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """Remove what nobody needs any more."""
    now = sources.now()
    with database.writing() as session:
        return {
            "jobs": jobs.forget(session, now),
            "sessions": parties.forget_sessions(session, now),
            "letters": addresses.forget_letters(session, now),
        }


def work(settings: Settings, stop: threading.Event) -> None:
    """Do what is due, until told to stop; refuses to start on another release's schema."""
    with Registry.open(settings) as registry:
        Worker(registry.database, handlers(registry), PERIODICS, registry.sources).run_until(stop)


def work_alone(settings: Settings, stop: threading.Event) -> None:
    """The same, but only while no other process of this registry does it: several may call this, one works.

    For the worker inside the web processes; when the one that works dies, another takes over.
    """
    with Registry.open(settings) as registry:
        while not stop.is_set():
            try:
                with exclusive(registry.database, _INSIDE):
                    Worker(registry.database, handlers(registry), PERIODICS, registry.sources).run_until(stop)
            except Conflict:
                stop.wait(_TAKE_OVER_AFTER)


@contextmanager
def until_signalled() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets, so that the job in hand is finished first."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        _log.info("%s: ending after the job in hand", signal.Signals(number).name)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
