"""The files of an edition taken apart into columns, and put together again to the very same bytes.

A file is its columns with something between them: Arrow's head, padding and foot, the *frame*. Keeping the frame as it
is makes the result independent of the version of Arrow that wrote it; a reader of a packed file needs no Arrow at all.

    file = frame[0] || column[0] || frame[1] || column[1] || … || frame[n]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.snapshots.manifest import TERMS, WORKS

BYTES: Final = "bytes"
BITS: Final = "bits"
LINES: Final = "lines"

_COLUMNS: Mapping[str, Mapping[str, str]] = {
    WORKS: {"id": BYTES, "terms": "<u4", "withdrawn": BITS},
    TERMS: {"line": LINES},
}
_LIST = {"code": BYTES, "work_row": "<u4", "kind": "u1", "aux": "<u8"}
_AT_ONCE: Final = 1 << 15
"""Rows that are written at once: a mebibyte of codes, which is still in the cache when their digest is taken."""


@dataclass(frozen=True)
class Table:
    """One file of an edition."""

    columns: Mapping[str, NDArray[Any]]
    """Equally long: (n, w) bytes, n unsigned numbers, n bits as 0 or 1 (uint8), or n lines (object)."""
    frame: tuple[bytes, ...]
    """What stands before, between and after the columns."""

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.columns.values())))


class Column(Protocol):
    """A column that is read from its beginning to its end, a piece at a time: an array, or what makes the pieces."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Pieces:
    """One file of an edition that is put together while it is written. See `Table`."""

    columns: Mapping[str, Column]
    frame: tuple[bytes, ...]


def columns_of(name: str) -> Mapping[str, str]:
    """The columns of the file of this name: `BYTES`, `BITS`, `LINES`, or the NumPy type of its numbers."""
    return _COLUMNS.get(name, _LIST)


def read_table(path: Path, name: str) -> Table:
    """Take apart the file at `path`, which is the edition's file `name`; large columns stay in mapped memory."""
    if name == TERMS:
        lines = np.array([*path.read_bytes().split(b"\n")[:-1], b""], object)[:-1]
        return Table({"line": lines}, (b"", b""))
    try:
        whole = pa.memory_map(str(path)).read_buffer()
        batch = pa.ipc.open_file(pa.BufferReader(whole)).get_batch(0)
    except (pa.ArrowException, OSError) as problem:
        raise Corrupt(f"{path} cannot be read ({problem}); run `vorbehalt sync` again.") from problem
    kinds = columns_of(name)
    if batch.num_columns != len(kinds) or any(len(array.buffers()) != 2 for array in batch.columns):
        raise Corrupt(f"{path} has other columns than this version reads; run `vorbehalt sync` again.")
    columns: dict[str, NDArray[Any]] = {}
    frame: list[bytes] = []
    end = 0
    for (column, kind), array in zip(kinds.items(), batch.columns, strict=True):
        buffer = array.buffers()[1]
        width = array.type.byte_width if kind == BYTES else 0
        size = _size(kind, batch.num_rows, width)
        start = buffer.address - whole.address if size else end
        frame.append(bytes(whole[end:start]))
        columns[column] = _from_bytes(
            kind, np.frombuffer(whole[start : start + size], np.uint8), array, width
        )
        end = start + size
    frame.append(bytes(whole[end:]))
    return Table(columns, tuple(frame))


def write_table(path: Path, name: str, table: Table | Pieces) -> str:
    """Put the file together; its SHA-256 in hexadecimal."""
    digest = sha256()
    with path.open("wb") as file:
        for part in _parts(name, table):
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def size_of(name: str, table: Table) -> int:
    """How many bytes the file has."""
    return sum(map(len, _parts(name, table)))


def _parts(name: str, table: Table | Pieces) -> Iterator[memoryview]:
    for between, (column, kind) in zip(table.frame, columns_of(name).items(), strict=False):
        yield memoryview(between)
        values = table.columns[column]
        for begin in range(0, len(values), _AT_ONCE):  # a multiple of eight, for bits
            yield _bytes(kind, values[begin : begin + _AT_ONCE])
    yield memoryview(table.frame[-1])


def _bytes(kind: str, values: NDArray[Any]) -> memoryview:
    """A piece of a column as it stands in the file."""
    if kind == LINES:
        return memoryview(b"".join(line + b"\n" for line in values))
    packed = np.packbits(values, bitorder="little") if kind == BITS else np.ascontiguousarray(values)
    return packed.reshape(-1).view(np.uint8).data


def _size(kind: str, rows: int, width: int) -> int:
    if kind == BITS:
        return (rows + 7) // 8
    return rows * (width if kind == BYTES else np.dtype(kind).itemsize)


def _from_bytes(kind: str, data: NDArray[np.uint8], array: Any, width: int) -> NDArray[Any]:
    if kind == BITS:
        return np.unpackbits(data, count=len(array), bitorder="little")
    return data.reshape(len(array), width) if kind == BYTES else data.view(kind)
