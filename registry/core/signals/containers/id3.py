"""ID3v2 (id3.org, versions 2.2 to 2.4): texts, XMP in a `PRIV` frame, C2PA's boxes in a `GEOB` frame.

It stands before MP3 and sometimes FLAC, and in a chunk of WAV and AIFF. A frame of version 2.4 gives its size in
bytes of seven bits; some programs wrote eight, so the size that leads to another frame is taken.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from registry.core.signals.containers.model import LARGEST_PACKET, DamagedFile, Packet, licences, tag

_ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_FRAME: Final = re.compile(rb"[A-Z][A-Z0-9]{2,3}")
_STORES: Final = frozenset({b"application/x-c2pa-manifest-store", b"application/c2pa"})
_NAMES: Final = {b"TXX": b"TXXX", b"WXX": b"WXXX", b"COM": b"COMM", b"GEO": b"GEOB", b"ULT": b"USLT"}
"""Frames of version 2.2 by their later names."""


class _Frame(NamedTuple):
    name: bytes
    content: bytes


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of the tag with which the bytes begin."""
    for frame in _frames(data):
        yield from _packets(frame)


def end(data: bytes) -> int:
    """Where the tag ends with which the bytes begin."""
    if len(data) < 10:
        raise DamagedFile
    footer = 10 if data[3] == 4 and data[5] & 0x10 else 0
    stop = 10 + _of_seven_bits(data[6:10]) + footer
    if stop > len(data):
        raise DamagedFile
    return stop


def _frames(data: bytes) -> Iterator[_Frame]:
    stop = end(data)
    version, flags, body = data[3], data[5], data[10:stop]
    if version not in (2, 3, 4) or (version == 2 and flags & 0x40):
        raise DamagedFile
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\0", b"\xff")
    at = 0
    if flags & 0x40:
        at = _of_seven_bits(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")
    width, header = (3, 6) if version == 2 else (4, 10)
    while at + header <= len(body) and body[at]:
        name = body[at : at + width]
        if not _FRAME.fullmatch(name):
            raise DamagedFile
        size = _size(body, at, version)
        if at + header + size > len(body):
            raise DamagedFile
        content = body[at + header : at + header + size]
        if version > 2:
            content = _plain(content, body[at + 9], version, unsynchronised=bool(flags & 0x80))
        yield _Frame(_NAMES.get(name, name), content)
        at += header + size


def _size(body: bytes, at: int, version: int) -> int:
    if version == 2:
        return int.from_bytes(body[at + 3 : at + 6], "big")
    plain = int.from_bytes(body[at + 4 : at + 8], "big")
    if version == 3:
        return plain
    if any(byte & 0x80 for byte in body[at + 4 : at + 8]):
        return plain
    size = _of_seven_bits(body[at + 4 : at + 8])
    return size if _is_frame(body, at + 10 + size) or not _is_frame(body, at + 10 + plain) else plain


def _is_frame(body: bytes, at: int) -> bool:
    """Whether a frame, the padding or the end of the tag is at a place."""
    return at == len(body) or (at < len(body) and (not body[at] or bool(_FRAME.fullmatch(body[at : at + 4]))))


def _plain(content: bytes, flags: int, version: int, *, unsynchronised: bool) -> bytes:
    """The content of a frame without its wrappings; one that is encrypted says nothing."""
    packed, encrypted, grouped = (0x80, 0x40, 0x20) if version == 3 else (0x08, 0x04, 0x40)
    if flags & encrypted:
        return b""
    extra = 1 if flags & grouped else 0
    if version == 3:
        extra += 4 if flags & packed else 0
    else:
        extra += 4 if flags & 0x01 else 0
        if flags & 0x02 or unsynchronised:
            content = content.replace(b"\xff\0", b"\xff")
    content = content[extra:]
    if not flags & packed:
        return content
    stream = zlib.decompressobj()
    try:
        whole = stream.decompress(content, LARGEST_PACKET)
    except zlib.error:
        raise DamagedFile from None
    if stream.unconsumed_tail or not stream.eof:
        raise DamagedFile
    return whole


def _packets(frame: _Frame) -> Iterator[Packet]:
    name, content = frame
    where = f"id3 {name.decode()}"
    if name == b"PRIV":
        owner, _, body = content.partition(b"\0")
        if owner == b"XMP":
            yield Packet("xmp", where, body)
        else:
            yield from licences(body, where)
    elif name == b"GEOB":
        yield from _object(content, where)
    elif name == b"TXXX" and content:
        label, _, value = _text(content[0], content[1:]).partition("\0")
        yield from tag(label, value, where)
    elif name in (b"COMM", b"USER", b"USLT") and content:
        yield from licences(_text(content[0], content[4:]).encode("utf-8", "surrogatepass"), where)
    elif name[:1] == b"T" and content:
        yield from licences(_text(content[0], content[1:]).encode("utf-8", "surrogatepass"), where)


def _object(content: bytes, where: str) -> Iterator[Packet]:
    """An embedded file: its media type, name and description, and then its bytes."""
    kind, _, rest = content[1:].partition(b"\0")
    for _ in ("name", "description"):
        rest = _behind_text(content[0] if content else 0, rest)
    if kind.lower() in _STORES:
        yield Packet("c2pa", where, rest)
    else:
        yield from licences(rest, where)


def _behind_text(encoding: int, rest: bytes) -> bytes:
    """What follows a text that ends with a zero, of two bytes in UTF-16."""
    if encoding not in (1, 2):
        return rest.partition(b"\0")[2]
    stop = rest.find(b"\0\0")
    while stop % 2 and stop > 0:
        stop = rest.find(b"\0\0", stop + 1)
    return rest[stop + 2 :] if stop >= 0 else b""


def _text(encoding: int, content: bytes) -> str:
    """A text that may hold several, with zeros between them; an encoding that nobody knows is read as UTF-8."""
    name = _ENCODINGS[encoding] if encoding < len(_ENCODINGS) else "utf-8"
    text = content.decode(name, "replace")
    return text.replace("\ufeff", "").rstrip("\0")


def _of_seven_bits(size: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(size)))
