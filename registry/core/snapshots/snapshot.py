"""An opened edition: columns in mapped memory, terms by work, and the licences of one licensee if there are any."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Terms
from registry.core.errors import Corrupt, InvalidInput
from registry.core.ids import format_id, parse_id
from registry.core.matching import ListColumns
from registry.core.records.canonical import parse_canonical
from registry.core.snapshots import columns as arrow
from registry.core.snapshots import works
from registry.core.snapshots.edition import check_columns
from registry.core.snapshots.licences import PersonalLicences
from registry.core.snapshots.manifest import MANIFEST, TERMS, WORKS, Manifest, list_file
from registry.core.tlog import merkle

_DAMAGED = "run `vorbehalt sync` to replace the damaged copy."


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for an edition beyond its own files: its signatures, and whose copy it is."""

    licences: PersonalLicences | None = None
    expires: int = 0
    """POSIX seconds from which the signatures no longer hold; 0 without signatures, so that it is always past."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Version of each signed metadata file that the edition was accepted under."""
    stale_override: str | None = None
    """Why it was opened although it had expired; `None` if it had not."""


class Snapshot:
    """One edition, read only. It stays usable while newer ones are installed beside it.

    Open it by `Snapshot.open`; `crawler.sync.open_snapshot` also checks its signatures and its age.
    """

    def __init__(self, path: Path, manifest: Manifest, standing: Standing) -> None:
        """Map the files below `path`, which are what `manifest` says."""
        self.path = path
        self.manifest = manifest
        self.standing = standing
        self._ids, self._terms_rows, self._withdrawn = arrow.read_works(path / WORKS, manifest.works)
        self.lists: Mapping[str, ListColumns] = {
            name: arrow.read_list(path / list_file(name), entry.rows, entry.code_bytes)
            for name, entry in manifest.lists.items()
        }
        self._text, self._line_ends = _map_lines(path / TERMS)
        self._parsed: dict[int, Terms] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        verify: bool = True,
        works_root: bool = True,
        manifest_sha256: str | None = None,
        standing: Standing = Standing(),
    ) -> Self:
        """Open the edition in `folder`; `Corrupt` if anything is missing or is not what its digest says.

        `verify` recomputes every file's digest and checks that the tables fit together; `works_root` then also
        recomputes the tree over all works, some seconds per million, which is needed once per edition, since the
        root follows from the files. With `verify` off only sizes and column types are checked: for the second
        process that opens what the first one verified.
        """
        folder = folder.resolve()
        data = _read(folder / MANIFEST)
        if manifest_sha256 is not None and sha256(data).hexdigest() != manifest_sha256:
            raise Corrupt(f"{folder / MANIFEST} is not the file that was signed; {_DAMAGED}")
        manifest = Manifest.parse(data)
        _check_files(folder, manifest, digests=verify)
        snapshot = cls(folder, manifest, standing)
        if verify:
            snapshot.check_tables()
        if verify and works_root:
            snapshot.check_works_root()
        return snapshot

    @property
    def sequence(self) -> int:
        """Number of the edition; a greater one is newer."""
        return self.manifest.sequence

    @property
    def created(self) -> int:
        """When it was made, in POSIX seconds."""
        return self.manifest.created

    @property
    def change_seq(self) -> int:
        """The last change of the registry that it contains."""
        return self.manifest.change_seq

    @property
    def works_root(self) -> bytes:
        """Root of the tree over its works, 32 bytes."""
        return self.manifest.works_root

    @property
    def expires(self) -> int:
        """POSIX seconds from which its answers may no longer hold; 0 if it was opened without its signatures."""
        return self.standing.expires

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of each list's file, by algorithm id: what a run's manifest names."""
        return {name: self.manifest.files[list_file(name)].sha256 for name in sorted(self.lists)}

    def __len__(self) -> int:
        """Rows of the works table."""
        return self.manifest.works

    def work_id(self, row: int) -> str:
        """The public id of the work in this row."""
        return format_id("work", self._ids[row].tobytes())

    def row_of(self, work_id: str) -> int:
        """The row of this work; `InvalidInput` if it is not in this edition."""
        wanted = np.frombuffer(parse_id("work", work_id), np.uint8)
        rows = np.flatnonzero((self._ids == wanted).all(axis=1))
        if not len(rows) or not wanted.any():
            raise InvalidInput(f"{work_id} is not in edition {self.sequence}.")
        return int(rows[0])

    def withdrawn(self, row: int) -> bool:
        """Whether the work in this row is no longer on record."""
        return bool(self._withdrawn[row])

    def terms(self, row: int) -> Terms:
        """What anyone may do with the work in this row."""
        line = int(self._terms_rows[row])
        if line not in self._parsed:
            self._parsed[line] = self._parse_terms(line)
        return self._parsed[line]

    def personal(self, row: int) -> Terms:
        """What this licensee may do beyond that; nothing if its file is missing or has expired."""
        licences = self.standing.licences
        return Terms() if licences is None else licences.terms.get(self.work_id(row), Terms())

    def terms_line(self, row: int) -> bytes:
        """The terms of this row as they are digested: canonical JSON."""
        return self._line(int(self._terms_rows[row]))

    def leaves(self) -> list[bytes]:
        """Leaf hashes of the works tree, one per row."""
        digests = [sha256(line).digest() for line in map(self._line, range(len(self._line_ends)))]
        flat = self._ids.tobytes()
        ids = [flat[i : i + 16] for i in range(0, len(flat), 16)]
        terms = (digests[row] for row in self._terms_rows.tolist())
        return works.leaves(ids, terms, works.codes_digests(self.lists, len(self)))

    def check_tables(self) -> None:
        """`Corrupt` if a row points nowhere, or a work is listed that must not be."""
        lines = len(self._line_ends)
        if len(self._terms_rows) and int(self._terms_rows.max()) >= lines:
            raise Corrupt(f"{WORKS} names terms that are not in {TERMS}; {_DAMAGED}")
        try:
            for name, listed in self.lists.items():
                check_columns(name, listed, self._ids, np.flatnonzero(self._withdrawn))
        except InvalidInput as problem:
            raise Corrupt(f"{problem.message} {_DAMAGED}") from problem
        for line in range(lines):
            self._parse_terms(line)

    def check_works_root(self) -> None:
        """`Corrupt` if the works, terms and codes do not add up to the stated root."""
        if merkle.root(self.leaves()) != self.works_root:
            raise Corrupt(
                f"The works of edition {self.sequence} do not add up to their signed root; {_DAMAGED}"
            )

    def _line(self, number: int) -> bytes:
        start = int(self._line_ends[number - 1]) + 1 if number else 0
        return self._text[start : int(self._line_ends[number])]

    def _parse_terms(self, number: int) -> Terms:
        try:
            return Terms.from_json(parse_canonical(self._line(number), TERMS))
        except (InvalidInput, KeyError, TypeError, ValueError, IndexError) as problem:
            raise Corrupt(f"Line {number + 1} of {TERMS} cannot be read; {_DAMAGED}") from problem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise Corrupt(f"{path} cannot be read ({problem.strerror}); {_DAMAGED}") from problem


def _check_files(folder: Path, manifest: Manifest, *, digests: bool) -> None:
    """Sizes of all files, and their digests if wanted; `Corrupt` names the first that differs."""
    for name, entry in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size != entry.size:
            raise Corrupt(f"{path} is missing or cut off; {_DAMAGED}")
        if digests:
            with path.open("rb") as file:
                if file_digest(file, "sha256").hexdigest() != entry.sha256:
                    raise Corrupt(f"{path} is not what its digest says; {_DAMAGED}")


def _map_lines(path: Path) -> tuple[mmap.mmap | bytes, NDArray[np.int64]]:
    """The file in mapped memory, and where each of its lines ends."""
    if not path.stat().st_size:
        return b"", np.empty(0, np.int64)
    with path.open("rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return text, np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
