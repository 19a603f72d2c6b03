"""A folder of objects in a bucket: every object is an item, in the order of its name as bytes.

As in a folder on disk, except that names may be such as no disk can have; those are items that are never kept.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crawler.sources.base import Sample, Shard, Sink
from crawler.sources.folder import FolderSink
from crawler.sources.places import Watch
from crawler.sources.s3 import S3Object
from registry.core.errors import NotFound

_AT_ONCE = 16
"""Requests under way: each waits far longer than it works."""
_BYTES_AT_ONCE = 64 << 20


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object: its name below the folder, and why it is no item."""

    what: S3Object
    path: str
    gap: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectsSource:
    """A folder in a bucket as input; `nested` where the output needs a folder of this name."""

    entries: tuple[ObjectEntry, ...]
    name: str
    nested: bool
    format: str = "folder"

    @classmethod
    def of(cls, folder: str, objects: Sequence[S3Object], name: str, *, nested: bool) -> ObjectsSource:
        """The listing of `folder` (bucket and prefix), sorted."""
        paths = [found.key.removeprefix(folder + "/") for found in objects]
        folders = {path[:at] for path in paths for at, c in enumerate(path) if c == "/"}
        gaps = ["error.unsafe-name" if _unsafe(path) or path in folders else None for path in paths]
        return cls(tuple(map(ObjectEntry, objects, paths, gaps)), name, nested)

    @property
    def data_uri(self) -> str:
        """Where the kept files lie below the run's data folder."""
        return self.name if self.nested else ""

    def shards(self, items_per_shard: int) -> Iterator[Shard]:
        """So many objects each."""
        for start in range(0, len(self.entries), items_per_shard):
            yield ObjectsShard(self.data_uri, self.entries[start : start + items_per_shard])


def _unsafe(path: str) -> bool:
    """Whether no file below a folder can have this name: empty parts, `.`, `..`, NUL, parts that are too long."""
    parts = path.split("/")
    return "\0" in path or any(
        part in ("", ".", "..") or len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts
    )


@dataclass(frozen=True, slots=True)
class ObjectsShard:
    """Some consecutive objects."""

    data_uri: str
    entries: tuple[ObjectEntry, ...]
    whole_file: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.data_uri

    @property
    def size(self) -> int:
        """Of all its objects."""
        return sum(entry.what.size for entry in self.entries)

    def state(self) -> str:
        """Digest over name, size and time of every object."""
        lines = (f"{e.path}\0{e.what.size}\0{e.what.mtime_ns}\0{e.gap}\n" for e in self.entries)
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """Each object whole; one above the limit is not fetched."""
        del watch  # a folder's digest is that of the list of its files
        prefix = self.data_uri + "/" if self.data_uri else ""
        fetched = _ahead(partial(_fetch, max_bytes=max_bytes), self.entries)
        for row, (entry, (raw, gap)) in enumerate(zip(self.entries, fetched, strict=True)):
            key = prefix + entry.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            yield Sample(row, key, raw, entry.what.size, gap=gap)

    def sink(self, data: Path) -> Sink:
        """Kept objects become files under the same relative name."""
        return FolderSink(partial(self.kept_path, data))

    def kept_path(self, data: Path, row: int) -> Path:
        """The same name below the data folder; of a name that no file can have, a number that nothing is written to."""
        entry = self.entries[row]
        name = entry.path if entry.gap is None else f".unsafe-{row}"
        return data / self.data_uri / name


def _fetch(entry: ObjectEntry, max_bytes: int) -> tuple[bytes, str | None]:
    if entry.gap is not None:
        return b"", entry.gap
    if entry.what.size > max_bytes:
        return b"", "error.too-large"
    try:
        with entry.what.open() as file:
            return file.read(), None
    except NotFound:
        return b"", "error.unreadable"


def _ahead(
    fetch: Callable[[ObjectEntry], tuple[bytes, str | None]], entries: Sequence[ObjectEntry]
) -> Iterator[tuple[bytes, str | None]]:
    """Fetch some objects ahead, bounded in number and in bytes; in order."""
    waiting: deque[tuple[int, Future[tuple[bytes, str | None]]]] = deque()
    held = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for entry in entries:
                while waiting and (len(waiting) >= _AT_ONCE or held + entry.what.size > _BYTES_AT_ONCE):
                    size, done = waiting.popleft()
                    yield done.result()
                    held -= size
                waiting.append((entry.what.size, pool.submit(fetch, entry)))
                held += entry.what.size
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            for _, left in waiting:
                left.cancel()
