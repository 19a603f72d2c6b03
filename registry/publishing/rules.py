"""From stored codes to the lists that are searched; pure, the same for the snapshot and for the live check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from registry.core.fingerprints import ALGORITHMS
from registry.core.matching import KIND_CODES, ListColumns

PHASH = "image.phash256.v1"
DHASH = "image.dhash256.v1"
COLOUR = "image.colour42.v1"


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
    """One list per algorithm, ordered by (work row, kind, code) so that equal contents give equal bytes.

    Two algorithms depend on their neighbours in the same frame. A `dhash256` code is listed only where that frame
    has no `phash256` code, that is where the picture is too symmetric for it, and carries the frame's colour code
    in `aux`; the colour code by itself is no list, since it alone can identify nothing.
    """
    frames: dict[tuple[int, str], list[StoredCode]] = defaultdict(list)
    for code in codes:
        frames[code.version_id, code.kind].append(code)
    entries: dict[str, list[tuple[int, int, bytes, int]]] = defaultdict(list)
    for frame in frames.values():
        for code, aux in _listed(frame):
            entries[code.algorithm].append((code.work_row, KIND_CODES[code.kind], code.code, aux))
    return {algorithm: _columns(algorithm, sorted(found)) for algorithm, found in sorted(entries.items())}


def _listed(frame: Sequence[StoredCode]) -> Iterable[tuple[StoredCode, int]]:
    """The codes of one frame that are searched, each with its `aux`."""
    by_algorithm = {code.algorithm: code.code for code in frame}
    for code in frame:
        if code.algorithm == DHASH:
            if PHASH not in by_algorithm:
                yield code, int.from_bytes(by_algorithm.get(COLOUR, b""), "big")
        elif code.algorithm != COLOUR:
            yield code, code.aux


def _columns(algorithm: str, entries: Sequence[tuple[int, int, bytes, int]]) -> ListColumns:
    width = ALGORITHMS[algorithm].code_bytes
    codes = np.frombuffer(b"".join(code for _, _, code, _ in entries), np.uint8)
    return ListColumns(
        codes=codes.reshape(len(entries), width),
        work_rows=np.array([row for row, _, _, _ in entries], np.uint32),
        kinds=np.array([kind for _, kind, _, _ in entries], np.uint8),
        aux=np.array([aux for _, _, _, aux in entries], np.uint64),
    )
