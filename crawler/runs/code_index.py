"""What stands beside a run's table of codes, so that a later run need not read it: two fifths of its size, for texts.

An Arrow file with one batch for each algorithm in each row group of the table, in the order of the table: the keys
(`code_keys`) of each of its codes there; none if the algorithm's codes have no keys. The batches say in their metadata
whose they are, with a checksum. The last batch has no keys; it has the checksums of the table's row groups, and of
what stands behind them. All are XXH3 of 64 bits: they are against damage. Who changes papers on purpose is found by
`vorbehalt verify`, which reads them all.

The index is no paper: it follows from the table, and without it the table itself is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from crawler.runs.code_columns import flat
from crawler.runs.code_keys import KEYED, Keys, keys_of
from registry.core.errors import VerificationFailed

_HEADS = pa.list_(pa.field("head", pa.uint32(), nullable=False))
_TAGS = pa.list_(pa.field("tag", pa.uint8(), nullable=False))
_SCHEMA = pa.schema([pa.field("heads", _HEADS, nullable=False), pa.field("tags", _TAGS, nullable=False)])
_FORMAT = "vorbehalt-codes-index-v2"
_BROKEN = (pa.ArrowException, OSError, ValueError, IndexError, KeyError, TypeError)
"""What reading a damaged file may raise."""


@dataclass(frozen=True, slots=True)
class Group:
    """The codes of one algorithm in one row group."""

    algorithm: str
    codes: int
    keys: Keys | None
    """Of all codes, one after the other; `None` if they have none."""
    ends: NDArray[np.int32]
    """Before which key the keys of each code end."""


class IndexWriter:
    """Made row group by row group, while the table is written."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._groups = 0

    def add(self, group: pa.Table) -> None:
        """The next row group."""
        kinds = group.column("algorithm").combine_chunks().dictionary_encode()
        codes = group.column("code").combine_chunks()
        numbers = kinds.indices.to_numpy()
        for number, algorithm in enumerate(kinds.dictionary.to_pylist()):
            rows = np.flatnonzero(numbers == number)
            self._write(
                f"{self._groups} {len(rows)} {algorithm}", _keys(algorithm, codes.take(pa.array(rows)))
            )
        self._groups += 1

    def finish(self, table: Path) -> None:
        """When the table is written."""
        self._write(f"{_FORMAT} {' '.join(_checksums(table))}", _no_keys())

    def _write(self, of: str, keys: pa.RecordBatch) -> None:
        self._file.write_batch(keys, custom_metadata={"of": of, "xxh3": _checksum(of, keys)})


@contextmanager
def writing(path: Path) -> Iterator[IndexWriter]:
    """An index to be written to this path."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, _SCHEMA) as written:
        yield IndexWriter(written)


def _keys(algorithm: str, codes: pa.BinaryArray) -> pa.RecordBatch:
    if algorithm not in KEYED:
        return _no_keys()
    own = flat(codes)
    hashes, counts = keys_of(algorithm, own.data, own.sizes)
    keys, ends = Keys.of(hashes), np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=ends[1:])
    lists = [
        pa.ListArray.from_arrays(pa.array(ends), pa.array(values), type=kind)
        for values, kind in ((keys.heads, _HEADS), (keys.tags, _TAGS))
    ]
    return pa.record_batch(lists, _SCHEMA)


def _no_keys() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], _SCHEMA)


def _checksum(of: str, keys: pa.RecordBatch) -> str:
    found = xxhash.xxh3_64(of.encode())
    for column in keys.columns:
        found.update(column.offsets.to_numpy())
        found.update(column.values.to_numpy())
    return found.hexdigest()


# -- the table ---------------------------------------------------------------------------------------------
def _checksums(path: Path) -> list[str]:
    """Of each row group of a parquet file, and of what stands behind the last one."""
    metadata = pq.read_metadata(path)
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        bounds = [group_bounds(metadata, n) for n in range(metadata.num_row_groups)]
        behind = bounds[-1][1] if bounds else 0
        return [_checksum_of(data, begin, end) for begin, end in [*bounds, (behind, len(data))]]


def _checksum_of(data: mmap, begin: int, end: int) -> str:
    with memoryview(data) as view, view[begin:end] as part:
        return xxhash.xxh3_64_hexdigest(part)


def group_bounds(metadata: pq.FileMetaData, number: int) -> tuple[int, int]:
    """Where in its file a row group begins and ends."""
    group = metadata.row_group(number)
    columns = [group.column(at) for at in range(group.num_columns)]
    begins = [c.dictionary_page_offset or c.data_page_offset for c in columns]
    ends = [begin + c.total_compressed_size for begin, c in zip(begins, columns, strict=True)]
    return min(begins), max(ends)


class CodeIndex:
    """The index of a table that is there. Whatever is read of either is compared with its checksum first."""

    def __init__(self, path: Path, table: Path) -> None:
        """`VerificationFailed` if it is damaged or belongs to another table."""
        self._path, self._table = path, table
        try:
            self._file = pa.ipc.open_file(pa.memory_map(str(path)))
            of, *checksums = self._read(self._file.num_record_batches - 1)[0].split(" ")
        except _BROKEN as problem:
            raise self._damaged() from problem
        metadata = pq.read_metadata(table)
        self._checksums = checksums
        if of != _FORMAT or len(checksums) != metadata.num_row_groups + 1:
            raise self._damaged()
        self._bounds = [group_bounds(metadata, n) for n in range(metadata.num_row_groups)]
        self._rows = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
        self._bounds.append((self._bounds[-1][1] if self._bounds else 0, table.stat().st_size))
        self.check(len(self._rows))

    def check(self, group: int) -> None:
        """`VerificationFailed` if a row group of the table was changed; the last number is what stands behind them."""
        begin, end = self._bounds[group]
        with self._table.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            if _checksum_of(data, begin, end) != self._checksums[group]:
                raise VerificationFailed(f"{self._table} was changed after the run.")

    def groups(self) -> Iterator[list[Group]]:
        """What it says of each row group."""
        at = 0
        for number, rows in enumerate(self._rows):
            found: list[Group] = []
            while sum(part.codes for part in found) < rows:
                found.append(self._part(at, number))
                at += 1
            if sum(part.codes for part in found) != rows:
                raise self._damaged()
            yield found
        if at != self._file.num_record_batches - 1:
            raise self._damaged()

    def _part(self, at: int, number: int) -> Group:
        try:
            said, keys = self._read(at)
            of, codes, algorithm = said.split(" ")
            wrong = int(of) != number or (algorithm in KEYED) != bool(len(keys)) or int(codes) < 1
        except _BROKEN as problem:
            raise self._damaged() from problem
        if wrong or (len(keys) and len(keys) != int(codes)):
            raise self._damaged()
        heads, tags = keys.columns
        own = Keys(heads.values.to_numpy(), tags.values.to_numpy()) if algorithm in KEYED else None
        return Group(algorithm, int(codes), own, heads.offsets.to_numpy()[1:])

    def _read(self, at: int) -> tuple[str, pa.RecordBatch]:
        """What a batch says whose it is, and its keys; `ValueError` if its checksum is another."""
        batch, metadata = self._file.get_batch_with_custom_metadata(at)
        batch.validate()
        of = metadata[b"of"].decode()
        if metadata[b"xxh3"].decode() != _checksum(of, batch):
            raise ValueError(of)
        return of, batch

    def _damaged(self) -> VerificationFailed:
        return VerificationFailed(
            f"{self._path} is damaged, or is not that of {self._table.name}. Delete it: it is no paper."
        )
