"""The blocks of a tar archive, walked header by header, so that what is kept can be copied byte for byte.

Members are found as Python's `tarfile` finds them (POSIX.1-2024 pax, ustar, GNU long names), which is what readers of
WebDataset use. Where readers could disagree about what an archive holds, it counts as damaged from there on: what one
program checks must be what another one reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, Final

BLOCK: Final = 512
RECORD: Final = 20 * BLOCK
"""Archives are padded to multiples of this."""
_PIECE = 1 << 20
_MOST_HEADER = 1 << 20
"""Bytes of long names and pax records that one member may have."""
_LOOK_BEHIND = 1 << 20
"""How far behind the end of the archive something else is looked for."""
_OCTAL = re.compile(rb"[0-7]*")
_EMPTY = bytes(BLOCK)


class Kind(Enum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"
    SPARSE = "sparse"


_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.LINK,
    b"2": Kind.LINK,
    b"3": Kind.SPECIAL,
    b"4": Kind.SPECIAL,
    b"5": Kind.FOLDER,
    b"6": Kind.SPECIAL,
    b"S": Kind.SPARSE,
}
_EXTENDING = {b"x", b"X", b"g", b"L", b"K"}
"""Headers that only say something about the next; Solaris has its own letter for the first."""
_BODILESS = {b"1", b"2", b"3", b"4", b"5", b"6"}


class Damaged(Exception):
    """From here on the archive cannot be read. `name` is that of the member which is cut, if it is known."""

    def __init__(self, gap: str, name: str | None = None) -> None:
        super().__init__(gap)
        self.gap = gap
        self.name = name


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its place in the archive's bytes, and what it says."""

    name: str
    kind: Kind
    size: int
    before: bytes
    """Global pax headers in front of it: they belong to no member."""
    header: bytes
    """Its own header blocks: pax records, long names, and the header itself."""
    data: bytes | None
    """`None` where it is larger than was allowed; then `padding` is not carried either."""
    padding: bytes

    @property
    def unsafe(self) -> bool:
        """Whether a careless unpacker would write outside its folder."""
        return self.name.startswith("/") or ".." in self.name.split("/") or "\0" in self.name or not self.name


def members(file: BinaryIO, max_bytes: int) -> Iterator[Member]:
    """All members in order; bodies up to `max_bytes` are held one at a time. `Damaged` where it cannot go on.

    What is not zero behind the archive's end (another archive, say, which readers would not see) is damage, too, and
    so is an archive without an end: nobody knows what else was in it.
    """
    while (found := _Heading.read(file)) is not None:
        if found.size > max_bytes:
            _pass_over(file, _padded(found.size), found.name)
            yield Member(found.name, found.kind, found.size, found.before, found.header, None, b"")
        else:
            body = _exactly(file, _padded(found.size), found.name)
            data, padding = body[: found.size], body[found.size :]
            yield Member(found.name, found.kind, found.size, found.before, found.header, data, padding)
    behind = _read(file, _LOOK_BEHIND)
    if behind.count(0) != len(behind):
        raise Damaged("error.trailing-data")


def end_of_archive(size: int) -> bytes:
    """What completes an archive of so many bytes."""
    least = size + 2 * BLOCK
    return bytes(2 * BLOCK + -least % RECORD)


