"""The records of a WARC file (ISO 28500:2017), walked one by one, so that what is kept is copied byte for byte.

A packed file has one member a record, as the standard's annex D recommends and all crawlers write (see `warc_packed`);
then the member as it lies there is what is copied. Where a file holds anything else than records one after the other,
it counts as damaged from there on: what one program checks must be what another one reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, Final

from crawler.sources.warc_packed import Damaged as Damaged
from crawler.sources.warc_packed import Member, members

_PIECE = 1 << 16
_MOST_HEADER = 1 << 20
"""Bytes of named fields that one record may have."""
_VERSION = re.compile(rb"WARC/(?:0[.]1[78]|1[.][01])\r?\n")
_END: Final = b"\r\n\r\n"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_INFO: Final[Mapping[str, str]] = MappingProxyType({"warc-type": "warcinfo"})


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its bytes as they lie in the file, and what it says."""

    raw: bytes
    """Empty where it is larger than was allowed."""
    size: int
    """Bytes in the file."""
    fields: Mapping[str, str]
    """Its named fields, names in lower case; of several of one name the first."""
    block: bytes | None
    """Its content; `None` where that is larger than was allowed."""

    @property
    def kind(self) -> str:
        """`response`, `conversion`, `revisit` and so on, in lower case."""
        return self.fields.get("warc-type", "").lower()

    @property
    def identity(self) -> str:
        """Its id, without the brackets that some versions of the standard put around it."""
        return bare(self.fields.get("warc-record-id", ""))


def bare(value: str) -> str:
    """A URI without angle brackets."""
    return value.strip().removeprefix("<").removesuffix(">")


def records(file: BinaryIO, max_bytes: int, *, packed: bool) -> Iterator[Record]:
    """All records in order; content up to `max_bytes` is held one at a time. `Damaged` where it cannot go on."""
    return _packed(file, max_bytes) if packed else _plain(file, max_bytes)


# -- not packed ----------------------------------------------------------------------------------------------
def _plain(file: BinaryIO, max_bytes: int) -> Iterator[Record]:
    while header := _header(file):
        fields, length = _fields(header)
        size = len(header) + length + len(_END)
        if length > max_bytes:
            _pass_over(file, length)
            block = None
        else:
            block = _exactly(file, length)
        if _exactly(file, len(_END)) != _END:
            raise Damaged("error.malformed")
        yield Record(b"" if block is None else header + block + _END, size, fields, block)


def _header(file: BinaryIO) -> bytes:
    """The version line and the named fields, with the empty line behind them; nothing at the end of the file."""
    lines: list[bytes] = []
    held = 0
    while line := file.readline(_MOST_HEADER):
        lines.append(line)
        held += len(line)
        if held > _MOST_HEADER:
            raise Damaged("error.malformed")
        if line in (b"\r\n", b"\n"):
            return b"".join(lines)
    if lines:
        raise Damaged("error.truncated" if _VERSION.match(lines[0]) else "error.malformed")
    return b""


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise Damaged("error.truncated")
    return data


def _pass_over(file: BinaryIO, size: int) -> None:
    while size:
        size -= len(_exactly(file, min(size, _PIECE)))


def _fields(header: bytes) -> tuple[Mapping[str, str], int]:
    """The named fields of a record, and the length of its block in bytes."""
    version = _VERSION.match(header)
    if version is None:
        raise Damaged("error.malformed")
    found: dict[str, str] = {}
    last = ""
    for line in header[version.end() :].decode("utf-8", "replace").splitlines():
        if line[:1] in (" ", "\t") and last:
            found[last] += " " + line.strip()  # a folded line belongs to the one above it
            continue
        name, colon, value = line.partition(":")
        if not colon:
            if line.strip():
                raise Damaged("error.malformed")
            continue
        last = name.strip().lower()
        if last == "content-length" and last in found:
            raise Damaged("error.malformed")  # programs would disagree about where the record ends
        found.setdefault(last, value.strip())
    length = found.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise Damaged("error.malformed")
    return found, int(length)


# -- packed --------------------------------------------------------------------------------------------------
def _packed(file: BinaryIO, max_bytes: int) -> Iterator[Record]:
    for member in members(file, max_bytes + _MOST_HEADER, _MOST_HEADER):
        yield _describing(member) if member.is_dictionary else _only_record(member, max_bytes)


def _only_record(member: Member, max_bytes: int) -> Record:
    """The one record in it. `Damaged` if it holds anything else: such a member cannot be kept in part."""
    content = member.content
    end = min(
        (at + len(mark) for mark in _ENDS if (at := content.find(mark, 0, _MOST_HEADER)) >= 0), default=0
    )
    fields, length = _fields(content[:end])
    if member.over or length > max_bytes:
        return Record(b"", member.size, fields, None)
    if content[end + length :] != _END:
        raise Damaged("error.malformed")
    return Record(member.raw, member.size, fields, content[end : end + length])


def _describing(member: Member) -> Record:
    """The dictionary by which a file is packed: like a `warcinfo`, it describes the file and stays in any case."""
    return Record(member.raw, member.size, _INFO, b"")


_ENDS = (b"\r\n\r\n", b"\n\n")
