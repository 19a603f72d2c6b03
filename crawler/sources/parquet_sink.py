"""Writes the kept rows of a parquet file into another of the same kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crawler.sources.base import Sample, Written
from crawler.sources.parquet_layout import Layout
from crawler.sources.places import Output, Place
from crawler.sources.uids import write_uids

_GROUP_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """Where the sink finds a row again."""

    batch: pa.RecordBatch
    index: int


class ParquetSink:
    """Writes kept rows in groups; an interrupted attempt is overwritten from the start.

    An input that could not be opened as parquet leaves no file: there is no schema that an empty one could have.
    """

    def __init__(self, data: Path, name: str, place: Place, *, uids: bool = False) -> None:
        """`uids`: of a table of metadata, write DataComp's list of what is left as well."""
        self._data = data
        self._uids = uids
        self._name = name
        self._place = place
        self._batch: pa.RecordBatch | None = None
        self._kept: list[int] = []
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self.written: tuple[Written, ...] = ()

    def write(self, sample: Sample) -> None:
        """One row with all its columns; rows of one batch are gathered first."""
        origin: Row = sample.origin
        if origin.batch is not self._batch:
            self._gather()
            self._batch = origin.batch
        self._kept.append(origin.index)

    def skip(self, sample: Sample) -> None:
        """Nothing: a dropped row just is not there."""

    def take(self, batch: pa.RecordBatch, kept: Sequence[int] | NDArray[np.int64]) -> None:
        """These rows of a batch, of which no other row will come."""
        self._gather()
        self._batch = None
        if len(kept):
            self._put_rows(batch, kept)

    def _gather(self) -> None:
        """The kept rows of the batch that is left behind; a full group goes to the file."""
        if self._batch is None or not self._kept:
            return
        indexes, self._kept = self._kept, []
        self._put_rows(self._batch, indexes)

    def _put_rows(self, batch: pa.RecordBatch, indexes: Sequence[int] | NDArray[np.int64]) -> None:
        layout = cast("Layout", self._layout)
        for rest in [batch] if len(indexes) == batch.num_rows else _taken(batch, indexes):
            self._put(rest, layout)

    def _put(self, rest: pa.RecordBatch, layout: Layout) -> None:
        while rest.num_rows:
            room = min(layout.rows_per_group - self._rows, rest.num_rows)
            part, rest = rest.slice(0, room), rest.slice(room)
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
            self._file = Output(self._data, self._name)
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
        self.written = (self._file.close(), *(write_uids(self._data, self._name) if self._uids else ()))


def _taken(batch: pa.RecordBatch, indexes: Sequence[int] | NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """Some rows of a batch; one by one where it has columns of a type that Arrow cannot gather."""
    try:
        yield batch.take(pa.array(indexes, pa.int64()))
    except pa.ArrowNotImplementedError:
        yield from (batch.slice(int(index), 1) for index in indexes)
