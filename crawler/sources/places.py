"""Where a dataset's file lies: on this machine, or in a bucket. A place is a value that any process can open.

Names, sizes and times of change are learnt once, when a run is planned; whoever reads opens the place anew.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol, cast

import pyarrow as pa

from crawler.sources.base import Written
from registry.core.errors import InvalidInput

Watch = Callable[[bytes], object]


def unwatched(data: bytes) -> None:
    """For reading of which no digest is made."""


CHUNK = 1 << 20
"""Bytes that are read at once."""
_PIECE = 1 << 18
"""Bytes that are written at once."""

_CODECS = {".gz": "gzip", ".tgz": "gzip", ".zst": "zstd"}


class Place(Protocol):
    """One file that can be read from its beginning."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def mtime_ns(self) -> int:
        """When it was changed last."""

    @property
    def path(self) -> Path | None:
        """Where it lies, if on this machine."""

    def open(self) -> BinaryIO:
        """Its bytes, in order. `NetworkFailed` if they cannot be had from elsewhere, `OSError` if not from here."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine."""

    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path) -> LocalFile:
        """As it lies there now."""
        facts = path.stat()
        return cls(path, facts.st_size, facts.st_mtime_ns)

    def open(self) -> BinaryIO:
        """Buffered, in large pieces."""
        return self.path.open("rb", buffering=CHUNK)


def state_of(place: Place, *more: str) -> str:
    """Hex digest over size, time of change and whatever else decides what is read; see `Shard.state`."""
    return sha256("\0".join([*more, str(place.size), f"{place.mtime_ns}\n"]).encode()).hexdigest()


# -- reading once, in order ----------------------------------------------------------------------------------
class Watched(io.RawIOBase):
    """Another file's bytes, each of them shown to `watch` as it goes by."""

    def __init__(self, file: BinaryIO, watch: Watch) -> None:
        super().__init__()
        self._file = file
        self._watch = watch

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer, io gives memoryviews
        """The next bytes."""
        data = self._file.read(len(buffer))
        self._watch(data)
        buffer[: len(data)] = data
        return len(data)

    def drain(self) -> None:
        """Show the rest to `watch`, too: a digest is over all of a file, also where only its head made sense."""
        while data := self._file.read(CHUNK):
            self._watch(data)


@contextmanager
def reading(place: Place, watch: Watch, *, name: str = "") -> Iterator[BinaryIO]:
    """The file's content; `watch` sees the bytes of the file itself.

    With a `name` that ends in .gz, .tgz or .zst the content is unpacked on the way, in bounded memory; damage shows
    as `OSError` then. On leaving without error, and when whoever reads has enough, `watch` has seen the whole file.
    """
    with place.open() as file:
        raw = Watched(file, watch)
        try:
            yield cast("BinaryIO", io.BufferedReader(_unpacked(raw, name), CHUNK))
        except GeneratorExit:
            raw.drain()
            _check_untouched(place)
            raise
        raw.drain()
    _check_untouched(place)


def _check_untouched(place: Place) -> None:
    """`InvalidInput` if a file on this machine is no longer the one that was looked at when the run was planned.

    Its digest could be that of the old content, and its items those of the new.
    """
    if place.path is None:
        return  # whoever opens one from elsewhere asks for the same version throughout
    now = LocalFile.at(place.path)
    if (now.size, now.mtime_ns) != (place.size, place.mtime_ns):
        raise InvalidInput(f"{place.path} was changed while it was read. Start again, into another folder.")


def _unpacked(raw: io.RawIOBase, name: str) -> io.RawIOBase:
    codec = codec_of(name)
    if codec is None:
        return raw
    return cast("io.RawIOBase", pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), codec))


def codec_of(name: str) -> str | None:
    """`gzip`, `zstd`, or `None` where a file of this name is not packed."""
    return _CODECS.get(Path(name).suffix.lower())


@contextmanager
def at_hand(place: Place, watch: Watch) -> Iterator[Path]:
    """The file on this machine, for formats that are not read in order; `watch` has seen all of it.

    A file from elsewhere is fetched first, once, into a temporary file that nobody else can see.
    """
    if place.path is not None:
        with place.open() as file:
            Watched(file, watch).drain()
        try:
            yield place.path
        except GeneratorExit:  # whoever reads has enough
            _check_untouched(place)
            raise
        _check_untouched(place)
        return
    with NamedTemporaryFile(prefix="vorbehalt-") as spool, place.open() as file:
        while data := file.read(CHUNK):
            watch(data)
            spool.write(data)
        spool.flush()
        yield Path(spool.name)


# -- writing -------------------------------------------------------------------------------------------------
class Output:
    """A file under a run's data folder, packed if its name says so; equal content gives equal bytes.

    An interrupted attempt is overwritten from the start, and has no digest.
    """

    def __init__(self, data: Path, name: str, *, packed: bool = True) -> None:
        """`name` below the data folder; `packed=False` for content that is written in its own packing."""
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._name = name
        self._file = path.open("wb", buffering=_PIECE)
        self._waiting = bytearray()
        self._digest = sha256()
        self._packed: io.RawIOBase | None = None
        self._size = 0
        if packed and (codec := codec_of(path.name)):
            self._packed = pa.CompressedOutputStream(self.as_arrow(), codec)

    def as_arrow(self) -> pa.NativeFile:
        """For Arrow's own writers."""
        return pa.PythonFile(_Into(self._put), mode="w")

    def write(self, data: bytes) -> None:
        """The next bytes of the content."""
        if self._packed is None:
            self._put(data)
        else:
            self._packed.write(data)

    def close(self) -> Written:
        """Finish; only now the file has a digest."""
        if self._packed is not None:
            self._packed.close()
        self._flush()
        self._file.close()
        return Written(self._name, self._digest.hexdigest(), self._size)

    def abandon(self) -> None:
        """Let go of an unfinished file; what the packer still holds goes nowhere."""
        self._file.close()

    def _put(self, data: bytes) -> None:
        if self._file.closed:
            return
        self._waiting += data
        self._size += len(data)
        if len(self._waiting) >= _PIECE:
            self._flush()

    def _flush(self) -> None:
        """Digest in large pieces: for short ones, calling takes longer than digesting."""
        self._file.write(self._waiting)
        self._digest.update(self._waiting)
        self._waiting.clear()


class _Into(io.RawIOBase):
    """What is written here goes into a function."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        super().__init__()
        self._put = put

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: memoryview) -> int:  # type: ignore[override]  # pyarrow gives bytes
        """All of it."""
        self._put(bytes(data))
        return len(data)