@dataclass(slots=True)
class _Heading:
    """A member's header blocks while they are read."""

    name: str = ""
    kind: Kind = Kind.FILE
    size: int = 0
    before: bytes = b""
    header: bytes = b""
    names: list[str] = field(default_factory=list)
    stated: int | None = None
    """The size by pax records, which goes before that in the header."""
    seen: set[bytes] = field(default_factory=set)

    @classmethod
    def read(cls, file: BinaryIO) -> _Heading | None:
        """Up to the member's body; `None` at the end of the archive."""
        found = cls()
        while True:
            block = _exactly(file, BLOCK, None)
            if block == _EMPTY:
                if found.header:
                    raise Damaged("error.malformed")
                return None
            _check(block)
            if block[156:157] not in _EXTENDING:
                found._complete(file, block)
                return found
            found._extend(file, block)

    def _extend(self, file: BinaryIO, block: bytes) -> None:
        """A header about the member to come: its long name, or pax records. Each may come once."""
        flag = block[156:157].lower() if block[156:157] == b"X" else block[156:157]
        size = _number(block[124:136])
        if size + len(self.header) + len(self.before) > _MOST_HEADER:
            raise Damaged("error.malformed")
        padded = _exactly(file, _padded(size), None)
        content = padded[:size]
        if flag == b"g":
            _check_global(_records(content))
            self.before += block + padded
            if self.header:
                raise Damaged("error.malformed")
            return
        if flag in self.seen:
            raise Damaged("error.malformed")
        self.seen.add(flag)
        self.header += block + padded
        if flag == b"L":
            self.names.append(_text(content.split(b"\0", 1)[0]))
        elif flag == b"x":
            records = _records(content)
            if b"path" in records:
                self.names.append(_text(records[b"path"].rstrip(b"/")))
            if b"size" in records:
                self.stated = _decimal(records[b"size"])
            if any(key.startswith(b"GNU.sparse") for key in records):
                self.kind = Kind.SPARSE

    def _complete(self, file: BinaryIO, block: bytes) -> None:
        """The header proper. Of several names, the first is the one that holds."""
        flag = block[156:157]
        kind = _KINDS.get(flag, Kind.SPECIAL)
        if flag == b"\0" and block[:100].split(b"\0", 1)[0].endswith(b"/"):
            kind = Kind.FOLDER  # as archives before POSIX had it
        self.header += block
        self.name = self.names[0] if self.names else _own_name(block)
        self.size = _number(block[124:136]) if self.stated is None else self.stated
        self.kind = kind if self.kind is Kind.FILE else self.kind
        if (flag in _BODILESS or kind is Kind.FOLDER) and self.size:
            raise Damaged("error.malformed", self.name)  # some readers see a body there, others do not
        more = flag == b"S" and block[482]
        while more:
            block = _exactly(file, BLOCK, self.name)
            more = block[504]
            self.header += block
            if len(self.header) > _MOST_HEADER:
                raise Damaged("error.malformed", self.name)


def _own_name(block: bytes) -> str:
    name, prefix = (part.split(b"\0", 1)[0] for part in (block[:100], block[345:500]))
    return _text(prefix + b"/" + name if prefix and block[156:157] != b"S" else name)


def _check(block: bytes) -> None:
    """The header's checksum, over bytes that some old programs took to be signed."""
    stated = _number(block[148:156])
    others = block[:148] + block[156:]
    if stated != 256 + sum(others) and stated != 256 + sum(b - 256 * (b > 127) for b in others):
        raise Damaged("error.malformed")


def _number(stated: bytes) -> int:
    """Octal digits, or GNU's base 256."""
    if stated[0] == 0x80:
        return int.from_bytes(stated[1:], "big")
    digits = stated.split(b"\0", 1)[0].strip(b" ")
    if not _OCTAL.fullmatch(digits):
        raise Damaged("error.malformed")
    return int(digits or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise Damaged("error.malformed")
    return int(digits)


def _records(content: bytes) -> dict[bytes, bytes]:
    """Pax records, `length key=value` and a line feed each; the last of a key holds."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(content):
        length, space, _ = content[at : at + 21].partition(b" ")
        end = at + _decimal(length)
        record = content[at + len(length) + 1 : end]
        key, equals, value = record.partition(b"=")
        if not (space and key and equals and value.endswith(b"\n")) or end > len(content):
            raise Damaged("error.malformed")
        found[key] = value[:-1]
        at = end
    return found


def _check_global(records: Iterable[bytes]) -> None:
    """A global header must not say of all members what only one can have."""
    for key in records:
        if key in (b"path", b"size", b"linkpath") or key.startswith(b"GNU.sparse"):
            raise Damaged("error.malformed")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return size + -size % BLOCK


# -- reading -------------------------------------------------------------------------------------------------
def _read(file: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end of the file. Damage of the packing around it is `Damaged`."""
    try:
        return file.read(size)
    except OSError as problem:
        if problem.errno is not None:
            raise  # of the disk, not of the content
        raise Damaged("error.truncated") from problem


def _exactly(file: BinaryIO, size: int, name: str | None) -> bytes:
    try:
        data = _read(file, size)
    except Damaged as damage:
        raise Damaged(damage.gap, name) from damage
    if len(data) < size:
        raise Damaged("error.truncated", name)
    return data


def _pass_over(file: BinaryIO, size: int, name: str | None) -> None:
    while size:
        size -= len(_exactly(file, min(size, _PIECE), name))
