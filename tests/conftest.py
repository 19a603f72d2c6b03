"""For all tests: no network but this machine, a clock that stands still, a database of one's own."""

from __future__ import annotations

import ipaddress
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.base.db import Database
from registry.models import metadata
from tests.factories import Clock, make_sources

# A time limit an example would assert a time, and the machine may be busy.
hypothesis.settings.register_profile("vorbehalt", deadline=None)
hypothesis.settings.load_profile("vorbehalt")


def _is_here(address: Any) -> bool:
    """Whether a socket address is on this machine: a path (Unix), or a loopback host."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _stay_here() -> Iterator[None]:
    """A test that reaches for the network fails, and says where it wanted to go."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, original: Any = original) -> Any:
            if not _is_here(address):
                raise RuntimeError(f"a test must not leave this machine, but wanted {address}")
            return original(self, address)

        patch.setattr(socket.socket, name, guarded)
    yield
    patch.undo()


@pytest.fixture
def clock() -> Clock:
    """Stands still until told to `advance`."""
    return Clock()


@pytest.fixture
def sources(clock: Clock) -> Sources:
    """The clock above, and ids that are the same in every run."""
    return make_sources(clock)


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every table and no row, made once."""
    path = tmp_path_factory.mktemp("database") / "empty.sqlite"
    database = Database(f"sqlite:///{path}")
    metadata.create_all(database.engine)
    database.dispose()
    return path


@pytest.fixture
def database(_empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    """A database with every table, for this test alone."""
    path = tmp_path / "registry.sqlite"
    shutil.copyfile(_empty_database, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One writing transaction around the whole test, for tests of services."""
    with database.writing() as session:
        yield session
