"""What this publisher has signed so far, kept beside its keys: a version number is never given twice.

The record is written before anything is published. So it may be ahead of the store after an interruption, which only
leaves a gap in the numbers, but never behind.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from registry.core.durable import replace_file
from registry.core.errors import Conflict, Corrupt, NotReady
from registry.core.snapshots.trust.roles import PUBLISHER, SNAPSHOT, TIMESTAMP

_FILE = "versions.json"
_DAMAGED = "{} is damaged; restore it from a backup: a version number must not be signed twice."


@dataclass(frozen=True, slots=True)
class Versions:
    """Greatest version signed of each role, and the timestamp that is known to be out; 0 before the first."""

    publisher: int = 0
    snapshot: int = 0
    timestamp: int = 0
    published: int = 0

    def at_least(self, seen: Mapping[str, int]) -> Versions:
        """Not below what is published, in case this record was restored from an older copy."""
        return replace(
            self,
            publisher=max(self.publisher, seen.get(PUBLISHER, 0)),
            snapshot=max(self.snapshot, seen.get(SNAPSHOT, 0)),
            timestamp=max(self.timestamp, seen.get(TIMESTAMP, 0)),
        )

    def save(self, folder: Path) -> None:
        """Write the record durably."""
        replace_file(folder / _FILE, json.dumps(asdict(self)).encode() + b"\n")

    @classmethod
    def load(cls, folder: Path) -> Versions:
        """Read the record; `NotReady` if it is missing, `Corrupt` if it cannot be read."""
        path = folder / _FILE
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError as problem:
            raise NotReady(
                f"{path} is missing; run `vorbehalt-server trust init`, or restore it beside its keys."
            ) from problem
        except ValueError as problem:
            raise Corrupt(_DAMAGED.format(path)) from problem
        names = {field.name for field in fields(cls)}
        if (
            not isinstance(data, dict)
            or set(data) != names
            or any(type(v) is not int or v < 0 for v in data.values())
        ):
            raise Corrupt(_DAMAGED.format(path))
        return cls(**data)


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Whoever signs with these keys, or replaces one, does so alone; `Conflict` if another is at work."""
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise Conflict("Another publish is at work; wait until it has ended.") from problem
        yield
