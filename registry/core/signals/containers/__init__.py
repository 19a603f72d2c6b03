"""Where files keep what they say about themselves, found by walking headers.

XMP packets, C2PA manifest stores, RSL documents, and the texts of recordings. Nothing is decoded and no data is copied
but the packets: each format says how long its parts are, so a walk touches a few bytes a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from registry.core.signals.containers import bmff, gif, id3, jpeg, png, riff, tiff, vorbis
from registry.core.signals.containers.model import DamagedFile, Packet

__all__ = ["DamagedFile", "Packet", "packets"]

_WALKERS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[Packet]]], ...]] = (
    (lambda head: head.startswith(b"\xff\xd8\xff"), jpeg.packets),
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), png.packets),
    (lambda head: head[:4] == b"RIFF", riff.packets),
    (lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"), riff.packets),
    (lambda head: head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")), tiff.packets),
    (lambda head: head.startswith((b"GIF87a", b"GIF89a")), gif.packets),
    (lambda head: head[4:8] in (b"ftyp", b"jP  ", b"JXL "), bmff.packets),
    (lambda head: head[:3] == b"ID3", lambda data: _behind_id3(data)),
    (lambda head: head[:4] == b"fLaC", vorbis.flac),
    (lambda head: head[:4] == b"OggS", vorbis.ogg),
)


def packets(data: bytes) -> Iterator[Packet] | None:
    """The packets of a file, `None` if it is of no format that we walk; iterating raises `DamagedFile`."""
    head = data[:16]
    return next((walk(data) for is_it, walk in _WALKERS if is_it(head)), None)


def _behind_id3(data: bytes) -> Iterator[Packet]:
    """The tag's packets, and those of a file of another format that follows it."""
    yield from id3.packets(data)
    yield from packets(data[id3.end(data) :]) or ()
