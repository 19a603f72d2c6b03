"""What two runs share on the disk: files that are the same in both."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from stat import S_ISREG

from crawler.sources.folder import walk
from registry.core.errors import VerificationFailed

IN_FULL = "Filter in full with `vorbehalt filter`."


def link(old: Path | str, new: Path | str, size: int) -> None:
    """The same file in both runs, or a copy where the disk has no such links."""
    try:
        facts = os.lstat(old)
    except OSError:
        facts = None
    if facts is None or not S_ISREG(facts.st_mode) or facts.st_size != size:
        raise VerificationFailed(f"{old} is missing or was changed after the run. {IN_FULL}")
    try:
        os.link(old, new)
    except FileExistsError:  # of an attempt that was interrupted
        Path(new).unlink()
        link(old, new, size)
    except OSError:
        shutil.copyfile(old, new)


def link_folder(old: Path, new: Path, size: int) -> None:
    """The same of all files in a folder."""
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    found = list(walk(old)) if old.is_dir() else []
    if sum(entry.size for entry in found) != size:
        raise VerificationFailed(f"{old} is missing or was changed after the run. {IN_FULL}")
    for entry in found:
        (new / entry.path).parent.mkdir(parents=True, exist_ok=True)
        link(old / entry.path, new / entry.path, entry.size)
