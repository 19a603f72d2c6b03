"""Phrases that many works share, and that therefore accuse nobody.

Single coincidences of unrelated texts are hardly ever collisions of hashes. They are set phrases: licence headers,
verses, imprints, the same agency's line in three newspapers. Two sources tell which fingerprints are of such phrases:

* a background list that ships with the package, `background.v3.npz`, see `passages_background`;
* the registry itself, whenever an edition is made: a fingerprint that works of three different owners have.

The second rule has an exception, so that nobody can make another's text common by registering it, or a chapter of it,
under three names: a text keeps those of its fingerprints around which half or more are shared so, the background list
left aside. A phrase is an island in a text of its own; what is shared for pages, or from the first line of a poem to
the last, is no phrase.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.fingerprints import WINNOW32
from registry.core.matching.lists import ListColumns
from registry.core.matching.passages import COMMON, FILE_SHIFT

OWNERS: Final = 3
"""Different owners whose works make a fingerprint common."""
NOBODY: Final = -1
"""Stands for the owner of a work that does not count, since no edition shows it."""
_FILE: Final = "background.v3.npz"
_SHA256: Final = "b29c8cf51ac0e8fe99ba6c1f16f0d95966b0751e1d510b73dd77cba6225986eb"
_AROUND: Final = 65
"""Fingerprints of a text, some 230 words, among which a phrase is the smaller part; all, if the text has fewer."""
KEPT_BITS: Final = 40
"""Of each value in the background list. Of 10^9 registered fingerprints, some 1,300 are dropped by chance."""
MASK: Final = np.uint64((1 << KEPT_BITS) - 1)


def is_background(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of these fingerprints are of texts in the background list."""
    background, kept = _background(), values & MASK
    place = np.minimum(np.searchsorted(background, kept), len(background) - 1)
    return np.asarray(background[place] == kept)


@cache
def _background() -> NDArray[np.uint64]:
    """Sorted; `Corrupt` if the file is not as it was shipped."""
    with resources.as_file(resources.files(__package__).joinpath(_FILE)) as file:
        values = read_values(file)
    if hashlib.sha256(values.tobytes()).hexdigest() != _SHA256:
        raise Corrupt(f"{_FILE} is damaged. Install the package again.")
    return values


def packed_values(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """(5, N) the differences of sorted values, byte by byte, the lowest first: the higher ones hardly take room."""
    gaps = np.diff(values, prepend=np.uint64(0)).astype("<u8")
    return np.ascontiguousarray(gaps.view(np.uint8).reshape(-1, 8).T[: KEPT_BITS // 8])


def read_values(file: Path) -> NDArray[np.uint64]:
    """(N,) the sorted values of a list; `Corrupt` if it is none."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            gaps = stored["gaps"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Corrupt(f"{file} is no list of common phrases, or is damaged.") from error
    wide = np.zeros((gaps.shape[-1], 8), np.uint8)
    wide[:, : len(gaps)] = gaps.T
    return np.cumsum(wide.view("<u8").reshape(-1), dtype=np.uint64)


def with_common_marked(lists: Mapping[str, ListColumns], owners: NDArray[np.int64]) -> dict[str, ListColumns]:
    """The lists, with the common phrases of the list of fingerprints marked; other marks are taken off."""
    marked = {WINNOW32: mark_common(lists[WINNOW32], owners)} if WINNOW32 in lists else {}
    return {**lists, **marked}


def mark_common(columns: ListColumns, owners: NDArray[np.int64]) -> ListColumns:
    """The list with the fingerprints marked that works of `OWNERS` owners have. `owners`: by work row; or `NOBODY`."""
    return mark_shared(
        columns, of_many_owners(columns.codes.reshape(-1).view("<u8"), owners[columns.work_rows])
    )


def mark_shared(columns: ListColumns, shared: NDArray[np.bool_]) -> ListColumns:
    """The same, when it is known which entries works of `OWNERS` owners share."""
    if not len(columns):
        return columns
    marked = is_background(columns.codes.reshape(-1).view("<u8"))
    own = np.flatnonzero(~marked)
    marked[own] = shared[own] & ~_mostly_around(shared[own], _texts(columns)[own])
    aux = np.where(marked, columns.aux | COMMON, columns.aux & ~COMMON)
    return ListColumns(columns.codes, columns.work_rows, columns.kinds, aux)


def learned(columns: ListColumns) -> NDArray[np.uint64]:
    """The fingerprints that are marked for their many owners, each once, in ascending order."""
    marked = np.unique(columns.codes[columns.aux & COMMON != 0].reshape(-1).view("<u8"))
    return marked[~is_background(marked)]


def of_many_owners(values: NDArray[np.uint64], owner: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which entries have a value that entries of `OWNERS` owners have; `NOBODY` is none."""
    if not len(values):
        return np.empty(0, np.bool_)
    _, number = np.unique(owner, return_inverse=True)
    order = np.argsort(values, kind="stable")
    by_value = values[order]
    group = np.cumsum(np.concatenate([[False], by_value[1:] != by_value[:-1]]))
    counted = owner[order] != NOBODY
    each_once = np.unique((group << 32 | number[order])[counted])
    owners_of_group = np.bincount(each_once >> 32, minlength=int(group[-1]) + 1)
    shared = np.empty(len(values), np.bool_)
    shared[order] = owners_of_group[group] >= OWNERS
    return shared


def _mostly_around(shared: NDArray[np.bool_], texts: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """(N,) whether half or more of the `_AROUND` entries of the same text around each entry are shared."""
    if not len(texts):
        return np.empty(0, np.bool_)
    begins = np.flatnonzero(np.concatenate([[True], texts[1:] != texts[:-1]]))
    lengths = np.diff(np.append(begins, len(texts)))
    first, last = np.repeat(begins, lengths), np.repeat(begins + lengths, lengths)
    begin = np.maximum(np.minimum(np.arange(len(texts)) - _AROUND // 2, last - _AROUND), first)
    end = np.minimum(begin + _AROUND, last)
    before = np.concatenate([[0], np.cumsum(shared)])
    return np.asarray((before[end] - before[begin]) * 2 >= end - begin)


def _texts(columns: ListColumns) -> NDArray[np.uint64]:
    """(N,) a number that differs between texts that follow each other."""
    number = (columns.aux & ~COMMON) >> FILE_SHIFT
    return columns.work_rows.astype(np.uint64) << np.uint64(31) | number
