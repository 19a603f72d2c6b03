"""From stored codes to the lists that are searched; pure, the same for the snapshot and for the live check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from registry.core.fingerprints import ADDRESSES, ALGORITHMS
from registry.core.matching import KIND_CODES, ListColumns, entries


class StoredCode(Protocol):
    """One stored code of one version of a work. `work_row` is the work's row in every snapshot."""

    @property
    def work_row(self) -> int: ...
    @property
    def version_id(self) -> int: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def code(self) -> bytes: ...
    @property
    def aux(self) -> int: ...


def lists_of(codes: Iterable[StoredCode]) -> dict[str, ListColumns]:
    """One list per algorithm, ordered by (work row, kind, code, aux) so that equal contents give equal bytes.

    What becomes of the codes of a work's versions, and what stands beside them, is said in `core.matching.entries`;
    codes of addresses are listed as they are.
    """
    files: dict[int, dict[int, list[StoredCode]]] = defaultdict(lambda: defaultdict(list))
    found: dict[str, list[tuple[int, int, bytes, int]]] = defaultdict(list)
    for code in codes:
        if code.algorithm in ADDRESSES:
            found[code.algorithm].append((code.work_row, KIND_CODES[code.kind], code.code, code.aux))
        else:
            files[code.work_row][code.version_id].append(code)
    for row, versions in files.items():
        for entry in entries(versions.values()):
            found[entry.algorithm].append((row, KIND_CODES[entry.kind], entry.code, entry.aux))
    return {algorithm: _columns(algorithm, sorted(rows)) for algorithm, rows in sorted(found.items())}


def _columns(algorithm: str, listed: Sequence[tuple[int, int, bytes, int]]) -> ListColumns:
    width = ALGORITHMS[algorithm].code_bytes
    codes = np.frombuffer(b"".join(code for _, _, code, _ in listed), np.uint8)
    return ListColumns(
        codes=codes.reshape(len(listed), width),
        work_rows=np.array([row for row, _, _, _ in listed], np.uint32),
        kinds=np.array([kind for _, kind, _, _ in listed], np.uint8),
        aux=np.array([aux for _, _, _, aux in listed], np.uint64),
    )
