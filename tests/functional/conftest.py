"""For tests over HTTP: the application on a database of the test's own, and accounts with keys to call it with."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import Flask

from registry.app import create_app, wire
from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.base.context import install
from registry.base.db import Database
from registry.base.settings import Settings
from registry.base.telemetry import configure_logging
from registry.core.ids import format_id
from tests.factories import make_actor, make_key


class Client(Protocol):
    """Flask's test client, as far as tests call it; an answer's `json` is whatever the test expects."""

    def get(self, path: str, **options: Any) -> Any:
        """Send GET."""

    def post(self, path: str, **options: Any) -> Any:
        """Send POST."""

    def put(self, path: str, **options: Any) -> Any:
        """Send PUT."""

    def patch(self, path: str, **options: Any) -> Any:
        """Send PATCH."""

    def delete(self, path: str, **options: Any) -> Any:
        """Send DELETE."""


@dataclass(frozen=True)
class Account:
    """A party as a test calls the API: `client.get(url, headers=anna.headers)`."""

    actor: Actor
    key: str

    @property
    def id(self) -> str:
        """Its public id."""
        return format_id("party", self.actor.public_id)

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates it."""
        return {"Authorization": f"Bearer {self.key}"}


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """Settings in a folder of the test's own; small limits, so that they can be passed cheaply."""
    return Settings(tmp_path, database_url=str(database.engine.url), max_json_bytes=20_000)


@contextmanager
def log_kept() -> Iterator[None]:
    """Afterwards the log goes where it went before."""
    logger = logging.getLogger("registry")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@pytest.fixture(scope="session")
def views(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application, put together once: its views know nothing but what is installed for each test."""
    with log_kept():
        return create_app(Settings(tmp_path_factory.mktemp("nowhere")))


@pytest.fixture
def app(views: Flask, settings: Settings, database: Database, sources: Sources) -> Iterator[Flask]:
    """The application, as it is served."""
    with log_kept():
        configure_logging(settings.log_level)
        install(views, wire(settings, sources, database))
        yield views


@pytest.fixture
def client(app: Flask) -> Client:
    """Calls the application."""
    return app.test_client()


@pytest.fixture
def log(app: Flask) -> io.StringIO:
    """What the application writes to its log from now on, one JSON document a line."""
    stream = io.StringIO()
    configure_logging("info", stream)
    return stream


@pytest.fixture
def account(database: Database, sources: Sources) -> Callable[..., Account]:
    """Makes an account with one key: `account(Role.LAB)`, `account(Role.CREATOR, Scope.CHECK, name="Ben")`."""

    def make(role: Role = Role.CREATOR, *scopes: Scope, name: str = "Anna") -> Account:
        with database.writing() as session:
            actor = make_actor(session, sources, role, name)
            return Account(actor, make_key(session, sources, actor, *scopes))

    return make
