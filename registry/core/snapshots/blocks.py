"""Arrays as compressed blocks: the smallest unit of the files in which an edition travels.

    block = coding (1 byte) || size (8 bytes) || packed size (8 bytes) || packed        (little-endian)

With coding 0, `packed` is a zstd frame of the bytes as they are. Codings 1 and 2 are numbers of w bytes, in w planes:
all lowest bytes first, all highest last, since bytes of equal weight are alike; each plane is a block of coding 0, so
that each has statistics of its own. With coding 2 each number is the difference to the one before it (modulo 256^w),
which makes counters almost vanish. Equal content gives equal bytes, as long as zstd does.
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
    buffer = pa.py_buffer(data)
    packed: bytes = pa.Codec("zstd", compression_level=_LEVEL).compress(buffer, asbytes=True)
    return _HEAD.pack(_PLAIN, buffer.size, len(packed)) + packed


def numbers_block(values: NDArray[Any]) -> bytes:
    """A block of unsigned numbers, coded in the way that is shorter for the first of them."""
    front = values[:_TRIED]
    shortest = min((_PLANES, _DIFFERENCES), key=lambda coding: len(_planes_block(coding, front)))
    return _planes_block(shortest, values)


def facts_block(facts: dict[str, Any]) -> bytes:
    """A block of canonical JSON."""
    return bytes_block(canonical(facts))


def _planes_block(coding: int, values: NDArray[Any]) -> bytes:
    if coding == _DIFFERENCES and len(values):
        values = np.concatenate([values[:1], values[1:] - values[:-1]])
    flat = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)
    packed = b"".join(bytes_block(np.ascontiguousarray(plane)) for plane in flat.T)
    return _HEAD.pack(coding, flat.size, len(packed)) + packed


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
        coding, size, packed = self._head(size)
        if coding != _PLAIN:
            raise Corrupt("A packed file has numbers where bytes belong.")
        self._budget -= size
        if self._budget < 0:
            raise Corrupt("A packed file claims to unpack to more than it may.")
        try:
            data = pa.Codec("zstd").decompress(pa.py_buffer(self.take(packed)), decompressed_size=size)
        except (pa.ArrowException, OSError, MemoryError) as problem:
            raise Corrupt(f"A packed file is damaged: {problem}.") from problem
        return memoryview(data)

    def numbers(self, count: int, kind: str) -> NDArray[Any]:
        """A block of `count` unsigned numbers of this NumPy type."""
        dtype = np.dtype(kind)
        coding, _, packed = self._head(count * dtype.itemsize)
        if coding not in {_PLANES, _DIFFERENCES}:
            raise Corrupt("A packed file has bytes where numbers belong.")
        end = self._at + packed
        planes = [np.frombuffer(self.data(count), np.uint8) for _ in range(dtype.itemsize)]
        if self._at != end:
            raise Corrupt("The planes of a packed file do not add up.")
        values: NDArray[Any] = np.stack(planes, axis=1).reshape(-1).view(dtype)
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

    def _head(self, expected: int | None) -> tuple[int, int, int]:
        """Coding, size and packed size of the next block."""
        coding, size, packed = _HEAD.unpack(self.take(_HEAD.size))
        if expected is not None and size != expected:
            raise Corrupt(f"A packed file has {size} bytes where {expected} belong.")
        return coding, size, packed
