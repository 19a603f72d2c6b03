"""A table of a run with some of its row groups replaced: the others are copied as they are, without being read.

A row group does not know where in its file it lies. Only the footer states that, as offsets of pages; so the footer is
walked through, and those of groups that have moved are stated anew. It is a Thrift struct, and the numbers of its
fields are those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.runs.code_index import group_bounds
from crawler.runs.papers import open_writer
from crawler.sources.thrift import Cursor

_MAGIC: Final = b"PAR1"
_ROW_GROUPS: Final = 4
"""Field of FileMetaData."""
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
"""Fields of RowGroup."""
_CHUNK_OFFSET, _METADATA = 2, 3
"""Fields of ColumnChunk."""
_PAGE_OFFSETS: Final = frozenset({9, 10, 11})
"""Fields of ColumnMetaData: where its data, its index and its dictionary begin."""


def replace_row_groups(old: Path, new: Path, schema: pa.Schema, groups: Mapping[int, pa.Table]) -> None:
    """Write the table `old`, one by `papers.write_parquet`, with other rows in some of its groups, as many as before.

    That is the same bytes as writing all rows anew.
    """
    with old.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data, new.open("wb") as out:
        metadata, footer = pq.read_metadata(old), _Footer(_footer_of(data))
        stated = []
        out.write(_MAGIC)
        for number, group in enumerate(footer.groups):
            source, known, (begin, end) = memoryview(data), group, group_bounds(metadata, number)
            if number in groups:
                source, known, begin, end = _written(groups[number], schema)
            stated.append(known.placed(out.tell() - begin, number))
            out.write(source[begin:end])
            source.release()
        whole = footer.with_groups(stated)
        out.write(whole + struct.pack("<I", len(whole)) + _MAGIC)


def _written(rows: pa.Table, schema: pa.Schema) -> tuple[memoryview, _Group, int, int]:
    """A table of one row group in memory: its bytes, what its footer says of the group, and where that lies."""
    sink = pa.BufferOutputStream()
    with open_writer(sink, schema) as writer:
        writer.write_table(rows, row_group_size=rows.num_rows)
    made = sink.getvalue()
    (group,) = _Footer(_footer_of(made)).groups
    return memoryview(made), group, *group_bounds(pq.read_metadata(pa.BufferReader(made)), 0)


def _footer_of(data: mmap | pa.Buffer) -> bytes:
    end = len(memoryview(data)) - len(_MAGIC) - 4
    (size,) = struct.unpack("<I", data[end : end + 4])
    return bytes(data[end - size : end])


class _Number(NamedTuple):
    """An integer in a footer."""

    begin: int
    end: int
    value: int
    is_ordinal: bool
    """Whether it counts the group, and is no offset."""


@dataclass(frozen=True, slots=True)
class _Group:
    """What a footer says of a row group."""

    footer: bytes
    begin: int
    end: int
    numbers: list[_Number]
    """Those that depend on where it lies."""

    def placed(self, moved: int, ordinal: int) -> bytes:
        """The same of a group that lies so many bytes further on, and has this number."""
        parts, at = [], self.begin
        for number in self.numbers:
            value = ordinal if number.is_ordinal else number.value + moved if number.value else 0
            parts += [self.footer[at : number.begin], _packed(value)]
            at = number.end
        return b"".join([*parts, self.footer[at : self.end]])


class _Footer:
    """FileMetaData, cut at its row groups."""

    def __init__(self, footer: bytes) -> None:
        self._footer = footer
        self.groups: list[_Group] = []
        at = Cursor(footer)
        for number, kind in at.fields():
            if number != _ROW_GROUPS:
                at.skip(kind)
                continue
            for _ in range(at.list_header()[0]):
                begin, numbers = at.at, list(_numbers_of_group(at))
                self.groups.append(_Group(footer, begin, at.at, numbers))

    def with_groups(self, stated: list[bytes]) -> bytes:
        """The footer that says this of its groups."""
        if not self.groups:
            return self._footer
        begin, end = self.groups[0].begin, self.groups[-1].end
        return b"".join([self._footer[:begin], *stated, self._footer[end:]])


def _numbers_of_group(at: Cursor) -> Iterator[_Number]:
    """Walks over a RowGroup."""
    for number, kind in at.fields():
        if number == _COLUMNS:
            for _ in range(at.list_header()[0]):
                yield from _numbers_of_column(at)
        elif number in (_GROUP_OFFSET, _ORDINAL):
            yield _number(at, is_ordinal=number == _ORDINAL)
        else:
            at.skip(kind)


def _numbers_of_column(at: Cursor) -> Iterator[_Number]:
    """Walks over a ColumnChunk."""
    for number, kind in at.fields():
        if number == _CHUNK_OFFSET:
            yield _number(at)
        elif number == _METADATA:
            for inner, inner_kind in at.fields():
                if inner in _PAGE_OFFSETS:
                    yield _number(at)
                else:
                    at.skip(inner_kind)
        else:
            at.skip(kind)


def _number(at: Cursor, *, is_ordinal: bool = False) -> _Number:
    begin, value = at.at, at.number()
    return _Number(begin, at.at, value, is_ordinal)


def _packed(value: int) -> bytes:
    """Inverse of `Cursor.number`, for what is not negative."""
    value <<= 1
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
