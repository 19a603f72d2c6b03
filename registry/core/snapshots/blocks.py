"""Arrays as compressed blocks: the smallest unit of the files in which an edition travels.

    block = coding (1 byte) || size (8 bytes) || packed size (8 bytes) || zstd frame        (little-endian)

Coding 0 is the bytes as they are. Codings 1 and 2 are numbers of w bytes, as w planes: all lowest bytes first, all
highest last, since bytes of equal weight are alike. With coding 2 each number is the difference to the one before it
(modulo 256^w), which makes counters almost vanish. Equal content gives equal bytes, as long as zstd does.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.records.canonical import canonical, parse_canonical

_HEAD = struct.Struct("<BQQ")
_PLAIN, _PLANES, _DIFFERENCES = range(3)
_LEVEL = 3
_TRIED = 1 << 16
"""Numbers from the front that decide whether differences pay."""
_MAX_FACTS = 1 << 20


def bytes_block(data: bytes | memoryview | NDArray[Any]) -> bytes:
    """A block of bytes as they are."""
    return _block(_PLAIN, data)


def numbers_block(values: NDArray[Any]) -> bytes:
    """A block of unsigned numbers, coded in the way that is shorter for the first of them."""
    front = values[:_TRIED]
    shortest = min((_PLANES, _DIFFERENCES), key=lambda way: len(_block(way, _to_planes(front, way))))
    return _block(shortest, _to_planes(values, shortest))


def facts_block(facts: dict[str, Any]) -> bytes:
    """A block of canonical JSON."""
    return bytes_block(canonical(facts))


def _block(coding: int, data: bytes | memoryview | NDArray[Any]) -> bytes:
    buffer = pa.py_buffer(data)
    packed: bytes = pa.Codec("zstd", compression_level=_LEVEL).compress(buffer, asbytes=True)
    return _HEAD.pack(coding, buffer.size, len(packed)) + packed


def _to_planes(values: NDArray[Any], coding: int) -> NDArray[np.uint8]:
    if coding == _DIFFERENCES and len(values):
        values = np.concatenate([values[:1], values[1:] - values[:-1]])
    flat = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)
    return np.ascontiguousarray(flat.T).reshape(-1)


class Reader:
    """Blocks one after the other. What a block claims is believed only as far as its asker can afford.

    `budget` is how many bytes all blocks together may have unpacked: a few bytes can claim to be terabytes.
    `Corrupt` for whatever is not a block of the expected kind and size.
    """

    def __init__(self, data: bytes | memoryview, budget: int) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._budget = budget

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data)

    def take(self, size: int) -> memoryview:
        """The next bytes as they stand."""
        if not 0 <= size <= len(self._data) - self._at:
            raise Corrupt("A packed file ends too early.")
        part = self._data[self._at : self._at + size]
        self._at += size
        return part

    def data(self, size: int | None = None) -> memoryview:
        """A block of bytes; of exactly this many, if given."""
        coding, unpacked = self._next(size)
        if coding != _PLAIN:
            raise Corrupt("A packed file has numbers where bytes belong.")
        return unpacked

    def numbers(self, count: int, kind: str) -> NDArray[Any]:
        """A block of `count` unsigned numbers of this NumPy type."""
        dtype = np.dtype(kind)
        coding, unpacked = self._next(count * dtype.itemsize)
        if coding not in {_PLANES, _DIFFERENCES}:
            raise Corrupt("A packed file has bytes where numbers belong.")
        planes = np.frombuffer(unpacked, np.uint8).reshape(dtype.itemsize, count)
        values: NDArray[Any] = np.ascontiguousarray(planes.T).reshape(-1).view(dtype)
        return np.cumsum(values, dtype=dtype) if coding == _DIFFERENCES else values

    def facts(self) -> dict[str, Any]:
        """A block of canonical JSON."""
        try:
            found = parse_canonical(bytes(self.data()[:_MAX_FACTS]), "A packed file")
        except InvalidInput as problem:
            raise Corrupt(f"A packed file cannot be read: {problem.message}") from problem
        if not isinstance(found, dict):
            raise Corrupt("A packed file does not say what is in it.")
        return found

    def _next(self, expected: int | None) -> tuple[int, memoryview]:
        coding, size, packed = _HEAD.unpack(self.take(_HEAD.size))
        if expected is not None and size != expected:
            raise Corrupt(f"A packed file has {size} bytes where {expected} belong.")
        self._budget -= size
        if self._budget < 0:
            raise Corrupt("A packed file claims to unpack to more than it may.")
        try:
            data = pa.Codec("zstd").decompress(pa.py_buffer(self.take(packed)), decompressed_size=size)
        except (pa.ArrowException, OSError, MemoryError) as problem:
            raise Corrupt(f"A packed file is damaged: {problem}.") from problem
        return coding, memoryview(data)
