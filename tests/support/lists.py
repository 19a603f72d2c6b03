"""The lists that a registry publishes of some files, without the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.core import matching
from registry.core.fingerprints import Fingerprint
from registry.core.matching import ListColumns


def lists_of(works: Iterable[Sequence[Fingerprint]]) -> dict[str, ListColumns]:
    """The lists in which the work in row i has one file with the i-th fingerprints."""
    rows = [(row, row, f.algorithm, f.kind, f.code, 0) for row, prints in enumerate(works) for f in prints]
    return matching.lists_of(matching.by_algorithm(rows))
