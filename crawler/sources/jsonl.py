"""JSON lines: one object a line, of which one column is the text. A kept line is written back byte for byte.

Every line is an item, an empty or broken one too: it is counted, has its reason, and is never kept. Memory is
bounded by the longest line that is allowed, whatever the size of the file. Files packed with gzip or Zstandard are
unpacked on the way and packed again; one that ends too early or is damaged has one broken item for the rest.

Dolma keeps what was found out about `documents/0.json.gz` in files beside it, `attributes/TAGGER/0.json.gz`, line by
line. They come out with the lines of the documents that are kept; one that does not fit its documents stops the run.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson

from crawler.sources.attributes import AttributeLines
from crawler.sources.base import Sample, Sink, Written
from crawler.sources.json_names import has_twice
from crawler.sources.metadata import METADATA, addresses_in, addresses_of_row, read_row, stated_columns
from crawler.sources.places import Output, Place, Watch, codec_of, reading, state_of

_BOM = b"\xef\xbb\xbf"
_TRUNCATED = "error.truncated"


@dataclass(frozen=True, slots=True)
class JsonLinesShard:
    """A whole file of JSON lines: lines can only be found by reading, so it is not cut."""

    place: Place
    name: str
    """Where it goes below the data folder."""
    column: str
    stated: tuple[str, ...] | None = None
    """Instead of a text, what each line states of an item elsewhere: the columns of that, empty to find them."""
    attributes: tuple[tuple[str, Place], ...] = ()
    """Dolma's files about this one: where they go, and where they lie."""
    whole_file: bool = True

    @property
    def size(self) -> int:
        """Of the file."""
        return self.place.size

    def state(self) -> str:
        """Digest over name, column, size and time, those of the attributes as well."""
        beside = [state_of(place, name) for name, place in self.attributes]
        if self.stated is not None:
            return state_of(self.place, self.name, METADATA, *self.stated, *beside)
        return state_of(self.place, self.name, self.column, *beside)

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """Line by line; a line above the limit is passed over in pieces and counted as one broken item."""
        with closing(self._pieces(max_bytes, watch)) as pieces:
            for row, (line, size, gap) in enumerate(pieces):
                if gap is None:
                    yield self._parse(row, line)
                else:
                    key = f"{row + 1}…" if gap == _TRUNCATED else str(row + 1)
                    yield Sample(row, key, b"", size, gap=gap)

    def lines(self, max_bytes: int, watch: Watch) -> Iterator[bytes]:
        """The lines without a look at what they are, for whoever knows which to write back; empty if that is none."""
        return (line for line, _, _ in self._pieces(max_bytes, watch))

    def _pieces(self, max_bytes: int, watch: Watch) -> Generator[tuple[bytes, int, str | None], None, None]:
        """Line, size, and why there is no line.

        Of a packed file the lines before the damage, if there is any, and one broken item for what follows.
        """
        with reading(self.place, watch, name=self.name) as file:
            try:
                while line := file.readline(max_bytes + 1):
                    if len(line) > max_bytes and not line.endswith(b"\n"):
                        yield b"", len(line) + _pass_over(file, max_bytes), "error.too-large"
                    else:
                        yield line, len(line), None
            except OSError as problem:
                if problem.errno is not None or codec_of(self.name) is None:
                    raise  # of the disk, not of the content
                yield b"", 0, _TRUNCATED

    def sink(self, data: Path) -> Sink:
        """Kept lines go to a file of the same name."""
        return JsonLinesSink(data, self.name, self.attributes)

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
        if self.stated is not None:
            columns = stated_columns(tuple(record), self.stated)
            if has_twice(body, columns.columns):
                return Sample(row, key, line, len(line), gap="error.duplicate-key")
            codes, gap = read_row(record, columns)
            addresses = addresses_of_row(record, columns)
            return Sample(row, key, line, len(line), stated=codes, gap=gap, addresses=addresses)
        text = record.get(self.column)
        if not isinstance(text, str):
            return Sample(row, key, line, len(line), gap="error.no-text")
        if has_twice(body, (self.column,)):
            return Sample(row, key, line, len(line), gap="error.duplicate-key")
        return Sample(row, key, line, len(line), text=text, addresses=addresses_in(record))


def _pass_over(file: BinaryIO, piece: int) -> int:
    """Read to the end of the line without holding it; returns the bytes passed."""
    passed = 0
    while part := file.readline(piece):
        passed += len(part)
        if part.endswith(b"\n"):
            break
    return passed


class JsonLinesSink:
    """Writes kept lines, each with its line end if it had one, and those of the attributes beside them."""

    def __init__(self, data: Path, name: str, attributes: Sequence[tuple[str, Place]] = ()) -> None:
        self._data = data
        self._name = name
        self._attributes = attributes
        self.written: tuple[Written, ...] = ()

    def write_line(self, line: bytes) -> None:
        """One line, where no attributes are beside it."""
        self._file.write(line)

    def write(self, sample: Sample) -> None:
        """One line."""
        self._file.write(sample.raw)
        for lines in self._beside:
            lines.next(sample, kept=True)

    def skip(self, sample: Sample) -> None:
        """Nothing of a line that is dropped."""
        for lines in self._beside:
            lines.next(sample, kept=False)

    def __enter__(self) -> Self:
        self._file = Output(self._data, self._name)
        self._beside = [AttributeLines(self._data, name, place) for name, place in self._attributes]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; only a complete file has a digest."""
        if error is not None:
            self._file.abandon()
            for lines in self._beside:
                lines.abandon()
            return
        self.written = (self._file.close(), *(lines.close() for lines in self._beside))
