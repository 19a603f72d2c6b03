"""RIFF, that is WebP, WAV and AVI: XMP in `XMP ` or `_PMX`, C2PA's boxes in `C2PA`."""

from __future__ import annotations

from collections.abc import Iterator

from registry.core.signals.containers.model import DamagedFile, Packet


def packets(data: bytes) -> Iterator[Packet]:
    """The packets among the chunks of the outermost form."""
    form = data[8:12].decode("latin-1").strip().lower()
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:  # one byte of padding is often left out
        raise DamagedFile
    at = 12
    while at + 8 <= min(end, len(data)):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > len(data):
            raise DamagedFile
        if kind in (b"XMP ", b"_PMX"):
            yield Packet("xmp", f"{form} xmp", data[at + 8 : at + 8 + length])
        elif kind == b"C2PA":
            yield Packet("c2pa", f"{form} c2pa", data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
