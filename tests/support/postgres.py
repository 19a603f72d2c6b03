"""A real PostgreSQL for tests: Debian's binaries, a throw-away cluster, run as a user that is not root.

Durability is switched off: these tests ask what is right, the crash tests ask what survives and start their own.
"""

from __future__ import annotations

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

import psycopg
from psycopg import sql

_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL here; `None` if there is none, or no user to run it as."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found and (os.geteuid() != 0 or _unprivileged() is not None) else None


def _unprivileged() -> str | None:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


def _run(folder: Path, *command: str) -> None:
    """Run a command, as another user if we are root; its output goes to a file, since a pipe would be kept open."""
    as_user = ["runuser", "-u", str(_unprivileged()), "--"] if os.geteuid() == 0 else []
    with (folder / "output.log").open("ab") as output:
        done = subprocess.run([*as_user, *command], stdout=output, stderr=output, cwd=folder, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{(folder / 'output.log').read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """A running server; yields its address without a database name: `postgresql+psycopg://…:port`."""
    bin_folder = binaries()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, str(_unprivileged()))
    port = _free_port()
    data = str(folder / "data")
    options = f"-h 127.0.0.1 -p {port} -k {folder}" + ("" if durable else f" {_FAST}")
    try:
        _run(
            folder,
            str(bin_folder / "initdb"),
            "-D",
            data,
            "-U",
            "tester",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        )
        _run(
            folder,
            str(bin_folder / "pg_ctl"),
            "-D",
            data,
            "-w",
            "-l",
            str(folder / "server.log"),
            "-o",
            options,
            "start",
        )
        try:
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}"
        finally:
            _run(folder, str(bin_folder / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server: str) -> Iterator[str]:
    """An empty database on that server, dropped afterwards; yields its address."""
    name = f"test_{secrets.token_hex(6)}"
    plain = server.replace("+psycopg", "") + "/postgres"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
