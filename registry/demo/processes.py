"""Run the two command-line programs as a person would: as processes, with their own environment and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from registry.core.errors import MissingExtra, NetworkFailed

_START_SECONDS = 60


class StepFailed(Exception):
    """A step of the demo did not end as it must; the message shows what was said."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def program(name: str) -> str:
    """The path of one of our two commands in this Python's environment."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise MissingExtra(f"{path} is missing; install the package first: pip install 'vorbehalt[demo]'")
    return str(path)


@dataclass(frozen=True, slots=True)
class Shell:
    """Somebody's terminal: a working folder and an environment."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: str, *arguments: str | Path, expect: int = 0) -> Any:
        """Run one command with `--json`; its document. `StepFailed` shows what it said if it ends otherwise."""
        line = [program(command), *map(str, arguments), "--json"]
        done = self._run(line)
        if done.returncode != expect:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise StepFailed(
                f"$ {' '.join(line[1:])}\nended with {done.returncode} instead of {expect}:\n{said}"
            )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def say(self, command: str, *arguments: str | Path) -> str:
        """Run one command as a person sees it; what it printed."""
        done = self._run([program(command), *map(str, arguments)])
        if done.returncode != 0:
            raise StepFailed(f"{command} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def _run(self, line: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line,
            cwd=self.folder,
            env={**_plain_environment(), **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )


def _plain_environment() -> dict[str, str]:
    """Ours, without settings of another registry that may be in it."""
    return {k: v for k, v in os.environ.items() if not k.startswith("VORBEHALT_")}


@contextmanager
def serving(home: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A registry that serves on a free port; yields its address. It is stopped at the end by its own process id."""
    with (home / "server.log").open("a") as server_log:
        server = subprocess.Popen(
            [program("vorbehalt-server"), "serve", "--home", str(home), "--port", str(port)],
            env=_plain_environment(),
            stdout=subprocess.PIPE,
            stderr=server_log,
            text=True,
        )
    try:
        yield _address(server, home), server
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.stdout is not None:
            server.stdout.close()


def _address(server: subprocess.Popen[str], home: Path) -> str:
    """The address that the server announces; `NetworkFailed` with the end of its log if it does not start."""
    assert server.stdout is not None
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        line = server.stdout.readline()
        if line.startswith("Serving on "):
            return line.removeprefix("Serving on ").strip()
        if not line and server.poll() is not None:
            break
    said = (home / "server.log").read_text("utf-8", "replace")[-2000:]
    raise NetworkFailed(f"The registry did not start:\n{said}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody's API key at a server's address."""

    address: str
    key: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One JSON request; its document, or its text where the answer is no JSON."""
        response = urllib3.request(
            method,
            self.address + path,
            json=body if body is not None else None,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
            retries=False,
        )
        text = response.data.decode()
        if response.status >= 300:
            raise StepFailed(f"{method} {path} was answered with {response.status}:\n{text}")
        return json.loads(text) if "json" in response.headers.get("Content-Type", "") else text
