"""The list that img2dataset keeps beside each tar: one row for everything it tried to fetch, `00000.parquet`.

What failed is in the list and not in the tar, so row n is not sample n: rows are found by their `key`. After filtering,
the list names what is in the tar and nothing else, neither what was dropped nor what was never fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler.sources.base import Written
from crawler.sources.columns import is_text
from crawler.sources.parquet_sink import ParquetSink
from crawler.sources.places import Place, at_hand, unwatched

KEY: Final = "key"
_BATCH_ROWS = 10_000


def write_list(data: Path, name: str, place: Place, kept: AbstractSet[str]) -> Iterator[Written]:
    """Write the rows of these keys, with all columns and types; nothing for a file that is no such list."""
    with at_hand(place, unwatched) as path:
        try:
            with pq.ParquetFile(path) as file:
                if KEY not in file.schema_arrow.names or not is_text(file.schema_arrow.field(KEY).type):
                    return
                with ParquetSink(data, name, place) as sink:
                    for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                        sink.take(batch, _rows(batch, kept))
        except (pa.ArrowException, OSError) as problem:
            if getattr(problem, "errno", None) is not None:
                raise  # of the disk, not of the content
            (data / name).unlink(missing_ok=True)
            return
    yield from sink.written


def _rows(batch: pa.RecordBatch, kept: AbstractSet[str]) -> list[int]:
    """Positions of the rows that stay."""
    keys = pc.cast(batch.column(batch.schema.get_field_index(KEY)), pa.string()).to_pylist()
    return [index for index, key in enumerate(keys) if key in kept]
