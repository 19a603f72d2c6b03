"""One column of codes out of an Arrow IPC stream, read by hand: streams come from strangers.

Arrow's own reader ends the process on some damaged streams, and unpacks whatever a compressed batch claims to hold. The
little that we take is read here, each place checked against what is there: messages as in Columnar.rst, "IPC Streaming
Format"; their headers are flatbuffers (Message.fbs and Schema.fbs of Apache Arrow).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import InvalidInput

MAX_ROWS: Final = 1_000_000
COLUMN: Final = "hash"

_CONTINUES: Final = 0xFFFFFFFF
_SCHEMA, _RECORD_BATCH = 1, 3
"""Kinds of messages (`MessageHeader`)."""
_FIXED_SIZE_BINARY: Final = 15
"""The kind of a column (`Type`)."""


def read_codes(body: bytes, width: int) -> NDArray[np.uint8]:
    """(N, width) codes of the stream's one column, `hash`; `InvalidInput` for anything else, and for a cut stream."""
    try:
        messages = _messages(body)
        _check_schema(next(messages, None), width)
        parts, rows = [], 0
        for message in messages:
            parts.append(_codes(message, width))
            rows += len(parts[-1])
            if rows > MAX_ROWS:
                raise InvalidInput(f"There are more than {MAX_ROWS:,} rows; send several streams.")
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"This is no Arrow IPC stream that can be read here: {str(error)[:200]}."
        ) from None
    if not rows:
        raise InvalidInput(f"There is nothing to check: the column {COLUMN} is empty.")
    return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a flatbuffer: where it lies in its bytes."""

    data: bytes
    place: int

    def at(self, number: int) -> int | None:
        """Where the field lies; `None` if it is not there, that is has its default."""
        vtable = self.place - self._read("<i", self.place)
        entry = 4 + 2 * number
        offset = self._read("<H", vtable + entry) if entry < self._read("<H", vtable) else 0
        return self.place + offset if offset else None

    def number(self, number: int, kind: str) -> int:
        """A number; 0 if it is not there."""
        place = self.at(number)
        return 0 if place is None else self._read(kind, place)

    def table(self, number: int) -> _Table:
        """A table; `ValueError` if it is not there."""
        return _Table(self.data, self._behind(number))

    def vector(self, number: int, size: int) -> list[int]:
        """Where the items of a vector lie, each of so many bytes; `ValueError` if it is not there."""
        place = self._behind(number)
        count = self._read("<I", place)
        if count * size > len(self.data):
            raise ValueError("a vector is longer than its message")
        return [place + 4 + size * n for n in range(count)]

    def follow(self, place: int) -> _Table:
        """The table to which an offset at this place leads."""
        return _Table(self.data, place + self._read("<I", place))

    def text(self, number: int) -> str:
        """A text; `ValueError` if it is not there."""
        place = self._behind(number)
        return self.data[place + 4 : place + 4 + self._read("<I", place)].decode()

    def _behind(self, number: int) -> int:
        place = self.at(number)
        if place is None:
            raise ValueError("a part of a message is missing")
        return place + self._read("<I", place)

    def _read(self, kind: str, place: int) -> int:
        if place < 0:
            raise ValueError("a part of a message lies outside of it")
        return int(struct.unpack_from(kind, self.data, place)[0])


@dataclass(frozen=True, slots=True)
class _Message:
    kind: int
    header: _Table
    body: memoryview


def _messages(stream: bytes) -> Iterator[_Message]:
    """The messages up to the end mark, which must stand at the very end."""
    view, place = memoryview(stream), 0
    while True:
        try:
            mark, size = struct.unpack_from("<Ii", stream, place)
        except struct.error:
            raise InvalidInput(
                "The Arrow stream is cut off: its end mark is missing. Close the writer, then send the stream."
            ) from None
        if mark != _CONTINUES or size < 0:
            raise ValueError("a message does not begin with its mark")
        place += 8
        if size == 0:
            if place != len(stream):
                raise ValueError("something stands behind its end")
            return
        header = stream[place : place + size]
        message = _Table(header, struct.unpack_from("<I", header)[0])
        place += size
        length = message.number(3, "<q")
        if not 0 <= length <= len(stream) - place:
            raise InvalidInput("The Arrow stream is cut off in the middle of a batch.")
        yield _Message(message.number(1, "<B"), message.table(2), view[place : place + length])
        place += length


def _check_schema(message: _Message | None, width: int) -> None:
    if message is None or message.kind != _SCHEMA:
        raise ValueError("it does not begin with a schema")
    if message.header.number(0, "<h"):
        raise ValueError("its numbers are big-endian")
    fields = [message.header.follow(place) for place in message.header.vector(1, 4)]
    names = [field.text(0) for field in fields]
    if names != [COLUMN]:
        raise InvalidInput(f"The stream has one column, {COLUMN}; this one has {', '.join(names)[:200]}.")
    (field,) = fields
    is_fixed = field.number(2, "<B") == _FIXED_SIZE_BINARY and field.at(4) is None
    if not is_fixed or field.table(3).number(0, "<i") != width:
        raise InvalidInput(f"For this algorithm the column {COLUMN} is of type fixed_size_binary[{width}].")


def _codes(message: _Message, width: int) -> NDArray[np.uint8]:
    """(N, width) codes of a record batch."""
    batch = message.header
    if message.kind != _RECORD_BATCH:
        raise ValueError(f"it has a message of kind {message.kind}, which is no record batch")
    if batch.at(3) is not None:
        raise InvalidInput("The stream's batches are compressed; send them as they are.")
    rows = batch.number(0, "<q")
    ((node,), (_, values)) = batch.vector(1, 16), batch.vector(2, 16)
    length, nulls = struct.unpack_from("<qq", batch.data, node)
    begin, size = struct.unpack_from("<qq", batch.data, values)
    if nulls:
        raise InvalidInput(f"The column {COLUMN} has rows without a code.")
    if length != rows or rows < 0 or begin < 0 or rows * width > size or begin + size > len(message.body):
        raise ValueError("a batch does not hold the rows that it announces")
    return np.frombuffer(message.body, np.uint8, rows * width, begin).reshape(rows, width)
