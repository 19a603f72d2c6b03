"""Which phrases are common, kept up with each registration as if all works were looked at anew.

That decides whether a shared passage accuses (`registry.core.matching.passages_common`), and it leans on all works:
with a third owner's, a phrase of two others' is common. What an edition would spare, the live check spares from the
same change on, and nothing else. A registration can only make more phrases common. So besides the texts that it brings
only those have to be looked at that share with them what has just become common: these few are marked anew, and lie
among recent works from then on. Whatever makes fewer phrases common, as when a work is withdrawn or hidden, makes a new
base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.checking.base_files import Base, Lists
from registry.checking.layers import entries_of, merged
from registry.core.fingerprints import ANCHORS256, WINNOW32
from registry.core.matching import NOBODY, ListColumns, Matcher
from registry.core.matching.passages_common import learned, mark_shared, of_many_owners

LEANED_ON = (ANCHORS256, WINNOW32)
"""What many works share of these accuses nobody, so that one work's entries decide about others'."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Some works as they were before the change, their phrases marked."""

    lists: Lists
    matcher: Matcher
    gone: frozenset[int]
    """Works that are not here any more, whatever the lists say."""

    def texts_with(self, values: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """All pairs of the number of one of these fingerprints, and a work here that has it and not as common."""
        number, rows = self.matcher.works_with(values)
        stands = ~np.isin(rows, np.fromiter(self.gone, np.uint32, len(self.gone)))
        return number[stands], rows[stands]


def with_phrases_marked(
    fresh: Lists, layers: Sequence[Layer], known: NDArray[np.uint64], owners: NDArray[np.int64]
) -> tuple[Lists, frozenset[int]]:
    """The lists of changed works with their phrases marked, and with them the other works whose marks that alters.

    `known`: fingerprints that are marked in the layers already. `owners`: by work row.
    """
    if WINNOW32 not in fresh:
        return fresh, frozenset()
    asked = np.unique(_values(fresh[WINNOW32]))
    number, rows = _texts_with(layers, asked)
    before = of_many_owners(asked[number], owners[rows]) | np.isin(asked, known)[number]
    shared = _shared(fresh[WINNOW32], layers, known, owners)
    now = np.isin(asked, _values(fresh[WINNOW32])[shared])[number]
    altered = frozenset(rows[now & ~before].tolist())
    if altered:
        for layer in layers:
            fresh = merged(fresh, (), entries_of(layer.lists, altered - layer.gone))
        layers = [Layer(layer.lists, layer.matcher, layer.gone | altered) for layer in layers]
        shared = _shared(fresh[WINNOW32], layers, known, owners)
    return {**fresh, WINNOW32: mark_shared(fresh[WINNOW32], shared)}, altered


def counts_no_more(base: Base, recent: Lists, before: Mapping[int, int], now: Mapping[int, int]) -> bool:
    """Whether a work is hidden now that made phrases or parts of pictures common, so that they may be so no more."""
    hidden = [row for row, owner in now.items() if owner == NOBODY and _owner(base, before, row) != NOBODY]
    layers = ({a: lists[a] for a in LEANED_ON if a in lists} for lists in (base.lists, recent))
    return bool(hidden) and any(entries_of(layer, hidden) for layer in layers)


def known_phrases(base: Base, recent: Lists) -> NDArray[np.uint64]:
    """The fingerprints that are common by what was registered."""
    return np.union1d(base.learned, learned(recent[WINNOW32])) if WINNOW32 in recent else base.learned


def all_owners(base: Base, owners: Mapping[int, int]) -> NDArray[np.int64]:
    """(rows,) of all works: those of the base, and what is known of those that changed later."""
    known = np.full(max(len(base.owners), max(owners, default=-1) + 1), NOBODY, np.int64)
    known[: len(base.owners)] = base.owners
    known[list(owners.keys())] = list(owners.values())
    return known


def _shared(
    texts: ListColumns, layers: Sequence[Layer], known: NDArray[np.uint64], owners: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(N,) which entries of these texts works of many owners have, here and in the layers."""
    values = _values(texts)
    asked = np.unique(values)
    number, rows = _texts_with(layers, asked)
    together = np.concatenate([asked[number], values])
    whose = np.concatenate([owners[rows], owners[texts.work_rows]])
    return np.asarray(of_many_owners(together, whose)[len(number) :] | np.isin(values, known))


def _texts_with(
    layers: Sequence[Layer], values: NDArray[np.uint64]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    found = [layer.texts_with(values) for layer in layers]
    return np.concatenate([number for number, _ in found]), np.concatenate([rows for _, rows in found])


def _values(columns: ListColumns) -> NDArray[np.uint64]:
    return columns.codes.reshape(-1).view("<u8")


def _owner(base: Base, recent: Mapping[int, int], row: int) -> int:
    """Who was counted as this work's owner until now."""
    return recent.get(row, int(base.owners[row]) if row < len(base.owners) else NOBODY)
