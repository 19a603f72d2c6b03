"""A table of a finished run, cut into its shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from crawler.runs.stretches import table_batches

_ROWS = 16_384


class ByShard:
    """Its shards, asked for in ascending order; those that nobody asks for are passed over."""

    def __init__(self, path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> None:
        """With `columns`, only these beside `shard`."""
        wanted = None if columns is None else ["shard", *columns]
        self._batches = table_batches(path, schema, _ROWS, columns=wanted)
        self._schema = schema if wanted is None else pa.schema([schema.field(name) for name in wanted])
        self._held: pa.RecordBatch | None = None

    def take(self, number: int) -> Iterator[pa.RecordBatch]:
        """The rows of one shard."""
        while (part := self._next()) is not None:
            shards = part.column("shard").to_numpy()
            begin, end = np.searchsorted(shards, [number, number + 1]).tolist()
            if end < len(shards):
                self._held = part.slice(end)
            if end > begin:
                yield part.slice(begin, end - begin)
            if end < len(shards):
                return

    def _next(self) -> pa.RecordBatch | None:
        held, self._held = self._held, None
        if held is not None:
            return held
        part = next(self._batches, None)
        return None if part is None else pa.RecordBatch.from_arrays(part.columns, schema=self._schema)
