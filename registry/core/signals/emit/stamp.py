"""A declaration written into a file, without touching a pixel: JPEG, PNG, WebP, PDF; and XMP sidecars for all others.

Only the packet is inserted or replaced; all other bytes are copied. Content credentials are C2PA's own business: a
file that has them is refused, since they would no longer hold.
"""

from __future__ import annotations

import io
import zlib
from typing import Final

import pikepdf

from registry.core.errors import InvalidInput, TooLarge, Undecodable, UnsupportedMedia
from registry.core.signals import pdf
from registry.core.signals.containers import DamagedFile, Packet, packets
from registry.core.signals.emit.declaration import Declaration
from registry.core.signals.emit.packet import merged

_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_LONGEST_SEGMENT: Final = 65_533 - len(_JPEG_XMP)


def stamp(data: bytes, declaration: Declaration) -> bytes:
    """The file with the declaration in it.

    `UnsupportedMedia` for a format into which we do not write (use `sidecar`), `Undecodable` for a damaged file,
    `InvalidInput` for one with content credentials, `TooLarge` if its XMP does not fit any more.
    """
    if pdf.is_pdf(data):
        return _pdf(data, declaration)
    writer = next((w for magic, w in _WRITERS.items() if data.startswith(magic)), None)
    if writer is None or (data[:4] == b"RIFF" and data[8:12] != b"WEBP"):
        raise UnsupportedMedia("Into such a file nothing is written; lay an XMP sidecar beside it instead.")
    packet = merged(_existing(data), declaration)
    return writer(data, packet)


def sidecar(declaration: Declaration, existing: bytes | None = None) -> bytes:
    """An XMP file to be laid beside the work, or the existing one with the declaration in it."""
    return merged(existing, declaration)


def _existing(data: bytes) -> bytes | None:
    try:
        found: list[Packet] = list(packets(data) or ())
    except DamagedFile:
        raise Undecodable("The file is damaged or incomplete; nothing was written.") from None
    if any(packet.kind == "c2pa" for packet in found):
        raise InvalidInput(
            "The file has content credentials, which any change makes invalid; sign it anew instead."
        )
    own = [packet.data for packet in found if packet.kind == "xmp"]
    if len(own) > 1:
        raise UnsupportedMedia("The file's XMP is in several parts; lay an XMP sidecar beside it instead.")
    return own[0] if own else None


def _jpeg(data: bytes, packet: bytes) -> bytes:
    """With the packet behind JFIF and Exif, in place of the one that is there."""
    if len(packet) > _LONGEST_SEGMENT:
        raise TooLarge("The file's XMP fills its segment; lay an XMP sidecar beside the file instead.")
    head, at, rest = [data[:2]], 2, b""
    while data[at] == 0xFF and data[at + 1] in (0xE0, 0xE1):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not data[at + 4 : end].startswith(_JPEG_XMP):
            head.append(data[at:end])
        at = end
    rest = _without_xmp(data[at:])
    body = _JPEG_XMP + packet
    return b"".join(head) + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + rest


def _without_xmp(rest: bytes) -> bytes:
    """The remaining segments without an XMP packet that stands among them."""
    kept, at = [], 0
    while rest[at] == 0xFF and rest[at + 1] not in (0xDA, 0xD9):
        if rest[at + 1] == 0xFF:
            at += 1
            continue
        end = at + 2 + int.from_bytes(rest[at + 2 : at + 4], "big")
        if not (rest[at + 1] == 0xE1 and rest[at + 4 : end].startswith(_JPEG_XMP)):
            kept.append(rest[at:end])
        at = end
    return b"".join(kept) + rest[at:]


def _png(data: bytes, packet: bytes) -> bytes:
    """With the packet in an `iTXt` behind the header."""
    kept, at = [data[:8]], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, content = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if not (kind == b"iTXt" and content.startswith(b"XML:com.adobe.xmp\0")):
            kept.append(data[at:end])
        if kind == b"IHDR":
            kept.append(_png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
        at = end
    return b"".join(kept)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _webp(data: bytes, packet: bytes) -> bytes:
    """With the packet at the end, and the extended header that announces it."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    if chunks and chunks[0][0] == b"VP8X":
        chunks[0] = (b"VP8X", bytes([chunks[0][1][0] | 4]) + chunks[0][1][1:])
    else:
        chunks.insert(0, (b"VP8X", _webp_header(*chunks[0])))
    chunks = [chunk for chunk in chunks if chunk[0] != b"XMP "] + [(b"XMP ", packet)]
    body = b"".join(k + len(c).to_bytes(4, "little") + c + b"\0" * (len(c) % 2) for k, c in chunks)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _webp_header(kind: bytes, content: bytes) -> bytes:
    """The extended header for a simple picture: flags, and its size less one."""
    if kind == b"VP8 " and content[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(content[i : i + 2], "little") & 0x3FFF for i in (6, 8))
        flags = 4
    elif kind == b"VP8L" and content[:1] == b"\x2f":
        bits = int.from_bytes(content[1:5], "little")
        width, height, flags = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 4 | (bits >> 28 & 1) << 4
    else:
        raise Undecodable("The WebP file is damaged; nothing was written.")
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _pdf(data: bytes, declaration: Declaration) -> bytes:
    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            stream = document.Root.get("/Metadata")
            packet = stream.read_bytes() if isinstance(stream, pikepdf.Stream) else None
            made = document.make_stream(
                merged(packet, declaration), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML
            )
            document.Root.Metadata = made
            out = io.BytesIO()
            document.save(out, deterministic_id=True)
            return out.getvalue()
    except (pikepdf.PdfError, pikepdf.PasswordError):
        raise Undecodable("The PDF is damaged or protected by a password; nothing was written.") from None


_WRITERS: Final = {b"\xff\xd8\xff": _jpeg, b"\x89PNG\r\n\x1a\n": _png, b"RIFF": _webp}
