"""The server's commands as an operator runs them: real processes with an environment of their own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from registry.demo.processes import program

_PATIENCE_SECONDS = 300


def eventually(what: str, done: Callable[[], bool]) -> None:
    """Wait until it is done; fail if it is not in a time that no test should need."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


@dataclass
class Running:
    """A command that was started."""

    process: subprocess.Popen[str]
    output: Path
    log: Path

    def said(self) -> str:
        """What it has written to standard output so far."""
        return self.output.read_text()

    def logged(self) -> str:
        """What it has written to standard error so far."""
        return self.log.read_text()

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(_PATIENCE_SECONDS)

    def stop(self) -> int:
        """Ask it to end, as a supervisor does; the exit code."""
        self.process.terminate()
        return self.ended()


@dataclass
class Operator:
    """Somebody who runs `vorbehalt-server` for one registry."""

    folder: Path
    environment: Mapping[str, str]
    started: list[Running] = field(default_factory=list)

    def start(self, *arguments: str) -> Running:
        """Start a command."""
        stem = self.folder / f"{len(self.started)}-{arguments[0]}"
        output, log = stem.with_suffix(".out"), stem.with_suffix(".log")
        ours = {k: v for k, v in os.environ.items() if not k.startswith("VORBEHALT_")}
        with output.open("w") as out, log.open("w") as errors:
            process = subprocess.Popen(
                [program("vorbehalt-server"), *arguments],
                env={**ours, **self.environment},
                stdout=out,
                stderr=errors,
                text=True,
            )
        running = Running(process, output, log)
        self.started.append(running)
        return running


@contextmanager
def operating(folder: Path, **environment: str) -> Iterator[Operator]:
    """An operator; what is still running at the end is killed."""
    folder.mkdir(exist_ok=True)
    operator = Operator(folder, environment)
    try:
        yield operator
    finally:
        for running in operator.started:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()
