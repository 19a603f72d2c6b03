"""WebDataset: a tar whose members are grouped into samples by the name up to the first dot. Kept bytes are copied.

A sample is one item. Its picture, its caption and whatever else is in it are compared each for itself; if one may
not be used, no member of the sample is written. Where `columns` names extensions, only such members are compared.

Folders' entries and global headers belong to no sample and stay. A tar packed with gzip or Zstandard is packed again.
A DALI index beside a tar (`00000.idx`) would be wrong for what is left, so it is made anew; img2dataset's list
(`00000.parquet`) keeps the rows of what is left.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from crawler.sources.base import Part, Sample, Sink, Written
from crawler.sources.lists import write_list
from crawler.sources.metadata import addresses_in_json
from crawler.sources.names import stem
from crawler.sources.places import Output, Place, Watch, reading, state_of
from crawler.sources.tar import Damaged, Kind, Member, end_of_archive, members
from crawler.sources.unpacking import NotUnpacked, packing_of, unpack
from registry.core.errors import InvalidInput

_SAMPLE = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)", re.DOTALL)
"""As the `webdataset` library splits names."""
_MOST_MEMBERS = 1_000
"""Of one sample."""
MAY_BE_EMPTY = frozenset({"txt", "text", "caption", "json", "cls"})
"""Captions are often empty; a picture never is."""
RECORD = "json"
"""The member in which img2dataset writes where the item was found."""
INDEX_VERSIONS = ("v1.1", "v1.2")
"""Of DALI's `wds2idx`; the second also has the members' names."""


@dataclass(frozen=True, slots=True)
class TarShard:
    """One tar file."""

    place: Place
    name: str
    """Where it goes below the data folder."""
    columns: tuple[str, ...] = ()
    """Extensions of the members that are compared; empty for all."""
    index: str | None = None
    """Version of the index beside it, if it has one."""
    listed: Place | None = None
    """The list of img2dataset beside it, if there is one."""
    whole_file: bool = True

    @property
    def size(self) -> int:
        """Of the file."""
        return self.place.size

    def state(self) -> str:
        """Digest over name, columns, index, size and time, those of the list as well."""
        listed = [] if self.listed is None else [state_of(self.listed, list_name(self.name))]
        return state_of(self.place, self.name, ",".join(self.columns), str(self.index), *listed)

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """Sample by sample; what cannot be read any further is one broken item."""
        with reading(self.place, watch, name=self.name) as file:
            groups = _Groups(self.name, self.columns, max_bytes)
            try:
                for member in members(file, max_bytes):
                    yield from groups.add(member)
            except Damaged as damage:
                yield from groups.break_off(damage)
            else:
                yield from groups.close()

    def sink(self, data: Path) -> Sink:
        """Kept samples go to a tar of the same name."""
        return TarSink(data, self.name, self.index, self.listed)

    def kept_path(self, data: Path, row: int) -> Path:
        """One file for all samples."""
        del row
        return data / self.name


def split_name(name: str) -> tuple[str, str]:
    """Sample and extension of a member; one without a dot in its name is a sample of its own."""
    found = _SAMPLE.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


@dataclass(frozen=True, slots=True)
class _Where:
    """A member in the bytes of its sample."""

    extension: str
    offset: int
    size: int
    name: str


@dataclass(slots=True)
class _Group:
    """A sample while its members come in."""

    key: str
    before: bytes
    gap: str | None = None
    size: int = 0
    pieces: list[bytes] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    where: list[_Where] = field(default_factory=list)
    extensions: set[str] = field(default_factory=set)
    addresses: tuple[str, ...] = ()


class _Groups:
    """Members in, samples out."""

    def __init__(self, name: str, columns: Sequence[str], max_bytes: int) -> None:
        self._name = name
        self._columns = frozenset(column.lower() for column in columns)
        self._max_bytes = max_bytes
        self._row = 0
        self._seen: set[str] = set()
        self._open: _Group | None = None
        self._before = b""

    def add(self, member: Member) -> Iterator[Sample]:
        """The next member; gives the sample that it ends."""
        if member.before:
            yield from self.close()
            self._before += member.before
        if member.kind is Kind.FOLDER and not member.unsafe:
            self._before += member.header
            return
        key, extension = split_name(member.name)
        if self._open is None or self._open.key != key:
            yield from self.close()
            self._begin(key)
        assert self._open is not None
        self._take(self._open, member, extension)

    def close(self) -> Iterator[Sample]:
        """The open sample, complete."""
        group, self._open = self._open, None
        if group is None:
            return
        if group.gap is None and not group.parts:
            group.gap = "error.no-bytes"
        raw = b"".join(group.pieces) if group.gap != "error.too-large" else b""
        parts = tuple(group.parts) if group.gap is None else ()
        origin = tuple(group.where)
        key = f"{self._name}/{_shown(group.key)}"
        yield Sample(
            self._row,
            key,
            raw,
            group.size,
            gap=group.gap,
            parts=parts,
            addresses=group.addresses,
            before=group.before,
            origin=origin,
        )
        self._row += 1

    def break_off(self, damage: Damaged) -> Iterator[Sample]:
        """The open sample, broken if it is the one that is cut; else one broken item for the rest."""
        key = None if damage.name is None else split_name(damage.name)[0]
        if self._open is not None and self._open.key == key:
            self._open.gap = damage.gap
            yield from self.close()
            return
        yield from self.close()
        shown = "…" if key is None else _shown(key)
        yield Sample(self._row, f"{self._name}/{shown}", b"", 0, gap=damage.gap)

    def _begin(self, key: str) -> None:
        """A new sample. The library would give a key that comes again as a second sample, so the first stays."""
        self._open = _Group(key, self._before)
        self._before = b""
        if key in self._seen:
            self._open.gap = "error.duplicate-key"
        self._seen.add(key)

    def _take(self, group: _Group, member: Member, extension: str) -> None:
        size = len(member.header) + member.size + -member.size % 512
        group.gap = group.gap or _refusal(member) or self._excess(group, size, member)
        if extension.lower() in group.extensions:
            group.gap = group.gap or "error.duplicate-key"
        group.extensions.add(extension.lower())
        group.where.append(_Where(extension, group.size + len(member.header), member.size, member.name))
        group.size += size
        if group.gap is not None:
            group.pieces.clear()
            group.parts.clear()
            return
        assert member.data is not None
        group.pieces += (member.header, member.data, member.padding)
        is_compared = not self._columns or extension.lower() in self._columns
        is_record = extension.lower() == RECORD
        part = part_of(member.data, self._max_bytes) if is_compared or is_record else None
        if part is not None and is_record:
            group.addresses = addresses_in_json(part.data)
        if part is not None and is_compared and (member.data or extension.lower() not in MAY_BE_EMPTY):
            group.parts.append(part)

    def _excess(self, group: _Group, size: int, member: Member) -> str | None:
        most = self._max_bytes
        if member.data is None or group.size + size > most or len(group.where) >= _MOST_MEMBERS:
            return "error.too-large"
        return None


def _refusal(member: Member) -> str | None:
    """Why a sample with this member is not kept, whatever else is in it."""
    if member.unsafe:
        return "error.unsafe-name"
    return {
        Kind.LINK: "unchecked.symlink",
        Kind.SPECIAL: "unchecked.special-file",
        Kind.SPARSE: "unchecked.special-file",
    }.get(member.kind)


def part_of(data: bytes, max_bytes: int) -> Part:
    """A member as it is compared; one that is packed, unpacked, as the library does."""
    codec = packing_of(data)
    if codec is None:
        return Part(data)
    try:
        return Part(unpack(data, codec, max_bytes))
    except NotUnpacked as problem:
        return Part(data, gap=problem.gap)


def _shown(name: str) -> str:
    """A name for papers; bytes that are no UTF-8 are shown by their hexadecimal number."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


