"""TIFF and BigTIFF: XMP in tag 700, C2PA's boxes in tag 52545, of every directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from registry.core.signals.containers.model import DamagedFile, Packet

_KINDS: Final = {700: "xmp", 52545: "c2pa"}
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4, 16: 8, 17: 8, 18: 8}
_MOST_DIRECTORIES: Final = 10_000


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of the chain of directories."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    big = data[2:4] in (b"+\0", b"\0+")
    wide, entry = (8, 20) if big else (4, 12)

    def number(at: int, size: int) -> int:
        if at < 0 or at + size > len(data):
            raise DamagedFile
        return int.from_bytes(data[at : at + size], order)

    at, seen = number(8 if big else 4, wide), set[int]()
    while at:
        if at in seen or len(seen) > _MOST_DIRECTORIES:
            raise DamagedFile
        seen.add(at)
        count_size = 8 if big else 2
        count = number(at, count_size)
        first = at + count_size
        if first + count * entry > len(data):
            raise DamagedFile
        for place in range(first, first + count * entry, entry):
            kind = _KINDS.get(number(place, 2))
            if kind is None:
                continue
            length = _SIZES.get(number(place + 2, 2), 1) * number(place + 4, wide)
            value = place + 4 + wide
            start = value if length <= wide else number(value, wide)
            if start + length > len(data):
                raise DamagedFile
            yield Packet(kind, f"tiff {kind}", data[start : start + length])
        at = number(first + count * entry, wide)
