"""The lines about signals in a table of codes, and which items say the same: there are many such, and few cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.signals.summary import KIND, Said, said_from


@dataclass(frozen=True, slots=True)
class SaidOfItems:
    """What is said of some items."""

    cases: tuple[tuple[Said, ...], ...]
    """Each that occurs; the first is nothing."""
    of_items: NDArray[np.int64]
    """Which of them is said of each item."""
    odd: NDArray[np.bool_]
    """Items with a line that is not as we write it; what is said of them means nothing."""


def said_of_items(items: int, lines: Iterable[tuple[int, str, str, bytes]]) -> SaidOfItems:
    """From lines in their order: of which item, algorithm, kind, code."""
    said: dict[int, tuple[Said, ...]] = {}
    odd = np.zeros(items, np.bool_)
    known: dict[tuple[str, str, bytes], Said | None] = {}
    for item, algorithm, kind, code in lines:
        key = (algorithm, kind, code)
        if key not in known:
            known[key] = _parsed(*key)
        one, before = known[key], said.get(item, ())
        if one is None or (before and before[-1].signal >= one.signal):
            odd[item] = True
        else:
            said[item] = (*before, one)
    numbers: dict[tuple[Said, ...], int] = {(): 0}
    of_items = np.zeros(items, np.int64)
    for item, case in said.items():
        of_items[item] = numbers.setdefault(case, len(numbers))
    return SaidOfItems(tuple(numbers), of_items, odd)


def _parsed(algorithm: str, kind: str, code: bytes) -> Said | None:
    try:
        return said_from(algorithm, code) if kind == KIND else None
    except Corrupt:
        return None