# -- writing -------------------------------------------------------------------------------------------------
class TarSink:
    """Writes what is kept as it was; an interrupted attempt is overwritten from the start."""

    def __init__(self, data: Path, name: str, index: str | None, listed: Place | None = None) -> None:
        self._data = data
        self._name = name
        self._version = index
        self._listed = listed
        self._keys: set[str] = set()
        self._index: list[str] = []
        self._at = 0
        self.written: tuple[Written, ...] = ()

    def write(self, sample: Sample) -> None:
        """All blocks of the sample."""
        self.skip(sample)
        if self._version is not None:
            self._index.append(" ".join(self._line(where) for where in sample.origin))
        if self._listed is not None:
            self._keys.add(sample.key.rsplit("/", 1)[-1])
        self._put(sample.raw)

    def skip(self, sample: Sample) -> None:
        """Only what lies before the sample and is not part of it."""
        self._put(sample.before)

    def _put(self, blocks: bytes) -> None:
        self._file.write(blocks)
        self._at += len(blocks)

    def _line(self, where: _Where) -> str:
        line = f"{where.extension} {self._at + where.offset} {where.size}"
        return f"{line} {where.name}" if self._version == "v1.2" else line

    def __enter__(self) -> Self:
        self._file = Output(self._data, self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the archive's end and the index; only complete files have a digest."""
        if error is not None:
            self._file.abandon()
            return
        self._put(end_of_archive(self._at))
        self.written = (self._file.close(), *self._written_index(), *self._written_list())

    def _written_index(self) -> Iterator[Written]:
        if self._version is None:
            return
        name = index_name(self._name)
        file = Output(self._data, name)
        lines = [f"{self._version} {len(self._index)}", *self._index, ""]
        file.write("\n".join(lines).encode("utf-8", "surrogateescape"))
        yield file.close()

    def _written_list(self) -> Iterator[Written]:
        if self._listed is not None:
            yield from write_list(self._data, list_name(self._name), self._listed, self._keys)


def list_name(tar: str) -> str:
    """`00000.parquet` for `00000.tar`."""
    return stem(tar) + ".parquet"


def index_name(tar: str) -> str:
    """`00000.idx` for `00000.tar`."""
    return tar.removesuffix(Path(tar).suffix) + ".idx"


def index_version(place: Place, name: str) -> str:
    """Which index this is; `InvalidInput` for one that we could not make anew."""
    with place.open() as file:
        version = io.BytesIO(file.read(64)).readline().split(b" ")[0].decode("ascii", "replace")
    if version not in INDEX_VERSIONS:
        raise InvalidInput(
            f"{name} is no index of DALI ({' or '.join(INDEX_VERSIONS)}), so it cannot be made anew for what will be "
            "left. Move it away; make it again from the output."
        )
    return version
