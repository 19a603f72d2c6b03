"""JSON lines: one object a line, of which one column is the text. A kept line is written back byte for byte.

Every line is an item, an empty or broken one too: it is counted, has its reason, and is never kept. Memory is
bounded by the longest line that is allowed, whatever the size of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson

from crawler.sources.base import Sample, Shard, Sink

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class JsonLinesSource:
    """One file of JSON lines as input."""

    path: Path
    name: str
    column: str
    format: str = "jsonl"

    @property
    def data_uri(self) -> str:
        """The kept lines lie in a file of the same name."""
        return self.name

    def shards(self, items_per_shard: int) -> Iterator[Shard]:
        """The file is one shard: lines can only be found by reading."""
        del items_per_shard
        facts = self.path.stat()
        yield JsonLinesShard(self.path, self.name, self.column, facts.st_size, facts.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class JsonLinesShard:
    """A whole file of JSON lines."""

    path: Path
    name: str
    column: str
    size: int
    mtime_ns: int

    def state(self) -> str:
        """Digest over name, column, size and time."""
        facts = f"{self.name}\0{self.column}\0{self.size}\0{self.mtime_ns}\n"
        return hashlib.sha256(facts.encode()).hexdigest()

    def read(self, max_bytes: int, watch: Callable[[bytes], object]) -> Iterator[Sample]:
        """Line by line; a line above the limit is passed over in pieces and counted as one broken item."""
        with self.path.open("rb") as file:
            row = 0
            while line := file.readline(max_bytes + 1):
                watch(line)
                if len(line) > max_bytes and not line.endswith(b"\n"):
                    size = len(line) + _pass_over(file, max_bytes, watch)
                    yield Sample(row, str(row + 1), b"", size, gap="error.too-large")
                else:
                    yield self._parse(row, line)
                row += 1

    def sink(self, data: Path) -> Sink:
        """Kept lines go to a file of the same name."""
        return JsonLinesSink(self.kept_path(data, 0))

    def kept_path(self, data: Path, row: int) -> Path:
        """One file for all rows."""
        del row
        return data / self.name

    def _parse(self, row: int, line: bytes) -> Sample:
        body = line.removeprefix(_BOM) if row == 0 else line
        try:
            record = orjson.loads(body)
        except orjson.JSONDecodeError:
            record = None
        if not isinstance(record, dict):
            return Sample(row, str(row + 1), line, len(line), gap="error.malformed")
        name = record.get("id")
        key = str(name) if isinstance(name, (str, int)) and not isinstance(name, bool) else str(row + 1)
        text = record.get(self.column)
        if not isinstance(text, str):
            return Sample(row, key, line, len(line), gap="error.no-text")
        return Sample(row, key, line, len(line), text=text)


def _pass_over(file: BinaryIO, piece: int, watch: Callable[[bytes], object]) -> int:
    """Read to the end of the line without holding it; returns the bytes passed."""
    passed = 0
    while part := file.readline(piece):
        watch(part)
        passed += len(part)
        if part.endswith(b"\n"):
            break
    return passed


class JsonLinesSink:
    """Writes kept lines; an interrupted attempt is overwritten from the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self.sha256: str | None = None
        self.size = 0

    def write(self, sample: Sample) -> None:
        """The line with its line end, if it had one."""
        self._file.write(sample.raw)
        self._digest.update(sample.raw)
        self.size += len(sample.raw)

    def skip(self, sample: Sample) -> None:
        """Nothing: a dropped line just is not there."""

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; only a complete file has a digest."""
        self._file.close()
        if error is None:
            self.sha256 = self._digest.hexdigest()
