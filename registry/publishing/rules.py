"""From fingerprint rows to the lists that are searched; pure, the same for the snapshot and for the live check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from registry.core.fingerprints import ALGORITHMS
from registry.core.matching import KIND_CODES, ListColumns

PHASH = "image.phash256.v1"
DHASH = "image.dhash256.v1"
COLOUR = "image.colour42.v1"


@dataclass(frozen=True, slots=True)
class FingerprintRow:
    """One stored code of one version of a work. `work_row` is the work's row in every snapshot."""

    work_row: int
    version_id: int
    algorithm: str
    kind: str
    code: bytes


def lists_of(rows: Iterable[FingerprintRow]) -> dict[str, ListColumns]:
    """One list per algorithm, ordered by (work row, kind, code) so that equal contents give equal bytes.

    Two algorithms depend on their neighbours in the same frame. A `dhash256` code is listed only where that frame
    has no `phash256` code, that is where the picture is too symmetric for it, and carries the frame's colour code
    in `aux`; the colour code by itself is no list, since it alone can identify nothing.
    """
    entries: dict[str, list[tuple[int, int, bytes, int]]] = defaultdict(list)
    rows = list(rows)
    frames: dict[tuple[int, str], dict[str, bytes]] = defaultdict(dict)
    for row in rows:
        frames[row.version_id, row.kind][row.algorithm] = row.code
    for row in rows:
        frame = frames[row.version_id, row.kind]
        if row.algorithm == COLOUR or (row.algorithm == DHASH and PHASH in frame):
            continue
        aux = int.from_bytes(frame.get(COLOUR, b""), "big") if row.algorithm == DHASH else 0
        entries[row.algorithm].append((row.work_row, KIND_CODES[row.kind], row.code, aux))
    return {algorithm: _columns(algorithm, sorted(found)) for algorithm, found in sorted(entries.items())}


def _columns(algorithm: str, entries: list[tuple[int, int, bytes, int]]) -> ListColumns:
    width = ALGORITHMS[algorithm].code_bytes
    codes = np.frombuffer(b"".join(code for _, _, code, _ in entries), np.uint8).reshape(len(entries), width)
    return ListColumns(
        codes=codes,
        work_rows=np.array([row for row, _, _, _ in entries], np.uint32),
        kinds=np.array([kind for _, kind, _, _ in entries], np.uint8),
        aux=np.array([aux for _, _, _, aux in entries], np.uint64),
    )


def public_terms_rows(terms_by_row: Mapping[int, str], size: int, default: str) -> tuple[list[int], list[str]]:
    """Number equal terms (given as canonical text) once: the terms row of each work, and the texts by row."""
    numbers: dict[str, int] = {}
    rows = [numbers.setdefault(terms_by_row.get(row, default), len(numbers)) for row in range(size)]
    return rows, list(numbers)
