"""The file store: immutable objects under relative paths. A folder here; other stores keep the same four promises.

1. What `put` has returned from survives a power cut. 2. A reader sees the whole object or none. 3. A path never
leaves the store. 4. Names of content-addressed objects are their digests, so writing one twice is harmless.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from registry.core.errors import InvalidInput

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")


class Store(Protocol):
    """Where published files and log tiles are kept."""

    def put(self, path: str, data: bytes | Path) -> None:
        """Write the object, or a copy of this file, whole and durably; replaces one of that name."""

    def get(self, path: str) -> bytes | None:
        """The object's bytes; `None` if there is none."""

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""

    def size(self, path: str) -> int | None:
        """How many bytes it has; `None` if there is no such object."""

    def paths(self, folder: str) -> Iterable[str]:
        """The path of every object below this folder, which ends with a slash."""

    def remove(self, path: str) -> None:
        """Remove the object, if there is one."""

    def open(self, path: str, start: int = 0, length: int | None = None) -> BinaryIO | None:
        """The object as a stream from `start` on; `None` if there is none. The caller closes it.

        With a `length`, which is at least 1, no more is read than that, but the stream may go on behind it.
        """


def check_path(path: str) -> tuple[str, ...]:
    """The segments of a store path; `InvalidInput` for anything that could leave the store or hide in it.

    Segments are ASCII letters, digits, `_`, `-` and `.`, and begin with a letter, digit or `_`: so no `..`, no
    absolute path, no drive, no NUL, no hidden file, and the same name on every file system.
    """
    segments = tuple(path.split("/"))
    if len(path) > 500 or not all(_SEGMENT.fullmatch(s) for s in segments):
        raise InvalidInput(f"“{path[:100]!r}” is no path in the file store.")
    return segments


def open_source(data: bytes | Path) -> BinaryIO:
    """What is to be stored, as a stream."""
    return data.open("rb") if isinstance(data, Path) else BytesIO(data)


class FolderStore:
    """A store in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, path: str) -> Path:
        """Where an object lies, whether or not it is there."""
        return self.root.joinpath(*check_path(path))

    def put(self, path: str, data: bytes | Path) -> None:
        """Write to a new file beside the target, flush it to the disk, rename it, flush the folder."""
        target = self.path(path)
        self._make_folders(target.parent)
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file, open_source(data) as source:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
        _flush_folder(target.parent)

    def get(self, path: str) -> bytes | None:
        """The object's bytes; `None` if there is none."""
        try:
            return self.path(path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        return self.path(path).is_file()

    def size(self, path: str) -> int | None:
        """How many bytes it has; `None` if there is no such object."""
        try:
            found = self.path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def open(self, path: str, start: int = 0, length: int | None = None) -> BinaryIO | None:  # noqa: ARG002
        """The object as a stream from `start` on; `None` if there is none. The caller closes it."""
        try:
            file = self.path(path).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        file.seek(start)
        return file

    def paths(self, folder: str) -> Iterable[str]:
        """The path of every object below this folder; not what is being written at the moment."""
        top = self.path(folder.rstrip("/"))
        found = [file.relative_to(self.root).as_posix() for file in top.rglob("*") if file.is_file()]
        return sorted(path for path in found if "/." not in path)

    def remove(self, path: str) -> None:
        """Remove the object, if there is one, durably."""
        place = self.path(path)
        with suppress(FileNotFoundError):
            place.unlink()
            _flush_folder(place.parent)

    def _make_folders(self, folder: Path) -> None:
        """Create missing folders from the top; a new folder is durable when its parent was flushed."""
        if folder.is_dir():
            return
        self._make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_store(url: str) -> Store:
    """The store at `file:///folder` or `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from registry.base.s3 import open_s3  # boto3 takes long to import, and few need it

        return open_s3(url)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise InvalidInput(f"“{url[:100]}” is no file store; write file:///folder or s3://bucket/prefix.")
    return FolderStore(Path(unquote(parts.path)))
