"""What img2dataset writes as `files`: folders that are called by a number, with `KEY.jpg`, `KEY.txt` and `KEY.json`.

All files of one key are an item, as in the tars that it writes else: each is compared for itself, and they are kept or
left out together. Each folder is an input of its own, as a tar would be. Beside it lies the list of everything that was
tried, also of what failed and is not in the folder (see `lists`); by that list the layout is known.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from crawler.sources.base import Listing, Part, Sample, Sink, Written
from crawler.sources.folder import Entry, read_file, walk
from crawler.sources.lists import write_list
from crawler.sources.metadata import addresses_in_json
from crawler.sources.names import is_companion
from crawler.sources.places import LocalFile, Place, Watch, state_of
from crawler.sources.webdataset import MAY_BE_EMPTY, RECORD, part_of

FORMAT: Final = "img2dataset"
DUPLICATE: Final = "error.duplicate-key"
_LIST: Final = ".parquet"


def numbered_folders(root: Path) -> list[str] | None:
    """The folders of items in this one, if it has them with their lists and holds nothing else of importance."""
    folders, others = [], set()
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name.isascii() and entry.name.isdigit() and entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                others.add(entry.name)
    lists = {name + _LIST for name in folders}
    rest = others - lists
    return sorted(folders) if folders and lists <= others and all(map(is_companion, rest)) else None


@dataclass(frozen=True, slots=True)
class ItemsShard:
    """One such folder."""

    root: Path
    name: str
    """Where it goes below the data folder."""
    columns: tuple[str, ...] = ()
    """Extensions of the files to compare; all of them, if none is named."""
    whole_file: bool = True

    @property
    def size(self) -> int:
        """Of all its files."""
        return sum(entry.size for entry in walk(self.root))

    @property
    def _listed(self) -> Place:
        return LocalFile.at(self.root.with_name(self.root.name + _LIST))

    def state(self) -> str:
        """Digest over path, size and time of every file, the list's as well."""
        digest = hashlib.sha256("\0".join([*self.columns, state_of(self._listed)]).encode())
        for entry in walk(self.root):
            digest.update(f"{entry.key}\0{entry.size}\0{entry.mtime_ns}\0{entry.gap}\n".encode())
        return digest.hexdigest()

    def read(self, max_bytes: int, watch: Watch) -> Iterator[Sample]:
        """Item by item. `watch` sees the files one after the other, so that `cat 00000/* | sha256sum` says the same."""
        groups = groupby(walk(self.root), key=lambda entry: _key(entry.path))
        seen: set[str] = set()
        try:
            for row, (key, files) in enumerate(groups):
                sample = self._sample(row, key, files, max_bytes, watch)
                yield replace(sample, raw=b"", parts=(), gap=DUPLICATE) if key in seen else sample
                seen.add(key)
        finally:  # whoever reads may have enough: a digest is of all
            for _, files in groups:
                self._sample(0, "", files, max_bytes, watch)

    def _sample(self, row: int, key: str, files: Iterator[Entry], max_bytes: int, watch: Watch) -> Sample:
        pieces, parts = list[bytes](), list[Part]()
        where, gap, size = list[tuple[str, int]](), None, 0
        addresses: tuple[str, ...] = ()
        for entry in files:
            size += entry.size
            data = b""
            if entry.gap is None:
                found, own_gap = read_file(self.root / entry.path, max_bytes, watch)
                data, gap = found, gap or own_gap
            gap = gap or entry.gap or ("error.too-large" if size > max_bytes else None)
            if gap is not None:
                pieces.clear()
                parts.clear()
                continue
            pieces.append(data)
            where.append((entry.path, len(data)))
            extension = entry.path[len(key) + 1 :].lower()
            if extension == RECORD:
                addresses = addresses_in_json(part_of(data, max_bytes).data)
            if (not self.columns or extension in self.columns) and (data or extension not in MAY_BE_EMPTY):
                parts.append(part_of(data, max_bytes))
        if gap is None and not parts:
            gap = "error.no-bytes"
        shown = f"{self.name}/{Entry(key, 0, 0).key}"
        raw = b"".join(pieces) if gap is None else b""
        compared = tuple(parts) if gap is None else ()
        return Sample(row, shown, raw, size, gap=gap, parts=compared, addresses=addresses, origin=where)

    def sink(self, data: Path) -> Sink:
        """Kept items go to a folder of the same name."""
        return ItemsSink(data, self.name, self._listed)

    def kept_path(self, data: Path, row: int) -> Path:
        """One folder for all items."""
        del row
        return data / self.name


def _key(path: str) -> str:
    """All before the first dot of the last name, but for one in front."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name[:1] + name[1:].partition(".")[0]


class ItemsSink:
    """Writes the files of kept items as they were, and the list's rows of these; begins anew after an interruption."""

    def __init__(self, data: Path, name: str, listed: Place) -> None:
        self._data = data
        self._name = name
        self._list = listed
        self._listing = Listing()
        self._keys: set[str] = set()
        self.written: tuple[Written, ...] = ()

    def write(self, sample: Sample) -> None:
        """All files of the item."""
        at = 0
        for path, size in sample.origin:
            content = sample.raw[at : at + size]
            at += size
            place = self._data / self._name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            key = f"{self._name}/{Entry(path, 0, 0).key}"
            self._listing.add(key, hashlib.sha256(content).hexdigest(), size)
        self._keys.add(sample.key.rsplit("/", 1)[-1])

    def skip(self, sample: Sample) -> None:
        """Nothing of an item that is dropped."""

    def __enter__(self) -> Self:
        folder = self._data / self._name
        if folder.is_dir():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the list; only a complete folder has a digest."""
        if error is None:
            items = Written(self._name, self._listing.hexdigest(), self._listing.bytes)
            lists = write_list(self._data, self._name + _LIST, self._list, self._keys)
            self.written = (items, *lists)
