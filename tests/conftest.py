"""For all tests: no network but this machine, a clock that stands still, a database of one's own, of either kind."""

from __future__ import annotations

import gc
import ipaddress
import os
import secrets
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.schema import upgrade
from registry.base.sealing import SealingKey
from registry.models import metadata
from registry.parties import passwords
from tests.factories import Clock, make_sources
from tests.support import postgres, statements

# A time limit an example would assert a time, and the machine may be busy.
hypothesis.settings.register_profile("vorbehalt", deadline=None)
hypothesis.settings.load_profile("vorbehalt")


def _stay_in_memory(folder: Path = Path("/dev/shm"), room: int = 6 << 30) -> None:
    """Put the tests' folders where writing does not wait for a disk, if there is room and programs may be started."""
    if "TMPDIR" in os.environ or not folder.is_dir() or shutil.disk_usage(folder).free < room:
        return
    if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


_stay_in_memory()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # pytest -n auto gives every core a process already

gc.set_threshold(
    50_000, 50, 50
)  # and the memory for it: looking for rings of objects took a tenth of the time


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: nobody need look through it again and again."""
    gc.freeze()


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


@pytest.fixture(autouse=True, scope="session")
def _own_run_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs are signed with a key of the tests, never with that of whoever runs them."""
    patch = pytest.MonkeyPatch()
    patch.setenv("VORBEHALT_RUN_KEY", str(tmp_path_factory.mktemp("key") / "run.key"))
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _cheap_passwords() -> Iterator[None]:
    """Passwords are hashed in no time; what the registry spends on them is tested beside their rules."""
    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _compiled_once() -> Iterator[None]:
    """A statement is compiled once, not once for each database."""
    patch = pytest.MonkeyPatch()
    statements.share(patch)
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
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with this release's schema and no row, made by the migrations, once."""
    path = tmp_path_factory.mktemp("database") / "empty.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server, without a database; one for each process that runs tests."""
    with postgres.cluster() as server:
        yield server


@pytest.fixture(scope="session")
def _postgresql_template(postgresql: str) -> Iterator[str]:
    """A PostgreSQL database with this release's schema and no row, made by the migrations, once."""
    with postgres.database(postgresql) as address:
        _migrate(address)
        yield address


def _migrate(address: str) -> None:
    database = Database(address)
    upgrade(database, metadata)
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database: each test that asks for one, directly or not, runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with this release's schema, for this test alone."""
    if database_kind == "sqlite":
        path = tmp_path / "registry.sqlite"
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server, template = (request.getfixturevalue(n) for n in ("postgresql", "_postgresql_template"))
        with postgres.database(server, template) as address:
            yield address


@pytest.fixture
def empty_database(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    with ExitStack() as stack:
        address = f"sqlite:///{tmp_path / 'empty.sqlite'}"
        if database_kind == "postgresql":
            address = stack.enter_context(postgres.database(request.getfixturevalue("postgresql")))
        database = Database(address)
        stack.callback(database.dispose)
        yield database


@pytest.fixture
def backup_of(
    request: pytest.FixtureRequest, bank_key: SealingKey, tmp_path: Path
) -> Iterator[Callable[[Database], Database]]:
    """Makes a copy of a database as it is now, as a backup has it; nobody may be using it meanwhile."""
    with ExitStack() as copies:

        def copy(database: Database) -> Database:
            database.dispose()
            if database.engine.dialect.name == "sqlite":
                path = tmp_path / f"copy-{secrets.token_hex(4)}.sqlite"
                original = sqlite3.connect(str(database.engine.url.database))
                target = sqlite3.connect(path)
                original.backup(target)
                original.close()
                target.close()
                address = f"sqlite:///{path}"
            else:
                server = request.getfixturevalue("postgresql")
                address = copies.enter_context(postgres.database(server, str(database.engine.url)))
            made = Database(address, bank_key)
            copies.callback(made.dispose)
            return made

        yield copy


@pytest.fixture(scope="session")
def bank_key(tmp_path_factory: pytest.TempPathFactory) -> SealingKey:
    """The key that bank details are sealed with."""
    key = SealingKey(tmp_path_factory.mktemp("keys") / "bank.key")
    key.make()
    return key


@pytest.fixture
def database(database_url: str, bank_key: SealingKey) -> Iterator[Database]:
    """That database, opened."""
    database = Database(database_url, bank_key)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server; one for each process that runs tests."""
    from tests.support import s3  # takes long to import, and few tests need it

    with s3.server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file store in a new bucket, which this process may use: `s3://bucket/prefix`."""
    from tests.support import s3

    for name, value in s3.environment(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3.make_bucket(s3_endpoint)}/published"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One writing transaction around the whole test, for tests of services."""
    with database.writing() as session:
        yield session
