"""Large files that are there whole or not at all: written beside their place, flushed, renamed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.core.durable import flush_folder, replace_file

__all__ = ["replace_file", "replacing", "sha256_of"]

_CHUNK = 256 * 2**10


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; on leaving without error it takes the place of `path`, else it is removed."""
    rough = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield rough
        with rough.open("rb") as file:
            os.fsync(file.fileno())
        rough.replace(path)
        flush_folder(path.parent)
    finally:
        rough.unlink(missing_ok=True)


def sha256_of(path: Path | str) -> str:
    """Hex digest of a file. For small ones, `hashlib.file_digest` takes longer to make room than to digest."""
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_RDONLY), "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
