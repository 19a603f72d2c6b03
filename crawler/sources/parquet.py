"""Parquet: one row an item, of which one column or several are compared. Kept rows keep all columns and types.

A row group is never held whole: some are one group of gigabytes. Pages are read as they are needed, rows go on in
small batches, and the output has groups of as many rows as the input's, but of no more than 64 MiB. Schema, metadata
(that of Hugging Face `datasets` above all), compression and dictionaries are those of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crawler.sources.base import Part, Sample, Sink
from crawler.sources.columns import Column, find_columns, is_plain, named_values, plain_values
from crawler.sources.metadata import (
    BESIDE,
    METADATA,
    URLS,
    Stated,
    addresses_of_row,
    read_row,
    require_columns,
)
from crawler.sources.parquet_footer import is_encrypted, longest_repeated
from crawler.sources.parquet_sink import ParquetSink, Row
from crawler.sources.places import Place, Watch, at_hand, state_of
from registry.core.errors import InvalidInput

_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 1_024
_MOST_REPEATED = 64 << 20
"""Bytes of a batch if all of its rows have the longest value that their file has once."""
_STATED_ROWS = 32_768
"""Of a batch that is read for what its rows state: they are small."""
_READ_AHEAD = 1 << 20
"""Bytes of each column that are read at once."""


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
            if (file := _opened(path)) is None:
                yield self._no_table()
                return
            with file, path.open("rb") as raw:
                yield from self._rows(file, raw, max_bytes)

    def tables(self, watch: Watch) -> Iterator[tuple[Batch, Stated] | Sample]:
        """Of a file that is read for what its rows state: the same in whole batches, broken items between them."""
        with at_hand(self.place, watch) as path:
            if (file := _opened(path)) is None:
                yield self._no_table()
                return
            with file, path.open("rb") as raw:
                stated = find_stated(file.schema_arrow, self.columns, self.name)
                for piece in _StatedRows(file, raw, self.name, stated).pieces():
                    yield piece if isinstance(piece, Sample) else (piece, stated)

    def _no_table(self) -> Sample:
        return Sample(0, f"{self.name}#…", b"", 0, gap="error.malformed")

    def check_columns(self, schema: pa.Schema) -> None:
        """`InvalidInput` unless it is clear what to compare in a table of this schema."""
        if self.metadata_only:
            find_stated(schema, self.columns, self.name)
        else:
            find_columns(schema, self.columns, self.name)

    def _rows(self, file: pq.ParquetFile, raw: BinaryIO, max_bytes: int) -> Iterator[Sample]:
        schema = file.schema_arrow
        if self.metadata_only:
            return iter(_StatedRows(file, raw, self.name, find_stated(schema, self.columns, self.name)))
        return iter(_Rows(file, raw, self.name, find_columns(schema, self.columns, self.name), max_bytes))

    def sink(self, data: Path) -> Sink:
        """Kept rows go to a file of the same name."""
        return ParquetSink(data, self.name, self.place, uids=self.metadata_only)

    def kept_path(self, data: Path, row: int) -> Path:
        """One file for all rows."""
        del row
        return data / self.name


def _opened(path: Path) -> pq.ParquetFile | None:
    """A table; `None` if it cannot be opened as parquet, or is encrypted."""
    try:
        file = pq.ParquetFile(path, buffer_size=_READ_AHEAD, pre_buffer=False)
        with path.open("rb") as raw:
            if not is_encrypted(raw):
                return file
        file.close()
    except (pa.ArrowException, OSError):
        pass
    return None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were read together."""

    batch: pa.RecordBatch
    row: int
    """Of the first one, among the items of the shard."""
    prefix: str
    number: int
    """Of the first one, among the rows of the table."""
    contents: Callable[[int], Any]
    make: Callable[[int, str, Any, Row], Sample]

    def sample(self, index: int) -> Sample:
        """A row as an item."""
        key = f"{self.prefix}{self.number + index}"
        return self.make(self.row + index, key, self.contents(index), Row(self.batch, index))

    def keys(self, indexes: NDArray[np.int64]) -> pa.Array:
        """The keys of some rows, as their samples have them."""
        numbers = pa.array(indexes + self.number).cast(pa.string())
        return pc.binary_join_element_wise(self.prefix, numbers, "")


