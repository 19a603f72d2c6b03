"""The lists in the layers of the live index: put together, picked from, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from registry.checking.base_files import Lists
from registry.core.matching import ListColumns


def merged(old: Lists, superseded: Collection[int], new: Lists) -> dict[str, ListColumns]:
    """The old entries but those of superseded works, and the new ones."""
    gone = np.fromiter(superseded, np.uint32, len(superseded))
    found = {}
    for algorithm in old.keys() | new.keys():
        parts = []
        if algorithm in old:
            kept = ~np.isin(old[algorithm].work_rows, gone)
            parts.append(_picked(old[algorithm], kept))
        if algorithm in new:
            parts.append(new[algorithm])
        found[algorithm] = ListColumns(
            codes=np.concatenate([p.codes for p in parts]),
            work_rows=np.concatenate([p.work_rows for p in parts]),
            kinds=np.concatenate([p.kinds for p in parts]),
            aux=np.concatenate([p.aux for p in parts]),
        )
    return found


def entries_of(lists: Lists, rows: Collection[int]) -> dict[str, ListColumns]:
    """What these lists have of these works."""
    wanted = np.fromiter(rows, np.uint32, len(rows))
    found = {a: _picked(columns, np.isin(columns.work_rows, wanted)) for a, columns in lists.items()}
    return {algorithm: columns for algorithm, columns in found.items() if len(columns)}


def count_entries(lists: Lists, rows: Collection[int]) -> Counter[int]:
    """How many entries each of these works has."""
    wanted, found = np.fromiter(rows, np.uint32, len(rows)), Counter[int]()
    if not rows:
        return found
    for columns in lists.values():
        own, counts = np.unique(columns.work_rows[np.isin(columns.work_rows, wanted)], return_counts=True)
        found.update(dict(zip(own.tolist(), counts.tolist(), strict=True)))
    return found


def size(lists: Lists) -> int:
    """All entries."""
    return sum(len(columns) for columns in lists.values())


def _picked(columns: ListColumns, kept: NDArray[np.bool_]) -> ListColumns:
    return ListColumns(columns.codes[kept], columns.work_rows[kept], columns.kinds[kept], columns.aux[kept])
