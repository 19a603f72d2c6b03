"""A table of a finished run, cut into its shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.runs import papers
from registry.core.errors import VerificationFailed


class ByShard:
    """Its shards, of which only those are read that somebody asks for."""

    def __init__(self, path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> None:
        """With `columns`, only these beside `shard`."""
        self._path = path
        self._columns = schema.names if columns is None else ["shard", *columns]
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        if not self._file.schema_arrow.equals(schema):
            raise VerificationFailed(f"{path} does not have the columns of this version.")
        groups = map(self._file.metadata.row_group, range(self._file.num_row_groups))
        bounds = np.array([papers.shards_in(group) for group in groups], np.int64).reshape(-1, 2)
        self._firsts, self._lasts = bounds[:, 0], bounds[:, 1]
        self._last: tuple[int, pa.RecordBatch] | None = None

    def take(self, number: int) -> Iterator[pa.RecordBatch]:
        """The rows of one shard."""
        first = np.searchsorted(self._lasts, number)
        behind = np.searchsorted(self._firsts, number, side="right")
        for group in range(int(first), int(behind)):
            part = self._group(group)
            begin, end = np.searchsorted(part.column("shard").to_numpy(), [number, number + 1]).tolist()
            if end > begin:
                yield part.slice(begin, end - begin)

    def _group(self, number: int) -> pa.RecordBatch:
        """A row group; the last one is kept, since the next shard is mostly in it, too."""
        if self._last is None or self._last[0] != number:
            try:
                table = self._file.read_row_group(number, self._columns, use_threads=False)
            except (pa.ArrowException, OSError) as error:
                raise self._unreadable(error) from error
            (part,) = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]
            self._last = number, part
        return self._last[1]

    def _unreadable(self, error: Exception) -> VerificationFailed:
        return VerificationFailed(f"{self._path} cannot be read: {error}")
