"""A table of a run with some of its row groups replaced: the others are copied as they are, without being read.

A row group does not know where in its file it lies. Only the footer states that, as offsets of pages; so the footer is
walked through, and those of groups that have moved are stated anew. It is a Thrift struct in the compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), and the numbers of its fields are
those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
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

_MAGIC: Final = b"PAR1"
_ROW_GROUPS: Final = 4
"""Field of FileMetaData."""
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
"""Fields of RowGroup."""
_CHUNK_OFFSET, _METADATA = 2, 3
"""Fields of ColumnChunk."""
_PAGE_OFFSETS: Final = frozenset({9, 10, 11})
"""Fields of ColumnMetaData: where its data, its index and its dictionary begin."""
_BYTE, _DOUBLE, _BINARY, _LIST, _STRUCT = 3, 7, 8, 9, 12
_BOOLEANS, _INTEGERS = frozenset({1, 2}), frozenset({4, 5, 6})


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
        at = _Cursor(footer)
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


@dataclass(slots=True)
class _Cursor:
    """Walks through a Thrift struct."""

    data: bytes
    at: int = 0

    def varint(self) -> int:
        """An unsigned number, seven bits a byte."""
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def number(self, *, is_ordinal: bool = False) -> _Number:
        """A signed one, and where it stands."""
        begin, value = self.at, self.varint()
        return _Number(begin, self.at, (value >> 1) ^ -(value & 1), is_ordinal)

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a struct; whoever asks for the next has walked over this one."""
        number = 0
        while byte := self.data[self.at]:
            self.at += 1
            number = number + (byte >> 4) if byte >> 4 else self.number().value
            yield number, byte & 15
        self.at += 1

    def list_header(self) -> tuple[int, int]:
        """How many elements follow, and of which type."""
        byte = self.data[self.at]
        self.at += 1
        return (self.varint() if byte >> 4 == 15 else byte >> 4), byte & 15

    def skip(self, kind: int) -> None:
        """Over a value."""
        if kind in _INTEGERS:
            self.varint()
        elif kind == _BINARY:
            size = self.varint()
            self.at += size
        elif kind == _LIST:
            size, element = self.list_header()
            for _ in range(size):
                self.skip(_BYTE if element in _BOOLEANS else element)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner)
        elif kind in (_BYTE, _DOUBLE):
            self.at += 1 if kind == _BYTE else 8
        elif kind not in _BOOLEANS:
            raise ValueError(f"A parquet footer has no values of type {kind}.")


def _numbers_of_group(at: _Cursor) -> Iterator[_Number]:
    """Walks over a RowGroup."""
    for number, kind in at.fields():
        if number == _COLUMNS:
            for _ in range(at.list_header()[0]):
                yield from _numbers_of_column(at)
        elif number in (_GROUP_OFFSET, _ORDINAL):
            yield at.number(is_ordinal=number == _ORDINAL)
        else:
            at.skip(kind)


def _numbers_of_column(at: _Cursor) -> Iterator[_Number]:
    """Walks over a ColumnChunk."""
    for number, kind in at.fields():
        if number == _CHUNK_OFFSET:
            yield at.number()
        elif number == _METADATA:
            for inner, inner_kind in at.fields():
                if inner in _PAGE_OFFSETS:
                    yield at.number()
                else:
                    at.skip(inner_kind)
        else:
            at.skip(kind)


def _packed(value: int) -> bytes:
    """Inverse of `_Cursor.number`, for what is not negative."""
    value <<= 1
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
