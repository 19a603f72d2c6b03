"""Walking through a struct of Thrift's compact protocol: footers and page headers of parquet files are such.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BYTE: Final = 3
DOUBLE: Final = 7
BINARY: Final = 8
LIST: Final = 9
STRUCT: Final = 12
BOOLEANS: Final = frozenset({1, 2})
INTEGERS: Final = frozenset({4, 5, 6})
BROKEN = (IndexError, ValueError, RecursionError)
"""What walking through anything else may raise."""


@dataclass(slots=True)
class Cursor:
    """Walks through a struct."""

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

    def number(self) -> int:
        """A signed one."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a struct; whoever asks for the next has walked over this one."""
        number = 0
        while byte := self.data[self.at]:
            self.at += 1
            number = number + (byte >> 4) if byte >> 4 else self.number()
            yield number, byte & 15
        self.at += 1

    def list_header(self) -> tuple[int, int]:
        """How many elements follow, and of which type."""
        byte = self.data[self.at]
        self.at += 1
        return (self.varint() if byte >> 4 == 15 else byte >> 4), byte & 15

    def skip(self, kind: int) -> None:
        """Over a value."""
        if kind in INTEGERS:
            self.varint()
        elif kind == BINARY:
            size = self.varint()
            self.at += size
        elif kind == LIST:
            size, element = self.list_header()
            for _ in range(size):
                self.skip(BYTE if element in BOOLEANS else element)
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner)
        elif kind in (BYTE, DOUBLE):
            self.at += 1 if kind == BYTE else 8
        elif kind not in BOOLEANS:
            raise ValueError(f"A parquet file has no values of type {kind}.")
        if self.at > len(self.data):
            raise IndexError(self.at)
