"""GIF: XMP in the application extension `XMP DataXMP`, C2PA's boxes in `C2PA_GIF`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry.core.signals.containers.model import DamagedFile, Packet

_TRAILER: Final = 257
"""Bytes after XMP that lead a reader, who takes it for sub-blocks, to its end."""


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of all extensions."""
    at = 13 + _table(data, 10)
    while at < len(data):
        block = data[at]
        if block == 0x3B:
            return
        if block == 0x2C:
            at = _end(data, at + 11 + _table(data, at + 9))
        elif block == 0x21 and data[at + 1 : at + 3] == b"\xff\x0b":
            end = _end(data, at + 14)
            name = data[at + 3 : at + 14]
            if name == b"XMP DataXMP":
                yield Packet("xmp", "gif xmp", data[at + 14 : max(at + 14, end - _TRAILER)])
            elif name.startswith(b"C2PA_GIF"):
                yield Packet("c2pa", "gif c2pa", b"".join(_blocks(data, at + 14)))
            at = end
        elif block == 0x21:
            at = _end(data, at + 2)
        else:
            raise DamagedFile
    raise DamagedFile


def _table(data: bytes, at: int) -> int:
    """The size of the colour table that the flags at this place announce."""
    if at >= len(data):
        raise DamagedFile
    return 3 << ((data[at] & 7) + 1) if data[at] & 0x80 else 0


def _end(data: bytes, at: int) -> int:
    """The place behind a run of sub-blocks."""
    while at < len(data):
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    raise DamagedFile


def _blocks(data: bytes, at: int) -> Iterator[bytes]:
    while at < len(data) and data[at]:
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
