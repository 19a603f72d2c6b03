"""From what a command line names to sources: files and folders, here or in a bucket, ranges in braces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.sources import s3
from crawler.sources.base import Shard, Source
from crawler.sources.columns import TEXT
from crawler.sources.folder import Entry, FolderSource, walk
from crawler.sources.img2dataset import FORMAT as ITEMS
from crawler.sources.img2dataset import ItemsShard, numbered_folders
from crawler.sources.jsonl import JsonLinesShard
from crawler.sources.limited import LimitedShard, LimitedSource
from crawler.sources.names import (
    JSON_LINES,
    PARQUET,
    TAR,
    WARC,
    documents_name,
    expand,
    format_of,
    shards_among,
)
from crawler.sources.objects import ObjectsSource
from crawler.sources.parquet import ParquetShard, find_stated
from crawler.sources.places import LocalFile, Place
from crawler.sources.warc import WarcShard
from crawler.sources.webdataset import TarShard, index_name, index_version, list_name
from registry.core.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class FileSource:
    """An input that is one file, and so one shard."""

    name: str
    format: str
    data_uri: str
    shard: Shard

    def shards(self, items_per_shard: int) -> Iterator[Shard]:
        """The file; how it is laid out is its own matter."""
        del items_per_shard
        yield self.shard


@dataclass(frozen=True, slots=True)
class _Found:
    """What lies at one address."""

    name: str
    """The last part of the address."""
    place: Place | None = None
    """If it is one file."""
    folder: Path | str | None = None
    """If it is a folder; as text, bucket and prefix."""
    files: Mapping[str, Place] = field(default_factory=dict)
    """All that matters beside or below: shards and indexes, by name."""
    shards: tuple[str, ...] | None = None
    """Names of the shards, if the folder holds nothing else."""
    objects: tuple[s3.S3Object, ...] = ()
    numbered: tuple[str, ...] = ()
    """Names of the folders of items, if img2dataset wrote them."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """What describes a file and lies beside it: of a tar its index and its list, of documents their attributes."""

    index: Place | None = None
    listed: Place | None = None
    attributes: tuple[tuple[str, Place], ...] = ()


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is to be compared."""

    columns: tuple[str, ...]
    metadata_only: bool


def open_sources(
    inputs: Sequence[Path | str],
    *,
    column: str | None = None,
    metadata_only: bool = False,
    limit: int | None = None,
) -> list[Source]:
    """The sources behind these addresses, each under its own name in the output; with a `limit`, their first items.

    A folder of shards is as many sources; any other folder is walked, every file an item. One folder alone keeps
    its layout directly; several inputs each get a folder or file of their name, and so need different names.
    """
    columns = tuple(part.strip() for part in column.split(",")) if column else ()
    found = [_look(address) for given in inputs for address in _addresses(str(given))]
    names = [one.name for one in found]
    twins = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twins:
        raise InvalidInput(f"Two inputs are called “{twins[0]}”; filter them into two folders, one run each.")
    ask = _Ask(columns, metadata_only)
    own = {
        one.name for one in found if one.place is not None
    }  # a list that is an input itself is no list here
    found = [
        replace(one, files={n: f for n, f in one.files.items() if one.shards or n not in own})
        for one in found
    ]
    sources = [source for one in found for source in _sources(one, ask, nested=len(found) > 1)]
    _try_columns(sources)
    return sources if limit is None else [LimitedSource(source, limit) for source in sources]


def local_paths(inputs: Sequence[Path | str]) -> list[Path]:
    """Those of the inputs that lie on this machine."""
    return [
        Path(address)
        for given in inputs
        for address in _addresses(str(given))
        if not address.startswith(s3.SCHEME)
    ]


def _addresses(given: str) -> list[str]:
    return [given] if Path(given).exists() else expand(given)


# -- looking -------------------------------------------------------------------------------------------------
def _look(address: str) -> _Found:
    return _look_in_bucket(address) if address.startswith(s3.SCHEME) else _look_here(Path(address))


def _look_here(path: Path) -> _Found:
    name = path.name if path.name not in ("", "..") else path.resolve().name
    if path.is_dir():
        entries: dict[str, Entry] = {}
        shards = shards_among(_remembering(walk(path), entries))
        if shards is None and (numbered := numbered_folders(path)):
            return _Found(name, folder=path, numbered=tuple(numbered))
        if shards is None or any(entries[s].gap or entries[s].key != s for s in shards):
            return _Found(name, folder=path)
        files = {e.path: LocalFile(path / e.path, e.size, e.mtime_ns) for e in entries.values()}
        return _Found(name, folder=path, files=files, shards=tuple(shards))
    if not path.exists():
        raise InvalidInput(f"There is no file or folder {path}.")
    if format_of(name) is None or not path.is_file():
        raise InvalidInput(
            f"{path} is neither a folder nor a dataset in one file ({', '.join((*JSON_LINES, *PARQUET, *TAR, *WARC))})."
        )
    beside = {other: path.with_name(other) for other in (index_name(name), list_name(name))}
    files = {other: LocalFile.at(there) for other, there in beside.items() if there.is_file()}
    return _Found(name, place=LocalFile.at(path), files=files)


