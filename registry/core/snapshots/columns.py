"""The two kinds of Arrow file in an edition: a list of codes, and the works table.

Arrow IPC files, uncompressed, one record batch: a reader maps them into memory and uses the columns where they lie,
in any language that reads Arrow. A reader that has not checked the file's digest still never crashes on it: what
does not have the expected shape is `Corrupt`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.matching import ListColumns

_Number = TypeVar("_Number", np.uint8, np.uint32, np.uint64)


def _list_schema(width: int) -> Any:
    return pa.schema(
        [
            pa.field("code", pa.binary(width), nullable=False),
            pa.field("work_row", pa.uint32(), nullable=False),
            pa.field("kind", pa.uint8(), nullable=False),
            pa.field("aux", pa.uint64(), nullable=False),
        ]
    )


_WORKS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("terms", pa.uint32(), nullable=False),
        pa.field("withdrawn", pa.bool_(), nullable=False),
    ]
)


def write_list(path: Path, columns: ListColumns) -> None:
    """Write one list: `code`, `work_row`, `kind`, `aux`."""
    width = columns.codes.shape[1]
    arrays = [
        _fixed(columns.codes),
        pa.array(columns.work_rows, pa.uint32()),
        pa.array(columns.kinds, pa.uint8()),
        pa.array(columns.aux, pa.uint64()),
    ]
    _write(path, arrays, _list_schema(width))


def read_list(path: Path, rows: int, width: int) -> ListColumns:
    """Map one list into memory; (rows, width) bytes of codes and three columns of `rows`."""
    batch = _read(path, _list_schema(width), rows)
    return ListColumns(
        codes=_bytes(batch.column(0), rows, width),
        work_rows=_numbers(batch.column(1), np.uint32),
        kinds=_numbers(batch.column(2), np.uint8),
        aux=_numbers(batch.column(3), np.uint64),
    )


def write_works(
    path: Path, ids: NDArray[np.uint8], terms: NDArray[np.uint32], withdrawn: NDArray[np.bool_]
) -> None:
    """Write the works table: `id`, `terms` (row of the terms table), `withdrawn`."""
    arrays = [_fixed(ids), pa.array(terms, pa.uint32()), pa.array(withdrawn, pa.bool_())]
    _write(path, arrays, _WORKS_SCHEMA)


def read_works(path: Path, rows: int) -> tuple[NDArray[np.uint8], NDArray[np.uint32], NDArray[np.bool_]]:
    """Map the works table: ids (rows, 16), terms rows, and which works are withdrawn."""
    batch = _read(path, _WORKS_SCHEMA, rows)
    return _bytes(batch.column(0), rows, 16), _numbers(batch.column(1), np.uint32), _bits(batch.column(2))


def _fixed(values: NDArray[np.uint8]) -> Any:
    """An (n, w) array of bytes as an Arrow column of n values."""
    rows, width = values.shape
    buffer = pa.py_buffer(np.ascontiguousarray(values).data) if rows else pa.py_buffer(b"")
    return pa.Array.from_buffers(pa.binary(width), rows, [None, buffer])


def _write(path: Path, arrays: list[Any], schema: Any) -> None:
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)


def _read(path: Path, schema: Any, rows: int) -> Any:
    """The single batch of the file, without copying it."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if reader.schema != schema or reader.num_record_batches != 1:
            raise Corrupt(f"{path.name} has other columns than this version reads; run `vorbehalt sync`.")
        batch = reader.get_batch(0)
        batch.validate()
    except (pa.ArrowException, OSError) as problem:
        raise Corrupt(f"{path.name} is damaged ({problem}); run `vorbehalt sync` again.") from problem
    if batch.num_rows != rows or any(column.null_count for column in batch.columns):
        raise Corrupt(f"{path.name} has {batch.num_rows} rows where {rows} are stated; run `vorbehalt sync`.")
    return batch


def _bytes(column: Any, rows: int, width: int) -> NDArray[np.uint8]:
    if not rows:
        return np.empty((0, width), np.uint8)
    start = column.offset * width
    flat: NDArray[np.uint8] = np.frombuffer(column.buffers()[1], np.uint8)
    return flat[start : start + rows * width].reshape(rows, width)


def _numbers(column: Any, kind: type[_Number]) -> NDArray[_Number]:
    """The column where it lies. Arrow's own `to_numpy` loads pandas, if it is there, for ten times the work."""
    if not len(column):
        return np.empty(0, kind)
    return np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + len(column)]


def _bits(column: Any) -> NDArray[np.bool_]:
    if not len(column):
        return np.empty(0, np.bool_)
    flat = np.frombuffer(column.buffers()[1], np.uint8)
    bits = np.unpackbits(flat, count=column.offset + len(column), bitorder="little")
    return bits[column.offset :].view(np.bool_)
