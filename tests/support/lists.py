"""The lists that a registry publishes of some files, without the registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from registry.core.fingerprints import Fingerprint
from registry.core.matching import KIND_CODES, Entry, ListColumns, entries


def lists_of(works: Iterable[Sequence[Fingerprint]]) -> dict[str, ListColumns]:
    """The lists in which the work in row i has one file with the i-th fingerprints."""
    found: dict[str, list[tuple[int, Entry]]] = defaultdict(list)
    for row, prints in enumerate(works):
        for entry in entries([prints]):
            found[entry.algorithm].append((row, entry))
    return {
        algorithm: ListColumns(
            codes=np.stack([np.frombuffer(entry.code, np.uint8) for _, entry in listed]),
            work_rows=np.array([row for row, _ in listed], np.uint32),
            kinds=np.array([KIND_CODES[entry.kind] for _, entry in listed], np.uint8),
            aux=np.array([entry.aux for _, entry in listed], np.uint64),
        )
        for algorithm, listed in found.items()
    }
