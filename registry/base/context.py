"""What one running application holds: settings, database, files, and who can tell whose API key it is.

The rooms sit above this package, so what they bring (how a key is looked up, the log's signing key, the loaded
snapshot) is put in by the one place that wires everything, `registry.app`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast

from flask import Flask, current_app, g
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import Store
from registry.base.settings import Settings
from registry.core.errors import NotReady

_EXTENSION = "vorbehalt"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """One application's parts; safe to share between threads."""

    settings: Settings
    database: Database
    files: Store
    sources: Sources
    authenticate: Callable[[Session, str, datetime], Actor]
    """Whose API key this text is; raises `Unauthenticated`."""
    parts: Mapping[type, object] = field(default_factory=dict)
    """What only some rooms need, by its type: read it with `part(Signer)`."""


def install(app: Flask, context: Context) -> None:
    """Give the application its parts: `create_app` does, once; tests give their one application those of each test."""
    app.extensions[_EXTENSION] = context


def context() -> Context:
    """The parts of the application that handles this request."""
    return cast("Context", current_app.extensions[_EXTENSION])


def settings() -> Settings:
    """The options."""
    return context().settings


def database() -> Database:
    """The database; views usually want `writing()` or `reading()`."""
    return context().database


def files() -> Store:
    """The file store."""
    return context().files


def sources() -> Sources:
    """The clock and the maker of ids, to hand to services."""
    return context().sources


def part(kind: type[T]) -> T:
    """The application's part of this type; `NotReady` if it was set up without one."""
    found = context().parts.get(kind)
    if not isinstance(found, kind):
        raise NotReady(f"This registry is not set up for this yet: it has no {kind.__name__}.")
    return found


class SharedTransaction:
    """One transaction for all that a request writes: begun by its first `writing()`, committed by who shares it."""

    def __init__(self, stack: ExitStack, begin: Callable[[Session], None]) -> None:
        self._stack, self._begin = stack, begin
        self.session: Session | None = None
        """`None` as long as nothing was written."""

    def open(self) -> Session:
        """The session, on which `begin` ran first of all."""
        if self.session is None:
            self.session = self._stack.enter_context(database().writing())
            self._begin(self.session)
        return self.session


@contextmanager
def share_transaction(begin: Callable[[Session], None]) -> Iterator[SharedTransaction]:
    """Within this block every `writing()` of the request is the same transaction; it commits when the block ends well.

    What must stay on record even if the request fails is written by `database().writing()`, before anything else.
    """
    with ExitStack() as stack:
        shared = g.shared_transaction = SharedTransaction(stack, begin)
        try:
            yield shared
        finally:
            del g.shared_transaction


@contextmanager
def writing() -> Iterator[Session]:
    """The transaction of this request: commits when the block ends well, leaves no trace when it does not."""
    shared: SharedTransaction | None = g.get("shared_transaction")
    if shared is not None:
        yield shared.open()
        return
    with database().writing() as session:
        yield session


@contextmanager
def rehearsing() -> Iterator[Session]:
    """A transaction that leaves no trace, however the block ends: what a service would answer or refuse."""
    with database().rehearsing() as session:
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """A consistent view for this request that changes nothing."""
    with database().reading() as session:
        yield session
