"""RIFF, that is WebP, WAV and AVI, and AIFF, its elder with the big end first.

XMP stands in `XMP ` or `_PMX`, C2PA's boxes in `C2PA`, ID3 in `id3 ` or `ID3 `.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from registry.core.signals.containers import id3
from registry.core.signals.containers.model import DamagedFile, Packet


def packets(data: bytes) -> Iterator[Packet]:
    """The packets among the chunks of the outermost form."""
    order: Literal["big", "little"] = "big" if data[:4] == b"FORM" else "little"
    form = data[8:12].decode("latin-1").strip().lower()
    end = 8 + int.from_bytes(data[4:8], order)
    if end > len(data) + 1:  # one byte of padding is often left out
        raise DamagedFile
    at = 12
    while at + 8 <= min(end, len(data)):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], order)
        if at + 8 + length > len(data):
            raise DamagedFile
        content = slice(at + 8, at + 8 + length)
        if kind in (b"XMP ", b"_PMX"):
            yield Packet("xmp", f"{form} xmp", data[content])
        elif kind == b"C2PA":
            yield Packet("c2pa", f"{form} c2pa", data[content])
        elif kind in (b"id3 ", b"ID3 ") and data[content][:3] == b"ID3":
            yield from id3.packets(data[content])
        at += 8 + length + length % 2
