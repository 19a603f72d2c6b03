"""Unpacking what is packed inside a dataset's items: a member `.txt.gz` of a tar, the body of an HTTP answer.

Nothing grows beyond what is allowed, however small it arrives: every unpacker stops at the limit.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import pyarrow as pa

_MAGICS: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
)
_LZMA_MEMORY = 128 << 20


class NotUnpacked(Exception):
    """Why something packed could not be looked into, as a gap."""

    def __init__(self, gap: str) -> None:
        super().__init__(gap)
        self.gap = gap


def packing_of(data: bytes) -> str | None:
    """`gzip`, `zstd`, `xz`, `bzip2`, by the first bytes; `None` for what is not packed so."""
    return next((codec for magic, codec in _MAGICS if data.startswith(magic)), None)


def unpack(data: bytes, codec: str, max_bytes: int) -> bytes:
    """The content, all of it. `NotUnpacked`: damaged, cut, followed by something else, or larger than allowed."""
    try:
        inner, whole = _UNPACKERS[codec](data, max_bytes + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as problem:
        raise NotUnpacked("error.undecodable") from problem
    if len(inner) > max_bytes:
        raise NotUnpacked("error.too-large")
    if not whole:
        raise NotUnpacked("error.undecodable")
    return inner


class _Decompressor(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _whole(unpacker: _Decompressor, data: bytes, most: int) -> tuple[bytes, bool]:
    inner = unpacker.decompress(data, most)
    return inner, unpacker.eof and not unpacker.unused_data


def _deflate(data: bytes, most: int) -> tuple[bytes, bool]:
    """As RFC 9110, 8.4.1.2 says, in zlib's frame; or bare, as some servers send it nevertheless."""
    try:
        return _whole(zlib.decompressobj(), data, most)
    except zlib.error:
        return _whole(zlib.decompressobj(wbits=-15), data, most)


def _stream(codec: str) -> Callable[[bytes, int], tuple[bytes, bool]]:
    """Arrow's streams: they refuse what is cut or damaged by themselves."""

    def unpacked(data: bytes, most: int) -> tuple[bytes, bool]:
        with pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
            return stream.read(most), True

    return unpacked


_UNPACKERS: Final[dict[str, Callable[[bytes, int], tuple[bytes, bool]]]] = {
    "gzip": lambda data, most: _whole(zlib.decompressobj(wbits=31), data, most),
    "deflate": _deflate,
    "bzip2": lambda data, most: _whole(bz2.BZ2Decompressor(), data, most),
    "xz": lambda data, most: _whole(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY), data, most),
    "zstd": _stream("zstd"),
    "brotli": _stream("brotli"),
}
