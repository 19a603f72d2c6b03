"""When the files of an installed edition were read and found whole, so that a visit without change need not read them.

Nothing is believed because of it: whoever opens an edition to judge by it verifies every digest, each time. It says
only when a visit reads everything again to find damage by itself: after a day, or when a file's size, times or place
on the disk are not what they were. So whoever can write here gains nothing by writing this: a copy that was tampered
with is refused when it is opened, and what is refused is read in full by the next visit.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from registry.core.durable import replace_file
from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical, parse_canonical

AGAIN_AFTER: Final = 24 * 3600
"""Seconds after which a visit reads everything again."""

Facts = dict[str, str]
"""By name of the file: size, times of the last change of content and of state (ns), and inode."""
_NAME = "verified.json"


def facts_of(edition: Path, names: Iterable[str]) -> Facts:
    """What tells that these files are as they were. To be asked before they are read; `OSError` if one is missing."""
    stats = {name: (edition / name).stat(follow_symlinks=False) for name in names}
    return {n: f"{s.st_size} {s.st_mtime_ns} {s.st_ctime_ns} {s.st_ino}" for n, s in stats.items()}


def remember(edition: Path, manifest_sha256: str, facts: Facts, now: int) -> None:
    """These files were read and are what the signed manifest says."""
    replace_file(edition / _NAME, canonical({"at": now, "files": facts, "manifest": manifest_sha256}))


def is_remembered(edition: Path, manifest_sha256: str, now: int) -> bool:
    """Whether that was less than a day ago, and all files are as they were; in doubt it is not so."""
    try:
        known: Any = parse_canonical((edition / _NAME).read_bytes(), _NAME)
        age, files = now - known["at"], known["files"]
        return (
            known["manifest"] == manifest_sha256
            and bool(0 <= age < AGAIN_AFTER)
            and facts_of(edition, files) == files
        )
    except (OSError, InvalidInput, KeyError, TypeError, AttributeError, ValueError):
        return False


def forget(edition: Path) -> None:
    """Something here is damaged: the next visit reads everything."""
    (edition / _NAME).unlink(missing_ok=True)