class _Rows:
    """The rows of an open file as items."""

    most_rows = _BATCH_ROWS

    def __init__(
        self, file: pq.ParquetFile, raw: BinaryIO, name: str, columns: Sequence[Column], max_bytes: int
    ) -> None:
        self._file = file
        self._raw = raw
        self._name = name
        self._columns = columns
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[Sample]:
        """One by one."""
        for piece in self.pieces():
            if isinstance(piece, Sample):
                yield piece
            else:
                yield from map(piece.sample, range(piece.batch.num_rows))

    def pieces(self) -> Iterator[Batch | Sample]:
        """Group by group, so that damage in one does not hide the others."""
        row, start = 0, 0
        for group in range(self._file.num_row_groups):
            done = 0
            try:
                for batch in self._batches(group):
                    yield self._batch(batch, row, start + done)
                    row, done = row + batch.num_rows, done + batch.num_rows
            except (pa.ArrowException, OSError) as problem:
                if getattr(problem, "errno", None) is not None:
                    raise  # of the disk, not of the content
                yield Sample(row, f"{self._name}#{start + done}…", b"", 0, gap="error.malformed")
                row += 1
            start += self._file.metadata.row_group(group).num_rows

    def _batches(self, group: int) -> Iterator[pa.RecordBatch]:
        rows = self._batch_rows(group)
        yield from self._file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False)

    def _batch(self, batch: pa.RecordBatch, row: int, number: int) -> Batch:
        return Batch(batch, row, f"{self._name}#", number, self._contents(batch), self._sample)

    def _contents(self, batch: pa.RecordBatch) -> Callable[[int], Any]:
        """What is compared of each row of a batch, given its index, and where it says that it was found."""
        cells = [column.cells(batch) for column in self._columns]
        stated = named_values(batch, URLS, BESIDE)

        def content(index: int) -> tuple[list[Part], tuple[str, ...]]:
            parts = [part for own in cells for part in own(index, self._max_bytes)]
            return parts, tuple(dict.fromkeys(str(v[index]) for v in stated if v[index] not in (None, "")))

        return content

    def _batch_rows(self, group: int) -> int:
        facts = self._file.metadata.row_group(group)
        average: int = max(1, facts.total_byte_size // max(1, facts.num_rows))
        rows: int = max(1, min(self.most_rows, facts.num_rows, _BATCH_BYTES // average))
        repeated = longest_repeated(self._raw, facts, _MOST_REPEATED // rows)
        return max(1, min(rows, _MOST_REPEATED // max(1, repeated)))

    def _sample(self, row: int, key: str, contents: Any, origin: Row) -> Sample:
        """One part goes as the item's own bytes; a cell that cannot be checked is the whole item's gap."""
        parts: Sequence[Part]
        parts, addresses = contents
        size = sum(len(part.data) for part in parts)
        gap = next((part.gap for part in parts if part.gap is not None), None)
        if gap is not None:
            return Sample(row, key, b"", size, gap=gap)
        if len(parts) == 1:
            one = parts[0]
            return Sample(row, key, one.data, size, text=one.text, addresses=addresses, origin=origin)
        return Sample(row, key, b"", size, parts=tuple(parts), addresses=addresses, origin=origin)


class _StatedRows(_Rows):
    """The rows of an open file as what they state of items elsewhere."""

    most_rows = _STATED_ROWS

    def __init__(self, file: pq.ParquetFile, raw: BinaryIO, name: str, stated: Stated) -> None:
        super().__init__(file, raw, name, (), 0)
        self._stated = stated

    def _contents(self, batch: pa.RecordBatch) -> Callable[[int], Any]:
        @lru_cache(maxsize=1)
        def values() -> Mapping[str, list[str | bytes | None]]:
            return {name: plain_values(batch, name) for name in self._stated.columns}

        return lambda index: {name: column[index] for name, column in values().items()}

    def _sample(self, row: int, key: str, contents: Any, origin: Row) -> Sample:
        values: Mapping[str, str | bytes | None] = contents
        size = sum(len(value) for value in values.values() if value is not None)
        codes, gap = read_row(values, self._stated)
        addresses = addresses_of_row(values, self._stated)
        return Sample(row, key, b"", size, stated=codes, gap=gap, addresses=addresses, origin=origin)


def find_stated(schema: pa.Schema, asked: tuple[str, ...], where: str) -> Stated:
    """The columns that state something; `InvalidInput` if there are none, or one is neither of texts nor of bytes."""
    found = require_columns(schema.names, asked, where)
    for name in found.columns:
        if not is_plain(kind := schema.field(name).type):
            raise InvalidInput(
                f"{where}: column {name} is of type {kind}; addresses are texts, digests texts or bytes."
            )
    return found
