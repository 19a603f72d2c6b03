"""What every format offers: shards that can be read, hashed into a plan, and written back without what was dropped.

A shard is the unit of work, of crash recovery and of the verdict file's order. How a dataset is cut into shards
depends on the dataset alone, never on the number of workers: that is why one worker and sixteen write equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from registry.core.fingerprints import Fingerprint
from registry.core.signals import Observation


@dataclass(frozen=True, slots=True)
class Part:
    """One of several contents of an item: a picture and its caption, say. Each is compared for itself."""

    data: bytes
    """What is sniffed and compared."""
    text: str | None = None
    """The same as text, where the format says that it is one; else `data` is sniffed."""
    gap: str | None = None
    """Why this part cannot be checked."""
    stated: tuple[Fingerprint, ...] = ()
    """Instead of a content, what is said of the item beside it: where it was found."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a dataset as it lies there."""

    row: int
    """Position in its shard, from 0."""
    key: str
    """How the dataset names it: relative path, `id`, or line number."""
    raw: bytes
    """The bytes that are written back if the item is kept; empty if they could not be had."""
    size: int
    """Bytes in the dataset, also where `raw` is empty."""
    text: str | None = None
    """The text to check, where the format says which part of `raw` that is; else `raw` is sniffed."""
    gap: str | None = None
    """Why this item cannot be checked (`error.…`, `unchecked.…`). Such an item is never kept."""
    sha256: str | None = None
    """Hex digest of the item, where the source had to compute it because `raw` is not carried."""
    parts: tuple[Part, ...] = ()
    """What is compared, where that is not `raw` as a whole. An item is kept only if all its parts may be."""
    stated: tuple[Fingerprint, ...] | None = None
    """What the dataset itself says of an item that is not in it: where it lies, and its digests. Nothing else of the
    sample is compared then."""
    answer: Observation | None = None
    """The answer in which it was captured, where that is stored: its headers may say what may be done with it."""
    addresses: tuple[str, ...] = ()
    """Where it was found, as the dataset states it."""
    before: bytes = b""
    """What lies before the item and is no part of one (a folder's entry in a tar): written back in any case."""
    origin: Any = None
    """Whatever the format's own sink needs to write the item back; nobody else looks at it."""

    @property
    def held(self) -> int:
        """Bytes that it takes in memory: what was packed small may be large."""
        return len(self.raw) + sum(len(part.data) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Written:
    """A file that a sink has finished, by its path below the run's data folder."""

    uri: str
    sha256: str
    bytes: int


class Sink(Protocol):
    """Writes the kept part of one shard; a context manager. Leaving it without error completes the shard."""

    written: tuple[Written, ...]
    """The files of a format that writes whole files, the dataset's first; known after leaving without error."""

    def write(self, sample: Sample) -> None:
        """Write one kept item, byte for byte."""

    def skip(self, sample: Sample) -> None:
        """Leave one item out, and remove what an interrupted attempt may have left of it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Shard(Protocol):
    """A part of a source that one worker handles; picklable, knows only names."""

    @property
    def name(self) -> str:
        """Where it goes below the data folder: the file's name, of files in a folder the folder's."""

    @property
    def size(self) -> int:
        """In bytes, as far as it is known without reading; for the time left."""

    @property
    def whole_file(self) -> bool:
        """Whether it is one file, of which `read` passes every byte to `watch`."""

    def state(self) -> str:
        """Hex digest of names, sizes and times: equal means that nothing was touched since."""

    def read(self, max_bytes: int, watch: Callable[[bytes], object]) -> Iterator[Sample]:
        """The items in order. What cannot be read comes as a sample with a gap; an item above `max_bytes` too.

        A format that is one file passes every byte of it to `watch` as it goes, so that its digest costs no
        second reading; a folder passes nothing, since its digest follows from those of its files.
        """

    def sink(self, data: Path) -> Sink:
        """Where the kept part goes, under the folder `data`."""

    def kept_path(self, data: Path, row: int) -> Path:
        """The file under `data` that holds this row, if it was kept."""


class Source(Protocol):
    """One input of a run."""

    @property
    def name(self) -> str:
        """The last part of its path. Papers never name the rest: they must be equal on every machine."""

    @property
    def format(self) -> str:
        """`folder`, `jsonl`, `parquet`, `warc`, `webdataset`."""

    @property
    def data_uri(self) -> str:
        """Where its kept part lies, relative to the run's data folder; empty for the folder itself."""

    def shards(self, items_per_shard: int) -> Iterator[Shard]:
        """Every shard in order; lazily, so that a walk over ten million files takes no memory."""


class Listing:
    """The digest of many files as one value: SHA-256 of what `sha256sum` prints for them, in order.

    So anybody can recompute it without our tools (docs/reference/run.md).
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.files = 0
        self.bytes = 0

    def add(self, key: str, sha256: str | None, size: int) -> None:
        """One file; a file that could not be read has dashes for its digest. Names are escaped as there."""
        plain = key.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        mark = "" if plain == key else "\\"
        self._digest.update(f"{mark}{sha256 or '-' * 64}  {plain}\n".encode())
        self.files += 1
        self.bytes += size

    def hexdigest(self) -> str:
        """Lower-case hex of 32 bytes."""
        return self._digest.hexdigest()
