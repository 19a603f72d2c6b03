"""A file of an edition as it is published: packed column by column.

    pack = "VBHPACK1" || facts || frame || one or two blocks per column

`facts` is canonical JSON: `file`, `rows`, `frame` (lengths of its parts), `width` (bytes of a code or id, else 0).
Bytes are one block, numbers and bits one, lines two: their lengths (uint32), and all of them in a row without line
ends. What a pack unpacks to is believed only if it has the digest that the signed edition states.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.snapshots.blocks import Reader, bytes_block, facts_block, numbers_block
from registry.core.snapshots.edition import EditionFiles
from registry.core.snapshots.manifest import MANIFEST, FileEntry
from registry.core.snapshots.tables import BITS, BYTES, LINES, Table, columns_of, read_table, write_table

_MAGIC = b"VBHPACK1"
_SLACK = 1 << 20
"""What a pack may unpack to beyond its file: facts, and bits and lines, which are counted apart."""


def pack_target(name: str) -> str:
    """Under which name the edition's file `name` is published: `lists/works.pack` for `lists/works.arrow`."""
    return f"{name.rpartition('.')[0]}.pack"


def pack_edition(files: EditionFiles) -> dict[str, Path]:
    """Pack all files of an edition, beside them; what to publish, by target name, with its manifest."""
    targets = {MANIFEST: files.paths[MANIFEST]}
    for name in files.manifest.files:
        targets[pack_target(name)] = path = files.paths[name].with_suffix(".pack")
        path.write_bytes(pack(name, read_table(files.paths[name], name)))
    return targets


def pack(name: str, table: Table) -> bytes:
    """The bytes of the pack."""
    facts = {"file": name, "frame": [len(part) for part in table.frame], "rows": table.rows}
    head = facts_block(facts | {"width": width_of(table)})
    return b"".join([_MAGIC, head, bytes_block(b"".join(table.frame)), pack_columns(name, table.columns)])


def unpack(data: bytes | memoryview, name: str, size: int) -> Table:
    """Inverse of `pack` for a file of `size` bytes; `Corrupt` for anything else, before it takes more memory."""
    reader = Reader(data, budget=9 * size + _SLACK)
    if bytes(reader.take(len(_MAGIC))) != _MAGIC:
        raise Corrupt(f"What is published as {name} is no pack.")
    facts = reader.facts()
    try:
        rows, width, frame = _count(facts["rows"]), _count(facts["width"]), facts["frame"]
        if facts["file"] != name:
            raise Corrupt(f"What is published as {name} is another file.")
        parts = split(reader.data(), [_count(part) for part in frame])
    except (KeyError, TypeError) as problem:
        raise Corrupt(f"The pack of {name} does not say what is in it.") from problem
    columns = read_columns(reader, name, rows, width)
    if not reader.is_done or len(parts) != len(columns) + 1:
        raise Corrupt(f"The pack of {name} has too much or too little in it.")
    return Table(columns, tuple(parts))


def unpack_file(data: bytes | memoryview, name: str, entry: FileEntry, path: Path) -> None:
    """Unpack to `path`; `Corrupt`, and nothing is left there, if it is not what the signed edition says."""
    table = unpack(data, name, entry.size)
    if write_table(path, name, table) != entry.sha256:
        path.unlink()
        raise Corrupt(f"What is published as {name} unpacks to something else than what was signed.")


# -- columns, which steps have too -----------------------------------------------------------------------------
def width_of(table: Table) -> int:
    """Bytes of one value in the only column of bytes; 0 if there is none."""
    return next((values.shape[1] for values in table.columns.values() if values.ndim == 2), 0)


def pack_columns(name: str, columns: Any) -> bytes:
    """Those of the columns of this file that are given, in its order."""
    return b"".join(_pack(kind, columns[c]) for c, kind in columns_of(name).items() if c in columns)


def read_columns(
    reader: Reader, name: str, rows: int, width: int, only: list[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Inverse of `pack_columns`, for `only` these columns if given."""
    kinds = {c: kind for c, kind in columns_of(name).items() if only is None or c in only}
    return {column: _read(reader, kind, rows, width) for column, kind in kinds.items()}


def _pack(kind: str, values: NDArray[Any]) -> bytes:
    if kind == LINES:
        lengths = np.array([len(line) for line in values], "<u4")
        return numbers_block(lengths) + bytes_block(b"".join(values))
    return bytes_block(np.ascontiguousarray(values).reshape(-1)) if kind == BYTES else numbers_block(values)


def _read(reader: Reader, kind: str, rows: int, width: int) -> NDArray[Any]:
    if kind == BYTES:
        return np.frombuffer(reader.data(rows * width), np.uint8).reshape(rows, width)
    if kind != LINES:
        return reader.numbers(rows, "u1" if kind == BITS else kind)
    lengths = reader.numbers(rows, "<u4").tolist()
    lines = np.empty(rows, object)
    lines[:] = split(reader.data(sum(lengths)), lengths)
    return lines


def split(data: memoryview, lengths: list[int]) -> list[bytes]:
    """Bytes in parts of these lengths; `Corrupt` if they do not add up."""
    if sum(lengths) != len(data):
        raise Corrupt("The parts of a packed file do not add up.")
    return [bytes(data[a:b]) for a, b in pairwise([0, *accumulate(lengths)])]


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise Corrupt("A pack has no such count.")
    return value
