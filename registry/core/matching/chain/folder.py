"""A folder whose content changes in one step.

    current.json   names the two below; replaced as a whole, so a reader sees one state or the next
    base-<n>/      the tables (see `tables`)
    changes-<n>/   codes added since the tables were built, and which rows are gone

A part, once there, never changes. It is deleted when it is no longer named, which does not take its files from the
processes that have them mapped.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from registry.core.errors import Corrupt
from registry.core.matching import storage

FORMAT: Final = "vorbehalt-chain-v1"
BASE, CHANGES = "base", "changes"
_CURRENT, _LOCK = "current.json", ".lock"


@dataclass(frozen=True, slots=True)
class Part:
    """A folder within the folder, and the digest that covers all that is in it."""

    kind: str
    number: int
    seal: str

    @property
    def name(self) -> str:
        """As the folder is called."""
        return f"{self.kind}-{self.number}"


@dataclass(frozen=True, slots=True)
class Current:
    """What belongs together."""

    base: Part
    changes: Part | None


def exists(folder: Path) -> bool:
    """Whether an index was ever completed here."""
    return (folder / _CURRENT).exists()


def read(folder: Path) -> Current:
    """The current state; `Corrupt` if there is none, `OtherFormat` if another version wrote it."""
    try:
        stored = json.loads((folder / _CURRENT).read_bytes())
        if isinstance(stored["format"], str) and stored["format"] != FORMAT:
            raise damaged(folder, f"has the format {stored['format']}, not {FORMAT}", storage.OtherFormat)
        return _parsed(stored)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, f"cannot be read ({type(error).__name__}: {error})") from error


def _parsed(stored: dict[str, Any]) -> Current:
    if stored["format"] != FORMAT:
        raise ValueError(f"its format is {stored['format']}, not {FORMAT}")
    changes = stored[CHANGES]
    return Current(_part(BASE, stored[BASE]), None if changes is None else _part(CHANGES, changes))


def _part(kind: str, stored: dict[str, Any]) -> Part:
    number, seal = stored["number"], stored["sha256"]
    if type(number) is not int or number < 1 or not isinstance(seal, str):
        raise ValueError(f"no {kind}")
    return Part(kind, number, seal)


def sealed(folder: Path, kind: str, number: int) -> Part:
    """The part that was just written."""
    return Part(kind, number, storage.seal(folder / f"{kind}-{number}"))


def point(folder: Path, current: Current) -> None:
    """Make this the current state, also if the power fails now."""
    parts = {kind: _stored(part) for kind, part in ((BASE, current.base), (CHANGES, current.changes))}
    new = folder / f".{_CURRENT}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **parts}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / _CURRENT)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stored(part: Part | None) -> dict[str, int | str] | None:
    return None if part is None else {"number": part.number, "sha256": part.seal}


def tidy(folder: Path) -> None:
    """Delete the parts that are no longer named."""
    current = read(folder)
    named = {part.name for part in (current.base, current.changes) if part is not None}
    for kind in (BASE, CHANGES):
        for old in folder.glob(f"{kind}-*"):
            if old.name not in named:
                shutil.rmtree(old, ignore_errors=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Until the block ends no other process changes this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def damaged(folder: Path, what: str, kind: type[Corrupt] = Corrupt) -> Corrupt:
    """The error, with what to do."""
    return kind(f"The index {folder} {what}. Delete that folder; it is built again from the codes.")
