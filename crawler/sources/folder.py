"""A folder of files: every file is an item, in the order of its relative path as bytes.

Hidden files are items like all others: leaving them out silently would make the counts lie, keeping them unread
would keep what nobody checked. Symbolic links are listed and never followed, so that a link cannot bring in what
lies outside the folder, nor the same file twice. What a file is, is read from its content, never from its name.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from crawler import durable
from crawler.sources.base import Listing, Sample, Shard, Sink, Written
from crawler.sources.places import Watch

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the folder: path relative to it (with `/`), size, time of change, and why it is no item."""

    path: str
    size: int
    mtime_ns: int
    gap: str | None = None

    @property
    def key(self) -> str:
        """The path as text; bytes that are no UTF-8 are shown by their hexadecimal number."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")


def walk(root: Path) -> Iterator[Entry]:
    """Everything below `root` but its folders, sorted by relative path as bytes, one folder in memory at a time."""
    stack = [_listing(root, "")]
    while stack:
        for name, path, entry in stack[-1]:
            if not name.endswith(b"/"):
                yield _entry(path, entry)
                continue
            try:
                stack.append(_listing(entry.path, path + "/"))
            except OSError:
                yield Entry(path + "/", 0, 0, "error.unreadable")
                continue
            break
        else:
            stack.pop()


def _listing(folder: Path | str, prefix: str) -> Iterator[tuple[bytes, str, os.DirEntry[str]]]:
    """One folder, sorted so that a walk in this order visits whole paths in byte order: folders as `name/`."""
    with os.scandir(folder) as entries:
        rows = [
            (os.fsencode(e.name + "/" if e.is_dir(follow_symlinks=False) else e.name), prefix + e.name, e)
            for e in entries
        ]
    return iter(sorted(rows, key=itemgetter(0)))


def _entry(path: str, entry: os.DirEntry[str]) -> Entry:
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return Entry(path, 0, 0, "error.unreadable")
    if stat.S_ISLNK(facts.st_mode):
        return Entry(path, 0, facts.st_mtime_ns, "unchecked.symlink")
    if not stat.S_ISREG(facts.st_mode):
        return Entry(path, 0, facts.st_mtime_ns, "unchecked.special-file")
    return Entry(path, facts.st_size, facts.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder as input; `nested` where the output holds several inputs and so needs a folder of this name."""

    root: Path
    name: str
    nested: bool
    format: str = "folder"

    @property
    def data_uri(self) -> str:
        """Where the kept files lie below the run's data folder."""
        return self.name if self.nested else ""

    def shards(self, items_per_shard: int) -> Iterator[Shard]:
        """So many files each; a folder without files has none."""
        entries = walk(self.root)
        while part := tuple(islice(entries, items_per_shard)):
            yield FolderShard(self.root, self.data_uri, part)


@dataclass(frozen=True, slots=True)
class FolderShard:
    """Some consecutive files of a folder."""

    root: Path
    data_uri: str
    entries: tuple[Entry, ...]
    whole_file: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.data_uri

    @property
    def size(self) -> int:
        """Of all its files."""
        return sum(entry.size for entry in self.entries)

    def state(self) -> str:
        """Digest over path, size and time of every entry."""
        lines = (f"{e.key}\0{e.size}\0{e.mtime_ns}\0{e.gap}\n".encode() for e in self.entries)
        return hashlib.sha256(b"".join(lines)).hexdigest()

    def read(self, max_bytes: int, watch: Callable[[bytes], object]) -> Iterator[Sample]:
        """Each file whole, up to the limit; above it only its digest is computed."""
        del watch  # a folder's digest is that of the list of its files
        prefix = self.data_uri + "/" if self.data_uri else ""
        for row, entry in enumerate(self.entries):
            key = prefix + entry.key
            if entry.gap is not None:
                yield Sample(row, key, b"", entry.size, gap=entry.gap)
                continue
            try:
                yield _sample(self.root / entry.path, row, key, max_bytes)
            except OSError:
                yield Sample(row, key, b"", entry.size, gap="error.unreadable")

    def sink(self, data: Path) -> Sink:
        """Kept files go under the same relative path."""
        return FolderSink(partial(self.kept_path, data))

    def kept_path(self, data: Path, row: int) -> Path:
        """The same path below the data folder."""
        return data.joinpath(self.data_uri, self.entries[row].path)


def _opened(path: Path) -> BinaryIO:
    """`O_NOFOLLOW`: what was a file during the walk must not have become a link since."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def read_file(path: Path, max_bytes: int, watch: Watch) -> tuple[bytes, str | None]:
    """A file's bytes, all of which `watch` sees; or why there are none."""
    try:
        with _opened(path) as file:
            raw = file.read(max_bytes + 1)
            watch(raw)
            if len(raw) <= max_bytes:
                return raw, None
            while chunk := file.read(_CHUNK):
                watch(chunk)
    except OSError:
        return b"", "error.unreadable"
    return b"", "error.too-large"


def listing_of(data: Path, uri: str) -> Listing:
    """Of all files in a folder below `data`, as a run's papers have it; `OSError` if something else lies there."""
    listing, prefix = Listing(), f"{uri}/" if uri else ""
    for entry in walk(data / uri):
        path = f"{data}/{prefix}{entry.path}"
        if entry.gap is not None:
            raise OSError(f"{path} is no plain file; the run wrote only such.")
        listing.add(prefix + entry.key, durable.sha256_of(path), entry.size)
    return listing


def digest_of(data: Path, uri: str) -> str:
    """Of a file below `data`, or of a folder; `OSError` if it cannot be read."""
    return listing_of(data, uri).hexdigest() if (data / uri).is_dir() else durable.sha256_of(data / uri)


def _sample(path: Path, row: int, key: str, max_bytes: int) -> Sample:
    with _opened(path) as file:
        raw = file.read(max_bytes + 1)
        if len(raw) <= max_bytes:
            return Sample(row, key, raw, len(raw))
        digest, size = hashlib.sha256(raw), len(raw)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
        return Sample(row, key, b"", size, gap="error.too-large", sha256=digest.hexdigest())


class FolderSink:
    """Writes kept files under their relative path.

    Files appear in a folder that nobody looks at before the run is complete, so they are written directly.
    """

    written: tuple[Written, ...] = ()
    """Nothing: a folder's digest is that of the list of its files."""

    def __init__(self, path_of: Callable[[int], Path]) -> None:
        self._path_of = path_of

    def write(self, sample: Sample) -> None:
        """One file with exactly the bytes that were checked."""
        path = self._path_of(sample.row)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.raw)

    def skip(self, sample: Sample) -> None:
        """Nothing, or the end of what an interrupted attempt wrote."""
        path = self._path_of(sample.row)
        if path.is_file():
            path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: each file was closed when written."""
