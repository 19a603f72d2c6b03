"""Parquet: one row an item, of which one column or several are compared. Kept rows keep all columns and types.

A row group is never held whole: some are one group of gigabytes. Pages are read as they are needed, rows go on in
small batches, and the output has groups of as many rows as the input's, but of no more than 64 MiB. Schema, metadata
(that of Hugging Face `datasets` above all), compression and dictionaries are those of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.sources.base import Part, Sample, Sink, Written
from crawler.sources.columns import Column, find_columns, is_plain, plain_values
from crawler.sources.metadata import METADATA, Stated, read_row, require_columns
from crawler.sources.parquet_layout import Layout
from crawler.sources.places import Output, Place, Watch, at_hand, state_of
from registry.core.errors import InvalidInput

_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 1_024
_READ_AHEAD = 1 << 20
"""Bytes of each column that are read at once."""
_GROUP_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ParquetShard:
    """One parquet file."""

    place: Place
    name: str
    """Where it goes below the data folder."""
    columns: tuple[str, ...] = ()
    """What is compared; empty to find it."""
    metadata_only: bool = False
    """Compare what each row states of an item elsewhere: its address, its digests."""
    whole_file: bool = True

    @property
    def size(self) -> int:
        """Of the file."""
        return self.place.size

    def state(self) -> str:
        """Digest over name, columns, size and time."""
        return state_of(self.place, self.name, *([METADATA] if self.metadata_only else []), *self.columns)

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """Row by row; what is left of a row group that is damaged is one broken item."""
        with at_hand(self.place, watch) as path:
            try:
                file = pq.ParquetFile(path, buffer_size=_READ_AHEAD, pre_buffer=False)
            except (pa.ArrowException, OSError):
                yield Sample(0, f"{self.name}#…", b"", 0, gap="error.malformed")
                return
            with file:
                yield from self._rows(file, max_bytes)

    def check_columns(self, schema: pa.Schema) -> None:
        """`InvalidInput` unless it is clear what to compare in a table of this schema."""
        if self.metadata_only:
            find_stated(schema, self.columns, self.name)
        else:
            find_columns(schema, self.columns, self.name)

    def _rows(self, file: pq.ParquetFile, max_bytes: int) -> Iterator[Sample]:
        schema = file.schema_arrow
        if self.metadata_only:
            return iter(_StatedRows(file, self.name, find_stated(schema, self.columns, self.name)))
        return iter(_Rows(file, self.name, find_columns(schema, self.columns, self.name), max_bytes))

    def sink(self, data: Path) -> Sink:
        """Kept rows go to a file of the same name."""
        return ParquetSink(data, self.name, self.place)

    def kept_path(self, data: Path, row: int) -> Path:
        """One file for all rows."""
        del row
        return data / self.name


@dataclass(frozen=True, slots=True)
class _Row:
    """Where the sink finds a row again."""

    batch: pa.RecordBatch
    index: int


class _Rows:
    """The rows of an open file as items."""

    def __init__(self, file: pq.ParquetFile, name: str, columns: Sequence[Column], max_bytes: int) -> None:
        self._file = file
        self._name = name
        self._columns = columns
        self._max_bytes = max_bytes
        self._done = 0

    def __iter__(self) -> Iterator[Sample]:
        """Group by group, so that damage in one does not hide the others."""
        row, start = 0, 0
        for group in range(self._file.num_row_groups):
            facts = self._file.metadata.row_group(group)
            try:
                for sample in self._group(group, row, start):
                    yield sample
                    row = sample.row + 1
            except (pa.ArrowException, OSError) as problem:
                if getattr(problem, "errno", None) is not None:
                    raise  # of the disk, not of the content
                yield Sample(row, f"{self._name}#{start + self._done}…", b"", 0, gap="error.malformed")
                row += 1
            start += facts.num_rows

    def _group(self, group: int, row: int, start: int) -> Iterator[Sample]:
        self._done = 0
        for batch in self._file.iter_batches(
            batch_size=self._batch_rows(group), row_groups=[group], use_threads=False
        ):
            contents = self._contents(batch)
            for index in range(batch.num_rows):
                key = f"{self._name}#{start + self._done}"
                yield self._sample(row + self._done, key, contents(index), _Row(batch, index))
                self._done += 1

    def _contents(self, batch: pa.RecordBatch) -> Callable[[int], Any]:
        """What is compared of each row of a batch, given its index."""
        cells = [column.cells(batch) for column in self._columns]
        return lambda index: [part for own in cells for part in own(index, self._max_bytes)]

    def _batch_rows(self, group: int) -> int:
        facts = self._file.metadata.row_group(group)
        average: int = max(1, facts.total_byte_size // max(1, facts.num_rows))
        return max(1, min(_BATCH_ROWS, _BATCH_BYTES // average))

    def _sample(self, row: int, key: str, contents: Any, origin: _Row) -> Sample:
        """One part goes as the item's own bytes; a cell that cannot be checked is the whole item's gap."""
        parts: Sequence[Part] = contents
        size = sum(len(part.data) for part in parts)
        gap = next((part.gap for part in parts if part.gap is not None), None)
        if gap is not None:
            return Sample(row, key, b"", size, gap=gap)
        if len(parts) == 1:
            return Sample(row, key, parts[0].data, size, text=parts[0].text, origin=origin)
        return Sample(row, key, b"", size, parts=tuple(parts), origin=origin)


class _StatedRows(_Rows):
    """The rows of an open file as what they state of items elsewhere."""

    def __init__(self, file: pq.ParquetFile, name: str, stated: Stated) -> None:
        super().__init__(file, name, (), 0)
        self._stated = stated

    def _contents(self, batch: pa.RecordBatch) -> Callable[[int], Any]:
        values = {name: plain_values(batch, name) for name in self._stated.columns}
        return lambda index: {name: column[index] for name, column in values.items()}

    def _sample(self, row: int, key: str, contents: Any, origin: _Row) -> Sample:
        values: Mapping[str, str | bytes | None] = contents
        size = sum(len(value) for value in values.values() if value is not None)
        codes, gap = read_row(values, self._stated)
        return Sample(row, key, b"", size, stated=codes, gap=gap, origin=origin)


def find_stated(schema: pa.Schema, asked: tuple[str, ...], where: str) -> Stated:
    """The columns that state something; `InvalidInput` if there are none, or one is neither of texts nor of bytes."""
    found = require_columns(schema.names, asked, where)
    for name in found.columns:
        if not is_plain(kind := schema.field(name).type):
            raise InvalidInput(
                f"{where}: column {name} is of type {kind}; addresses are texts, digests texts or bytes."
            )
    return found


# -- writing -------------------------------------------------------------------------------------------------
class ParquetSink:
    """Writes kept rows in groups; an interrupted attempt is overwritten from the start.

    An input that could not be opened as parquet leaves no file: there is no schema that an empty one could have.
    """

    def __init__(self, data: Path, name: str, place: Place) -> None:
        self._path = data / name
        self._name = name
        self._place = place
        self._batch: pa.RecordBatch | None = None
        self._kept: list[int] = []
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self.written: tuple[Written, ...] = ()

    def write(self, sample: Sample) -> None:
        """One row with all its columns; rows of one batch are gathered first."""
        origin: _Row = sample.origin
        if origin.batch is not self._batch:
            self._gather()
            self._batch = origin.batch
        self._kept.append(origin.index)

    def skip(self, sample: Sample) -> None:
        """Nothing: a dropped row just is not there."""

    def take(self, batch: pa.RecordBatch, kept: list[int]) -> None:
        """These rows of a batch, of which no other row will come."""
        self._gather()
        self._batch, self._kept = batch, kept

    def _gather(self) -> None:
        """The kept rows of the batch that is left behind; a full group goes to the file."""
        if self._batch is None or not self._kept:
            return
        layout = cast("Layout", self._layout)
        kept = self._batch.take(pa.array(self._kept, pa.int64()))
        self._kept = []
        while kept.num_rows:
            room = min(layout.rows_per_group - self._rows, kept.num_rows)
            part, kept = kept.slice(0, room), kept.slice(room)
            self._waiting.append(part)
            self._rows += room
            self._bytes += part.nbytes
            if self._rows >= layout.rows_per_group or self._bytes >= _GROUP_BYTES:
                self._write_group()

    def _write_group(self) -> None:
        if not self._rows:
            return
        table = pa.Table.from_batches(self._waiting).replace_schema_metadata(self._writer.schema.metadata)
        self._writer.write_table(table, row_group_size=self._rows)
        self._waiting = []
        self._rows = self._bytes = 0

    def __enter__(self) -> Self:
        self._layout = Layout.of(self._place, self._name)
        if self._layout is not None:
            self._file = Output(self._path)
            self._writer = self._layout.writer(self._file.as_arrow())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left and the footer; only a complete file has a digest."""
        if self._layout is None:
            return
        if error is not None:
            self._file.abandon()
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            return
        self._gather()
        self._write_group()
        self._writer.close()
        self.written = (Written(self._name, self._file.close(), self._file.size),)
