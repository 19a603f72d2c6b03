"""JPEG: XMP in APP1, its extension over several APP1, C2PA's boxes over several APP11 (XMP part 3; C2PA A.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry.core.signals.containers.model import LARGEST_PACKET, DamagedFile, Packet

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_MORE: Final = b"http://ns.adobe.com/xmp/extension/\0"
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _END = 0xDA, 0xD9


def packets(data: bytes) -> Iterator[Packet]:
    """The packets before the first scan; those of one kind that are spread are put together."""
    extensions: dict[bytes, list[tuple[int, bytes]]] = {}
    boxes: dict[bytes, list[tuple[int, bytes]]] = {}
    for marker, content in _segments(data):
        if marker == 0xE1 and content.startswith(_XMP):
            yield Packet("xmp", "jpeg xmp", content[len(_XMP) :])
        elif marker == 0xE1 and content.startswith(_MORE):
            body = content[len(_MORE) :]
            extensions.setdefault(body[:32], []).append((int.from_bytes(body[36:40], "big"), body[40:]))
        elif marker == 0xEB and content[:2] == b"JP" and len(content) >= 16:
            number, inner = int.from_bytes(content[4:8], "big"), content[8:]
            header = 16 if inner[:4] == b"\0\0\0\1" else 8  # repeated in each segment
            boxes.setdefault(content[2:4], []).append((number, inner if number <= 1 else inner[header:]))
    for parts in extensions.values():
        yield Packet("xmp", "jpeg extended xmp", _joined(parts))
    for parts in boxes.values():
        store = _joined(parts)
        if store[4:8] == b"jumb":
            yield Packet("c2pa", "jpeg c2pa", store)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and contents up to the first scan."""
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if at + 2 > len(data) or data[at] != 0xFF:
            raise DamagedFile
        marker = data[at + 1]
        if marker in (_SCAN, _END):
            return
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            raise DamagedFile
        if marker in (0xE1, 0xEB):
            yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def _joined(parts: list[tuple[int, bytes]]) -> bytes:
    whole = b"".join(part for _, part in sorted(parts, key=lambda p: p[0]))
    if len(whole) > LARGEST_PACKET:
        raise DamagedFile
    return whole
