"""The members of a packed WARC file, one a record: of gzip (ISO 28500:2017, annex D), or frames of Zstandard.

The latter is IIPC's "Zstandard Compression for WARC Files 1.0". Such a file may begin with a dictionary by which all
its frames are packed, in a frame that other programs skip. It is given as a member of its own, for without it nothing
of the rest can be read. What lies in other frames to skip nobody looks at, so a file that has one counts as damaged
from there on.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO, Final

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

_PIECE: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_FRAME: Final = b"\x28\xb5\x2f\xfd"
_DICTIONARY: Final = b"\x5d\x2a\x4d\x18"
_SKIPPABLE: Final = b"\x2a\x4d\x18"
"""What a frame to skip begins with, behind its first byte."""
_LENGTH: Final = Struct("<I")
_MOST_DICTIONARY: Final = 16 << 20
_OPTIONS: Final[Mapping[int, int]] = {zstd.DecompressionParameter.window_log_max: 27}
"""128 MiB of memory at most, which is what the library allows by itself."""


class Damaged(Exception):
    """From here on the file cannot be read."""

    def __init__(self, gap: str) -> None:
        super().__init__(gap)
        self.gap = gap


@dataclass(frozen=True, slots=True)
class Member:
    """One member as it lies in the file, and what is in it."""

    raw: bytes
    """Empty if its content is larger than was allowed."""
    size: int
    """Bytes in the file."""
    content: bytes
    """Of one that is too large, only the beginning."""
    over: bool = False
    """Whether it is too large."""
    is_dictionary: bool = False


def members(file: BinaryIO, most: int, head: int) -> Iterator[Member]:
    """All members in order; one of more than `most` bytes is read, and only its first `head` bytes are held.

    `Damaged` where it cannot go on: cut off, or something else than members.
    """
    ahead = file.read(_PIECE)
    dictionary: zstd.ZstdDict | None = None
    if ahead.startswith(_DICTIONARY):
        raw, ahead = _dictionary_frame(file, ahead)
        dictionary = _dictionary(raw[len(_DICTIONARY) + _LENGTH.size :])
        yield Member(raw, len(raw), b"", is_dictionary=True)
    while ahead or (ahead := file.read(_PIECE)):
        while len(ahead) < len(_FRAME) and (more := file.read(_PIECE)):
            ahead += more
        reader = _Reader(most, head)
        ahead = reader.frame(file, ahead, dictionary) if _is_zstd(ahead) else reader.gzip(file, ahead)
        yield reader.member()


def _is_zstd(ahead: bytes) -> bool:
    """Whether a frame begins here, or a cut one."""
    if ahead[1:].startswith(_SKIPPABLE) and ahead[0] & 0xF0 == 0x50:
        raise Damaged("error.malformed")
    return ahead.startswith(_FRAME) or (len(ahead) < len(_FRAME) and _FRAME.startswith(ahead))


def _dictionary_frame(file: BinaryIO, ahead: bytes) -> tuple[bytes, bytes]:
    """The frame, and what was read beyond it."""
    begin = len(_DICTIONARY) + _LENGTH.size
    if len(ahead) < begin:
        raise Damaged("error.truncated")
    (length,) = _LENGTH.unpack_from(ahead, len(_DICTIONARY))
    if length > _MOST_DICTIONARY:
        raise Damaged("error.too-large")
    missing = begin + length - len(ahead)
    if missing > 0:
        ahead += file.read(missing)
    if len(ahead) < begin + length:
        raise Damaged("error.truncated")
    return ahead[: begin + length], ahead[begin + length :]


def _dictionary(content: bytes) -> zstd.ZstdDict:
    """It may itself be packed, without one."""
    try:
        if content.startswith(_FRAME):
            unpacker = zstd.ZstdDecompressor(options=_OPTIONS)
            content = unpacker.decompress(content, _MOST_DICTIONARY + 1)
            if len(content) > _MOST_DICTIONARY:
                raise Damaged("error.too-large")
            if not unpacker.eof or unpacker.unused_data:
                raise Damaged("error.malformed")
        return zstd.ZstdDict(content)
    except (zstd.ZstdError, ValueError) as problem:
        raise Damaged("error.malformed") from problem


class _Reader:
    """One member while it is read."""

    def __init__(self, most: int, head: int) -> None:
        self._most = most
        self._head = head
        self._raw: list[bytes] = []
        self._content = bytearray()
        self._size = 0
        self._over = False

    def member(self) -> Member:
        """What was read."""
        return Member(b"".join(self._raw), self._size, bytes(self._content), self._over)

    def gzip(self, file: BinaryIO, ahead: bytes) -> bytes:
        """All of it, of which `ahead` was read already; gives what was read beyond it."""
        unpacker = zlib.decompressobj(wbits=31)
        try:
            while not unpacker.eof:
                ahead = ahead or _more(file)
                left = ahead
                while left and not unpacker.eof:
                    self._hold(unpacker.decompress(left, self._room))
                    left = unpacker.unconsumed_tail
                self._take(ahead, unpacker.unused_data)
                ahead = unpacker.unused_data
        except zlib.error as problem:
            raise Damaged("error.malformed") from problem
        return ahead

    def frame(self, file: BinaryIO, ahead: bytes, dictionary: zstd.ZstdDict | None) -> bytes:
        """The same for a frame of Zstandard."""
        unpacker = zstd.ZstdDecompressor(dictionary, _OPTIONS)
        try:
            while not unpacker.eof:
                ahead = ahead or _more(file)
                self._hold(unpacker.decompress(ahead, self._room))
                while not (unpacker.needs_input or _is_complete(unpacker)):
                    self._hold(unpacker.decompress(b"", self._room))
                rest = unpacker.unused_data  # nothing before its end
                self._take(ahead, rest)
                ahead = rest
        except zstd.ZstdError as problem:
            raise Damaged("error.malformed") from problem
        return ahead

    @property
    def _room(self) -> int:
        """How much may be unpacked at once: beyond the limit it is looked at in small pieces and forgotten."""
        return _PIECE if self._over else self._most - len(self._content) + 1

    def _hold(self, content: bytes) -> None:
        if self._over:
            return
        self._content += content
        if len(self._content) > self._most:
            self._over = True
            self._raw.clear()
            del self._content[self._head :]

    def _take(self, piece: bytes, beyond: bytes) -> None:
        """The part of a piece that is of this member."""
        own = piece[: len(piece) - len(beyond)]
        self._size += len(own)
        if not self._over:
            self._raw.append(own)


def _is_complete(unpacker: zstd.ZstdDecompressor) -> bool:
    """Whether all of the frame was read."""
    return unpacker.eof


def _more(file: BinaryIO) -> bytes:
    if not (data := file.read(_PIECE)):
        raise Damaged("error.truncated")
    return data
