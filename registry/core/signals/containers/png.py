"""PNG: XMP or an RSL document in `iTXt`, `zTXt` or `tEXt`, and C2PA's boxes in `caBX`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from registry.core.signals.containers.model import LARGEST_PACKET, DamagedFile, Packet, licences

_XMP: Final = b"XML:com.adobe.xmp"
_RAW: Final = b"Raw profile type xmp"


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of all chunks; they may stand behind the pixels."""
    at = 8
    while True:
        if at + 12 > len(data):
            raise DamagedFile
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise DamagedFile
        if kind in (b"iTXt", b"zTXt", b"tEXt"):
            yield from _text(kind, data[at + 8 : at + 8 + length])
        elif kind == b"caBX":
            yield Packet("c2pa", "png caBX", data[at + 8 : at + 8 + length])
        elif kind == b"IEND":
            return
        at = end


def _text(kind: bytes, content: bytes) -> Iterator[Packet]:
    keyword, _, rest = content.partition(b"\0")
    where = f"png {kind.decode()}"
    if kind == b"iTXt":
        packed, body = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        text = _unpacked(body) if packed else body
    else:
        text = _unpacked(rest[1:]) if kind == b"zTXt" else rest
    if kind == b"iTXt" and keyword == _XMP:
        yield Packet("xmp", where, text)
    elif kind != b"iTXt" and keyword == _RAW:  # as ImageMagick writes it: a name, a length, and digits
        digits = b"".join(text.split()[2:])
        try:
            yield Packet("xmp", where, bytes.fromhex(digits.decode("ascii")))
        except ValueError:
            raise DamagedFile from None
    else:
        yield from licences(text, where)


def _unpacked(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        whole = stream.decompress(body, LARGEST_PACKET)
    except zlib.error:
        raise DamagedFile from None
    if stream.unconsumed_tail or not stream.eof:
        raise DamagedFile
    return whole
