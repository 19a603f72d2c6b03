"""Vorbis comments (xiph.org/vorbis/doc/v-comment.html) of FLAC and of Ogg with Vorbis, Opus, Theora, Speex or FLAC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry.core.signals.containers.model import LARGEST_PACKET, DamagedFile, Packet, tag

_COMMENT_BLOCK: Final = 4
_HEADS: Final = (b"\x03vorbis", b"OpusTags", b"\x81theora")
_PAGE_HEADER: Final = 27
_MOST_STREAMS: Final = 64
"""Of one file; a file of millions would be made to keep us busy."""


def flac(data: bytes) -> Iterator[Packet]:
    """The comments among the blocks before the sound."""
    at, last = 4, False
    while not last:
        if at + 4 > len(data):
            raise DamagedFile
        last, kind = bool(data[at] & 0x80), data[at] & 0x7F
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if at + 4 + size > len(data):
            raise DamagedFile
        if kind == _COMMENT_BLOCK:
            yield from _comments(data[at + 4 : at + 4 + size], "flac")
        at += 4 + size


def ogg(data: bytes) -> Iterator[Packet]:
    """The comments of every stream: the second packet of each."""
    for packet in _second_packets(data):
        head = next((head for head in _HEADS if packet.startswith(head)), None)
        if head is not None:
            yield from _comments(packet[len(head) :], "ogg")
        elif packet[:1] and packet[0] & 0x7F == _COMMENT_BLOCK:  # FLAC in Ogg
            yield from _comments(packet[4:], "ogg")
        elif packet[4:] and int.from_bytes(packet[:4], "little") < len(packet):  # Speex has no head
            yield from _comments(packet, "ogg")


def _second_packets(data: bytes) -> Iterator[bytes]:
    """Put together from the pages, which take turns between the streams."""
    complete: dict[int, int] = {}
    partial: dict[int, bytearray] = {}
    at = 0
    while not complete or any(count < 2 for count in complete.values()):
        if at + _PAGE_HEADER > len(data) or data[at : at + 4] != b"OggS":
            raise DamagedFile
        serial = int.from_bytes(data[at + 14 : at + 18], "little")
        body = at + _PAGE_HEADER + data[at + 26]
        sizes = data[at + _PAGE_HEADER : body]
        at = body + sum(sizes)
        if at > len(data) or len(complete) > _MOST_STREAMS:
            raise DamagedFile
        count, whole = complete.get(serial, 0), partial.setdefault(serial, bytearray())
        for size in sizes:
            if count == 1:
                whole += data[body : body + size]
            if len(whole) > LARGEST_PACKET:
                raise DamagedFile
            body += size
            if size < 255:
                count += 1
                if count == 2:
                    yield bytes(whole)
        complete[serial] = count


def _comments(body: bytes, where: str) -> Iterator[Packet]:
    """Its maker's name, a number of comments, and these; each with its length before it."""

    def take(at: int) -> tuple[bytes, int]:
        stop = at + 4 + int.from_bytes(body[at : at + 4], "little")
        if at + 4 > len(body) or stop > len(body):
            raise DamagedFile
        return body[at + 4 : stop], stop

    _, at = take(0)
    count = int.from_bytes(body[at : at + 4], "little")
    at += 4
    for _ in range(count):
        comment, at = take(at)
        name, _, value = comment.decode("utf-8", "replace").partition("=")
        yield from tag(name, value, f"{where} comment")
