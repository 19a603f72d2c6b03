"""AVIF, HEIC, MP4, JPEG 2000 and JPEG XL, all made of boxes (ISO 14496-12).

XMP stands in a `uuid` box, in an `xml ` box (JPEG XL), or is an item of type `application/rdf+xml` that `meta` lists
(`iinf`) and locates (`iloc`); QuickTime keeps it in `XMP_` in `udta`. C2PA's boxes stand in a `uuid` box, or in `jumb`
(JPEG XL). An RSL document may be a text of any kind in `udta`, where also iTunes keeps what it knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry.core.signals.containers.model import LARGEST_PACKET, DamagedFile, Packet, licences

_XMP: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_C2PA: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_TYPE: Final = b"application/rdf+xml"


class _Box(NamedTuple):
    kind: bytes
    start: int
    """Of the content."""
    end: int


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of the outermost boxes, and of the items that `meta` lists."""
    for box in _boxes(data, 0, len(data)):
        if box.kind == b"uuid":
            content = data[box.start + 16 : box.end]
            if data[box.start : box.start + 16] == _XMP:
                yield Packet("xmp", "uuid xmp", content)
            elif data[box.start : box.start + 16] == _C2PA:
                yield Packet("c2pa", "uuid c2pa", _store(content))
        elif box.kind == b"xml ":
            yield Packet("xmp", "xml box", data[box.start : box.end])
        elif box.kind == b"brob" and data[box.start : box.start + 4] in (b"xml ", b"jumb"):
            raise DamagedFile  # packed with Brotli, which we do not read
        elif box.kind == b"jumb":
            yield Packet("c2pa", "jumb box", data[box.start - 8 : box.end])
        elif box.kind == b"meta":
            yield from _items(data, box)
        elif box.kind == b"moov":
            yield from _movie(data, box)


def _movie(data: bytes, movie: _Box) -> Iterator[Packet]:
    """What is said of a film or a recording as a whole."""
    for box in _boxes(data, movie.start, movie.end):
        if box.kind != b"udta":
            continue
        yield from licences(data[box.start : box.end], "udta")
        at = data.find(b"XMP_", box.start, box.end)
        if at >= box.start + 4:
            length = int.from_bytes(data[at - 4 : at], "big")
            if length < 8 or at - 4 + length > box.end:
                raise DamagedFile
            yield Packet("xmp", "udta xmp", data[at + 4 : at - 4 + length])


def _store(content: bytes) -> bytes:
    """The boxes behind C2PA's own header: version and flags, purpose, and an offset for some purposes."""
    purpose, _, rest = content[4:].partition(b"\0")
    return rest[8:] if purpose in (b"manifest", b"original", b"update") else b""


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        length, kind, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = end - at
        if length < header or at + length > end:
            raise DamagedFile
        yield _Box(kind, at + header, at + length)
        at += length


class _Reader:
    """Numbers one after the other, big end first."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data, self.at, self.end = data, start, end

    def number(self, size: int) -> int:
        if self.at + size > self.end:
            raise DamagedFile
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


def _items(data: bytes, meta: _Box) -> Iterator[Packet]:
    inner = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
    if b"iinf" not in inner or b"iloc" not in inner:
        return
    wanted = set(_xmp_items(data, inner[b"iinf"]))
    if not wanted:
        return
    base = inner[b"idat"].start if b"idat" in inner else None
    for item, method, extents in _locations(data, inner[b"iloc"]):
        if item not in wanted:
            continue
        if not all(size for _, size in extents):  # all that follows, which nobody writes
            raise DamagedFile
        if method > 1 or (method == 1 and base is None) or sum(size for _, size in extents) > LARGEST_PACKET:
            raise DamagedFile
        shift = (base or 0) if method == 1 else 0
        if any(shift + start + size > len(data) for start, size in extents):
            raise DamagedFile
        parts = (data[shift + start : shift + start + size] for start, size in extents)
        yield Packet("xmp", "xmp item", b"".join(parts))


def _xmp_items(data: bytes, iinf: _Box) -> Iterator[int]:
    reader = _Reader(data, iinf.start, iinf.end)
    version = reader.number(4) >> 24
    reader.number(2 if version == 0 else 4)
    for box in _boxes(data, reader.at, iinf.end):
        if box.kind != b"infe":
            continue
        entry = _Reader(data, box.start, box.end)
        edition = entry.number(4) >> 24
        item = entry.number(4 if edition >= 3 else 2)
        if edition >= 2 and data[entry.at + 2 : entry.at + 6] == b"mime":
            _, _, rest = data[entry.at + 6 : box.end].partition(b"\0")  # the item's name
            if rest.partition(b"\0")[0] == _XMP_TYPE:
                yield item


def _locations(data: bytes, iloc: _Box) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Items, how they are located (0: in the file, 1: in `idat`), and their extents."""
    reader = _Reader(data, iloc.start, iloc.end)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    for _ in range(reader.number(4 if version == 2 else 2)):
        item = reader.number(4 if version == 2 else 2)
        method = reader.number(2) & 15 if version in (1, 2) else 0
        reader.number(2)
        base = reader.number(base_size)
        extents = []
        for _ in range(reader.number(2)):
            reader.number(index_size)
            start = base + reader.number(offset_size)
            extents.append((start, reader.number(length_size)))
        yield item, method, extents