def _remembering(entries: Iterator[Entry], into: dict[str, Entry]) -> Iterator[str]:
    for entry in entries:
        into[entry.path] = entry
        yield entry.path


def _look_in_bucket(address: str) -> _Found:
    path = s3.split_uri(address)
    name = path.rsplit("/", 1)[-1]
    if format_of(name) is not None and (found := s3.find(path)) is not None:
        beside = (index_name, list_name) if format_of(name) == "webdataset" else ()
        near = {named(name): s3.find(named(path)) for named in beside}
        return _Found(name, place=found, files={other: there for other, there in near.items() if there})
    objects = s3.listing(path)
    if not objects:
        raise NotFound(f"There is nothing at {address}.")
    files: dict[str, Place] = {one.key.removeprefix(path + "/"): one for one in objects}
    shards = shards_among(files)
    if shards is None:
        return _Found(name, folder=path, objects=tuple(objects))
    return _Found(name, folder=path, files=files, shards=tuple(shards))


# -- making sources ------------------------------------------------------------------------------------------
def _sources(found: _Found, ask: _Ask, *, nested: bool) -> Iterator[Source]:
    if found.place is not None:
        beside = _Beside(*_beside_tar(found, found.name))
        yield _file_source(found.name, found.name, found.place, beside, ask)
    elif found.shards is not None:
        about: dict[str, list[str]] = {}
        for name in sorted(found.files):
            if (documents := documents_name(name)) is not None:
                about.setdefault(documents, []).append(name)
        for shard in found.shards:
            uri = f"{found.name}/{shard}" if nested else shard
            attributes = (
                (f"{found.name}/{n}" if nested else n, found.files[n]) for n in about.get(shard, ())
            )
            beside = _Beside(*_beside_tar(found, shard), tuple(attributes))
            yield _file_source(f"{found.name}/{shard}", uri, found.files[shard], beside, ask)
    elif ask.metadata_only:
        raise _no_rows(found.name)
    elif isinstance(found.folder, Path) and found.numbered:
        for number in found.numbered:
            uri = f"{found.name}/{number}" if nested else number
            items = ItemsShard(found.folder / number, uri, ask.columns)
            yield FileSource(f"{found.name}/{number}", ITEMS, uri, items)
    elif isinstance(found.folder, Path):
        yield FolderSource(found.folder, found.name, nested=nested)
    else:
        yield ObjectsSource.of(str(found.folder), found.objects, found.name, nested=nested)


def _beside_tar(found: _Found, shard: str) -> tuple[Place | None, Place | None]:
    return found.files.get(index_name(shard)), found.files.get(list_name(shard))


def _file_source(name: str, uri: str, place: Place, beside: _Beside, ask: _Ask) -> Source:
    form, columns, index = format_of(name), ask.columns, beside.index
    shard: Shard
    if form == "parquet":
        shard = ParquetShard(place, uri, columns, ask.metadata_only)
    elif form == "webdataset":
        if ask.metadata_only:
            raise _no_rows(name)
        plain = index is not None and name.lower().endswith(".tar")
        version = index_version(index, index_name(name)) if index is not None and plain else None
        shard = TarShard(place, uri, columns, version, beside.listed)
    elif form == "warc":
        if columns:
            raise InvalidInput(f"{name} has no columns: of web archives all of a capture is compared.")
        shard = WarcShard(place, uri, ask.metadata_only)
    elif ask.metadata_only:
        shard = JsonLinesShard(place, uri, TEXT, columns, beside.attributes)
    else:
        if len(columns) > 1:
            raise InvalidInput("Of JSON lines one column is compared; name one with --column.")
        shard = JsonLinesShard(place, uri, columns[0] if columns else TEXT, attributes=beside.attributes)
    return FileSource(name, str(form), uri, shard)


def _no_rows(name: str) -> InvalidInput:
    return InvalidInput(
        f"{name} has no rows that state addresses; --metadata-only is for parquet, JSON lines and WARC."
    )


def stated_in(sources: Sequence[Source]) -> str | None:
    """Which columns of the first table are read as what, where only what rows state is compared; for people."""
    for source in sources:
        shard = next(iter(source.shards(1)), None)
        inner = shard.shard if isinstance(shard, LimitedShard) else shard
        if (
            isinstance(inner, ParquetShard)
            and inner.metadata_only
            and (schema := schema_of(inner)) is not None
        ):
            return f"{source.name}: {find_stated(schema, inner.columns, inner.name)}"
    return None


def _try_columns(sources: Sequence[Source]) -> None:
    """Ask of the tables now, before anything is done, whether it is clear what to compare; in buckets, of the first."""
    is_asked = False
    for source in sources:
        if isinstance(source, FileSource) and isinstance(source.shard, ParquetShard):
            if (is_asked and source.shard.place.path is None) or (schema := schema_of(source.shard)) is None:
                continue  # one that cannot be read will be counted as broken
            source.shard.check_columns(schema)
            is_asked = True


def schema_of(shard: ParquetShard) -> pa.Schema | None:
    """The columns of a table; `None` if it cannot be opened."""
    try:
        with shard.place.open() as file:
            return pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return None
