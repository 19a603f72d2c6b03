"""Write an edition: the public part of the registry at one moment, as files that are mapped into memory.

The works table is in order of rows. A row is never used twice: the row of a withdrawn work stays, without codes;
a row whose work was never public has the id of sixteen zero bytes, and no codes either.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Terms
from registry.core.errors import InvalidInput, OutputExists
from registry.core.matching import KIND_CODES, ListColumns
from registry.core.records.canonical import canonical
from registry.core.snapshots import columns as arrow
from registry.core.snapshots import works
from registry.core.snapshots.book import BookWriter
from registry.core.snapshots.manifest import MANIFEST, TERMS, WORKS, FileEntry, ListEntry, Manifest, list_file

BOOK = "works.book"
NOT_PUBLIC = bytes(16)
"""In place of the id where a row's work was never public."""


@dataclass(frozen=True)
class EditionContent:
    """What an edition says. Only public things: no names, no titles, no work that is matched by the server alone."""

    sequence: int
    created: int
    """POSIX seconds."""
    change_seq: int
    log_size: int
    log_root: bytes
    work_ids: list[bytes]
    """16 bytes each; the index is the work's row."""
    work_terms: list[int]
    """For each work, the position of its public terms in `terms`."""
    terms: list[Terms]
    withdrawn: AbstractSet[int]
    """Rows of works that are no longer on record; no list may have codes of theirs."""
    lists: Mapping[str, ListColumns]
    """Codes by algorithm id."""


@dataclass(frozen=True)
class EditionFiles:
    """A written edition: its files by target name, and what to publish with them."""

    manifest: Manifest
    paths: Mapping[str, Path]
    book: Path
    """For the registry's own proofs; see `book`. Not published."""

    @property
    def works_root(self) -> bytes:
        """Root over the works table, 32 bytes."""
        return self.manifest.works_root

    @property
    def custom(self) -> dict[str, dict[str, Any]]:
        """What the signed metadata says about the edition, by target name."""
        return {MANIFEST: self.manifest.summary}


def write_edition(folder: Path, content: EditionContent) -> EditionFiles:
    """Write all files of an edition below `folder`, `lists/edition.json` last.

    `InvalidInput` if the content contradicts itself, before anything is written; `OutputExists` if `folder` has an
    edition already. Equal contents give equal bytes.
    """
    ids = _ids(content)
    lines, terms_rows = _terms_table(content)
    for name, listed in content.lists.items():
        check_columns(name, listed, ids, np.array(sorted(content.withdrawn), np.int64))
    try:
        (folder / "lists").mkdir(parents=True)
    except FileExistsError as problem:
        raise OutputExists(f"{folder} has an edition already; write into an empty folder.") from problem

    withdrawn = np.zeros(len(ids), np.bool_)
    withdrawn[list(content.withdrawn)] = True
    paths = {name: folder / name for name in (WORKS, TERMS, *map(list_file, content.lists))}
    arrow.write_works(paths[WORKS], ids, terms_rows, withdrawn)
    paths[TERMS].write_bytes(b"".join(line + b"\n" for line in lines))
    for name, listed in content.lists.items():
        arrow.write_list(paths[list_file(name)], listed)

    manifest = Manifest(
        sequence=content.sequence,
        created=content.created,
        change_seq=content.change_seq,
        log_size=content.log_size,
        log_root=content.log_root,
        works=len(ids),
        works_root=_write_book(folder / BOOK, content, lines, terms_rows.tolist()),
        lists={k: ListEntry(len(v.work_rows), v.codes.shape[1]) for k, v in content.lists.items()},
        files={name: _entry(path) for name, path in paths.items()},
    )
    paths[MANIFEST] = folder / MANIFEST
    paths[MANIFEST].write_bytes(manifest.to_bytes())
    return EditionFiles(manifest, paths, folder / BOOK)


def _write_book(path: Path, content: EditionContent, lines: list[bytes], terms_rows: list[int]) -> bytes:
    """The book of the works; their root."""
    digests = [sha256(line).digest() for line in lines]
    records = works.records_by_row(content.lists, len(content.work_ids))
    with BookWriter(path, content.sequence) as book:
        for work_id, row, found in zip(content.work_ids, terms_rows, records, strict=True):
            book.add(work_id, lines[row], digests[row], found)
        return book.finish()


def check_columns(
    name: str, listed: ListColumns, ids: NDArray[np.uint8], withdrawn: NDArray[np.int64]
) -> None:
    """`InvalidInput` if the columns of a list do not fit together, or list a work that must not be listed."""
    rows = len(listed.work_rows)
    list_file(name)
    if listed.codes.ndim != 2 or not rows == len(listed.codes) == len(listed.kinds) == len(listed.aux):
        raise InvalidInput(f"The columns of {name} are not equally long.")
    if rows and int(listed.work_rows.max()) >= len(ids):
        raise InvalidInput(
            f"{name} has a code of work row {int(listed.work_rows.max())}, of {len(ids)} rows."
        )
    if not np.isin(listed.kinds, list(KIND_CODES.values())).all():
        raise InvalidInput(f"{name} has a code of an unknown kind.")
    if np.isin(listed.work_rows, withdrawn).any() or not ids[listed.work_rows].any(axis=1).all():
        raise InvalidInput(f"{name} has a code of a work that is withdrawn or not public.")


def _ids(content: EditionContent) -> NDArray[np.uint8]:
    """The ids as (rows, 16) bytes, after checking the works table."""
    ids = content.work_ids
    if any(len(i) != 16 for i in ids) or len(ids) != len(content.work_terms):
        raise InvalidInput("Every work needs an id of 16 bytes and the row of its terms.")
    public = [i for i in ids if i != NOT_PUBLIC]
    if len(set(public)) != len(public):
        raise InvalidInput("A work is in the works table twice.")
    if any(not 0 <= row < len(content.terms) for row in content.work_terms):
        raise InvalidInput("A work names terms that are not in the terms table.")
    if any(not 0 <= row < len(ids) for row in content.withdrawn):
        raise InvalidInput("A withdrawn row is not in the works table.")
    if len(content.log_root) != 32:
        raise InvalidInput("The root of the usage log has 32 bytes.")
    return np.frombuffer(b"".join(ids), np.uint8).reshape(len(ids), 16)


def _terms_table(content: EditionContent) -> tuple[list[bytes], NDArray[np.uint32]]:
    """The distinct terms as lines of canonical JSON in order of first use, and each work's line."""
    written = [canonical(terms.as_json()) for terms in content.terms]
    numbers: dict[bytes, int] = {}
    rows = [numbers.setdefault(written[row], len(numbers)) for row in content.work_terms]
    return list(numbers), np.array(rows, np.uint32)


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        return FileEntry(path.stat().st_size, file_digest(file, "sha256").hexdigest())
