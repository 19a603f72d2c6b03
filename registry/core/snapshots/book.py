"""The works table as a book: for each work what the edition says about it, and the hashes that lead to the works root.

An edition is made to be searched and sent; to prove one work from it, all works have to be hashed. The book is written
along with it, for the registry itself: a proof is then a handful of reads, each of a few kilobytes.

    book   = "VBHBOOK1" || sequence (8) || works (8) || position of the tables (8) || page || page || … || tables
    page   = 0 || content, or 1 || content compressed by zlib
    content = id (16) || length (4) || terms (canonical JSON) || for each record: length (2) || record
    tables = for each page, and the end: position (8) || hashes of level 0 || of level 1 || …

Numbers are big-endian. Level l has the roots over 256^l works each, as far as they are full, as in a log's tiles.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

from registry.core.decisions import Terms
from registry.core.errors import Corrupt, InvalidInput, VerificationFailed
from registry.core.records.canonical import parse
from registry.core.snapshots import works
from registry.core.snapshots.proofs import WorkProof
from registry.core.tlog import merkle, tiles

_MAGIC: Final = b"VBHBOOK1"
_HEAD: Final = 32
_COMPRESSED_FROM: Final = 1_000
"""Bytes; a picture's few codes are not worth it."""

Read = Callable[[int, int], bytes]
"""`read(start, length)`: so many bytes from there, or fewer at the end."""


class BookWriter:
    """Writes a book work by work."""

    def __init__(self, path: Path, sequence: int) -> None:
        self._file = path.open("wb")
        self._file.write(bytes(_HEAD))
        self._sequence = sequence
        self._positions = [_HEAD]
        self._leaves: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, work_id: bytes, terms: bytes, terms_digest: bytes, records: Sequence[bytes]) -> None:
        """The next work: its id, terms as canonical JSON with their digest, and sorted records (`works`)."""
        parts = [work_id, len(terms).to_bytes(4, "big"), terms]
        for item in records:
            parts += (len(item).to_bytes(2, "big"), item)
        content = b"".join(parts)
        page = b"\x00" + content
        if len(content) >= _COMPRESSED_FROM:
            page = b"\x01" + zlib.compress(content, 1)
        self._file.write(page)
        self._positions.append(self._positions[-1] + len(page))
        self._leaves.append(works.leaf(work_id, terms_digest, works.codes_digest(records)))

    def finish(self) -> bytes:
        """Write the tables; the works root."""
        levels = [self._leaves]
        while len(levels[-1]) >= tiles.WIDTH:
            below = levels[-1]
            levels.append(
                [merkle.root(below[i : i + tiles.WIDTH]) for i in range(0, len(below) - 255, tiles.WIDTH)]
            )
        self._file.write(b"".join(position.to_bytes(8, "big") for position in self._positions))
        for level in levels:
            self._file.write(b"".join(level))
        numbers = (self._sequence, len(self._leaves), self._positions[-1])
        self._file.seek(0)
        self._file.write(_MAGIC + b"".join(number.to_bytes(8, "big") for number in numbers))
        return tiles.subtree_root(lambda level, low, high: levels[level][low:high], 0, len(self._leaves))


class Book:
    """Reads what one proof needs, and nothing else."""

    def __init__(self, read: Read, sequence: int) -> None:
        """`Corrupt` if it is not the book of this edition."""
        self._read = read
        head = self._take(0, _HEAD)
        numbers = (int.from_bytes(head[i : i + 8], "big") for i in (8, 16, 24))
        self.sequence, self.works, self._tables = numbers
        if head[:8] != _MAGIC or self.sequence != sequence:
            raise Corrupt(f"This is not the book of edition {sequence}; publish anew.")
        self._tiles: dict[tuple[int, int], bytes] = {}

    def proof(self, row: int) -> WorkProof:
        """The proof of one work, as `work_proof` makes it from the edition; `InvalidInput` if there is no such row."""
        if not 0 <= row < self.works:
            raise InvalidInput(f"Edition {self.sequence} has no work row {row}.")
        work_id, terms, records = self._page(row)
        return WorkProof(
            sequence=self.sequence,
            row=row,
            size=self.works,
            work_id=work_id,
            terms=terms,
            records=records,
            path=tuple(tiles.inclusion_proof(self._hashes, row, self.works)),
        )

    def _page(self, row: int) -> tuple[bytes, Terms, tuple[bytes, ...]]:
        start, stop = (int.from_bytes(self._take(self._tables + 8 * n, 8), "big") for n in (row, row + 1))
        page = self._take(start, stop - start)
        try:
            content = zlib.decompress(page[1:]) if page[0] else page[1:]
            end = 20 + int.from_bytes(content[16:20], "big")
            terms = Terms.from_json(parse(content[20:end], "The terms in the book"))
            return content[:16], terms, tuple(_records(content[end:]))
        except (zlib.error, InvalidInput, VerificationFailed, IndexError, KeyError, TypeError) as problem:
            raise Corrupt(
                f"Page {row} of the book of edition {self.sequence} is damaged: {problem}"
            ) from problem

    def _hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """Of one tile, which is read once."""
        index = start // tiles.WIDTH
        data = self._tiles.get((level, index))
        counts = [self.works >> tiles.HEIGHT * below for below in range(level + 1)]
        first = index * tiles.WIDTH
        if data is None:
            position = self._tables + 8 * (self.works + 1) + merkle.HASH_BYTES * (sum(counts[:level]) + first)
            width = min(tiles.WIDTH, counts[level] - first)
            data = self._tiles[level, index] = self._take(position, width * merkle.HASH_BYTES)
        size = merkle.HASH_BYTES
        return [data[(n - first) * size : (n - first + 1) * size] for n in range(start, stop)]

    def _take(self, start: int, length: int) -> bytes:
        data = self._read(start, length)
        if len(data) != length:
            raise Corrupt("The book of an edition's works is cut off; publish anew.")
        return data


def _records(data: bytes) -> list[bytes]:
    found, position = [], 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if not start < position <= len(data):
            raise VerificationFailed("its records do not fit it")
        found.append(data[start:position])
    return found
