"""Tiles (https://c2sp.org/tlog-tiles): the tree and its entries as immutable files, and proofs computed from them.

Hash `i` of level `l` is the root over the entries [i * 256^l, (i + 1) * 256^l); it exists once all of them do.
A tile holds 256 consecutive hashes of one level, or fewer (a partial tile) at the right end; an entry bundle holds
the entries of a level-0 tile, each after its length in two bytes. From hashes alone every proof can be computed:
`Hashes` says where they come from, be it a database, a folder or a web server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from registry.core.errors import Corrupt, InvalidInput
from registry.core.tlog import merkle

WIDTH = 256
HEIGHT = 8
"""A tile spans 8 levels of the binary tree: 256 = 2^8."""
MAX_ENTRY_BYTES = 65_535
"""Entry bundles state lengths in 16 bits."""
_MAX_LEVEL = 7  # 256^8 entries would not fit 63 bits
_PATH = re.compile(
    r"tile/(?P<level>[0-7]|entries)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)

Hashes = Callable[[int, int, int], Sequence[bytes]]
"""`hashes(level, start, stop)`: the hashes [start, stop) of a level, all of which exist."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The address of a tile, or of an entry bundle where `level` is `None`."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's address: `tile/0/x001/x234/067`, `tile/entries/000.p/7`."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{place}{partial}"

    @classmethod
    def parse(cls, path: str) -> Self:
        """Inverse of `path`; `InvalidInput` for every other spelling."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise InvalidInput(f"“{path[:100]}” is no path of a tile.")
        level = None if found["level"] == "entries" else int(found["level"])
        index = int(found["index"].replace("x", "").replace("/", ""))
        tile = cls(level, index, int(found["width"] or WIDTH))
        if tile.path != path or tile.width > WIDTH:
            raise InvalidInput(f"“{path[:100]}” is no path of a tile.")
        return tile

    @property
    def start(self) -> int:
        """Number of its first hash in its level, or of its first entry."""
        return self.index * WIDTH

    @property
    def stop(self) -> int:
        """One after its last."""
        return self.start + self.width

    def exists_in(self, size: int) -> bool:
        """Whether a tree of `size` entries has all that it holds."""
        return self.stop <= size >> (HEIGHT * (self.level or 0))


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Every tile and bundle that a tree of this size consists of, with the partial ones at the right end.

    With `since`, only those that are not part of the tree of that many entries.
    """
    for level in (None, *range(_MAX_LEVEL + 1)):
        shift = HEIGHT * (level or 0)
        full, rest = divmod(size >> shift, WIDTH)
        yield from (Tile(level, index) for index in range((since >> shift) // WIDTH, full))
        if rest and size >> shift != since >> shift:
            yield Tile(level, full, rest)


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length, two bytes, most significant first."""
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise InvalidInput(f"A log entry has at most {MAX_ENTRY_BYTES:,} bytes.")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(data: bytes) -> list[bytes]:
    """Inverse of `bundle`; `Corrupt` if the lengths do not fit the data."""
    entries = []
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data):
            raise Corrupt("The entry bundle is cut off.")
        entries.append(data[start:position])
    return entries


def subtree_root(hashes: Hashes, start: int, stop: int) -> bytes:
    """The root over the entries [start, stop), from hashes of the highest level that has them.

    `start` is a multiple of the largest power of two that is not above `stop - start`, as in every RFC 6962 proof.
    At most 128 hashes are read for each 1-bit of the number of entries.
    """
    count = stop - start
    if count == 0:
        return merkle.empty_root()
    peaks = []
    for height in reversed(range(count.bit_length())):
        if count >> height & 1:
            level = min(height // HEIGHT, _MAX_LEVEL)
            shift = HEIGHT * level
            end = start + (1 << height)
            peaks.append(merkle.root(hashes(level, start >> shift, end >> shift)))
            start = end
    result = peaks.pop()
    while peaks:
        result = merkle.node_hash(peaks.pop(), result)
    return result


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """`merkle.inclusion_proof` for the first `size` entries, reading only what it needs."""
    return merkle.path(index, size, lambda start, stop: subtree_root(hashes, start, stop))


def consistency_proof(hashes: Hashes, old_size: int, size: int) -> list[bytes]:
    """`merkle.consistency_proof` from the first `old_size` to the first `size` entries, reading only what it needs."""
    return merkle.subproof(old_size, size, lambda start, stop: subtree_root(hashes, start, stop))
