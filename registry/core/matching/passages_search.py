"""From the fingerprints of many items to the works whose text they contain, how much of it, and where.

Fingerprints that an item shares with a registered text lie on a diagonal: the difference of their two positions is the
same, but for what was inserted or left out in between. Those within a band of 400 bytes count together, and of all such
bands the one with the most different fingerprints speaks for the text.

| different fingerprints in the band | grade |
|---|---|
| 5 or more, over at least 160 bytes (35 words) of the item | certain |
| 3 or more; 2 that do not overlap; or all that the registered text has if it has two | match |
| else | trace: logged, never a verdict |

A match of fewer words than `min_words` is a trace as well, unless it is half of the registered text or more: a short
quotation is not the use of a novel, but a poem of 24 words is short as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Grade
from registry.core.errors import InvalidInput
from registry.core.fingerprints.winnow_records import GRAM, RECORD, WINDOW, unpacked
from registry.core.matching.passages import PassageIndex
from registry.core.matching.passages_diagonals import Shared, best_bands

BAND: Final = 400
"""Bytes by which the difference of positions may vary."""
CERTAIN_FINGERPRINTS: Final = 5
CERTAIN_SPAN: Final = 160
"""Normalised bytes from the first shared one to the last."""
MATCH_FINGERPRINTS: Final = 3
PAIR_SHARED: Final = 2 * GRAM
"""Bytes that are surely the same if two fingerprints do not overlap: as many as three can have that do."""
MOST_PLACES: Final = 16
"""Of one fingerprint in an item. Pages that repeat themselves have thousands, and meet each text that does with all."""
MIN_WORDS: Final = 12
"""Eleven words can be protected (Court of Justice of the EU, C-5/08, Infopaq); fewer are left to `--min-words`."""

PARAMETERS: Final = {
    "band": BAND,
    "certain_fingerprints": CERTAIN_FINGERPRINTS,
    "certain_span": CERTAIN_SPAN,
    "match_fingerprints": MATCH_FINGERPRINTS,
    "pair_shared": PAIR_SHARED,
}
"""As they stand in a run's papers."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What an item shares with a registered text, in normalised bytes of the item."""

    fingerprints: int
    """Different ones that they share."""
    of: int
    """How many the registered text has."""
    begin: int
    end: int
    shared: int
    """Bytes between begin and end that are surely the same; at both ends of a stretch up to 31 more may be."""

    @property
    def words(self) -> int:
        """Words of four and a half letters, the average of English and German."""
        return self.shared * 2 // 9

    @property
    def mostly(self) -> bool:
        """Whether it is half of the registered text or more."""
        return 2 * self.fingerprints >= self.of

    @property
    def is_pair(self) -> bool:
        """Whether these are two that do not overlap."""
        return self.fingerprints == 2 and self.shared >= PAIR_SHARED

    def grade(self, min_words: int = MIN_WORDS) -> Grade:
        """See the table above."""
        whole = self.fingerprints == self.of > 1
        if self.fingerprints < MATCH_FINGERPRINTS and not self.is_pair and not whole:
            return Grade.TRACE
        if self.words < min_words and not self.mostly:
            return Grade.TRACE
        sure = self.fingerprints >= CERTAIN_FINGERPRINTS and self.end - self.begin >= CERTAIN_SPAN
        return Grade.CERTAIN if sure else Grade.MATCH


@dataclass(frozen=True, slots=True)
class _Asked:
    """The fingerprints of all items, one after the other."""

    items: NDArray[np.int64]
    positions: NDArray[np.int64]
    values: NDArray[np.uint64]


def search(index: PassageIndex, codes: Sequence[bytes]) -> Iterator[tuple[int, int, Passage]]:
    """For codes of items: (number of the item, row of a work, the best passage that they share)."""
    asked = _that_are_met(index, _asked(codes))
    best: dict[tuple[int, int], Passage] = {}
    for query, row in index.find(asked.values):
        for item, work, found in _passages(index, asked, query, row):
            key = item, work
            if key not in best or _rank(found) > _rank(best[key]):
                best[key] = found
    for (number, work), found in best.items():
        yield number, work, found


def _that_are_met(index: PassageIndex, asked: _Asked) -> _Asked:
    """Those that any text has, each at the first `MOST_PLACES` places of an item."""
    met = index.known(asked.values)
    items, positions, values = asked.items[met], asked.positions[met], asked.values[met]
    order = np.lexsort((values, items))
    late, before = order[MOST_PLACES:], order[:-MOST_PLACES]
    repeats = late[(items[late] == items[before]) & (values[late] == values[before])]
    kept = np.delete(np.arange(len(order)), repeats)
    return _Asked(items[kept], positions[kept], values[kept])


def _passages(
    index: PassageIndex, asked: _Asked, query: NDArray[np.uint32], row: NDArray[np.uint32]
) -> Iterator[tuple[int, int, Passage]]:
    """Of each item and each text that share something, what is shared: (item, row of the work, passage)."""
    if not len(query):
        return
    item, text, place = asked.items[query], index.texts(row), asked.positions[query]
    diagonal = index.places(row) - place
    order = np.lexsort((place, diagonal, text, item))
    item, text = item[order], text[order]
    firsts = np.r_[True, (item[1:] != item[:-1]) | (text[1:] != text[:-1])]
    pairs = np.cumsum(firsts) - 1
    bands = best_bands(Shared(pairs, diagonal[order], place[order], asked.values[query[order]]), BAND, GRAM)
    texts = text[firsts]
    columns = (item[firsts], index.work_rows(texts), bands.different, index.sizes(texts))
    spans = (bands.begins, bands.ends + GRAM, bands.covered)
    for number, work, *facts in zip(*(column.tolist() for column in (*columns, *spans)), strict=True):
        yield number, work, Passage(*facts)


def _rank(found: Passage) -> tuple[Grade, int, int, int]:
    """Of the texts of one work, the one that says most."""
    return found.grade(), found.fingerprints, found.shared, -found.begin


def _asked(codes: Sequence[bytes]) -> _Asked:
    """All records at once; `InvalidInput` as `unpacked` says it if one is no code."""
    sizes = np.fromiter(map(len, codes), np.int64, len(codes))
    counts, rest = np.divmod(sizes, RECORD.itemsize)
    if rest.any() or not counts.all():
        _refuse(codes)
    records = np.frombuffer(b"".join(codes), RECORD)
    positions = records["position"].astype(np.int64)
    steps = np.diff(positions, prepend=-1)
    firsts = (np.cumsum(counts) - counts)[: len(counts)]
    steps[firsts] = positions[firsts] + 1
    if len(steps) and (int(steps.min()) < 1 or int(steps.max()) > WINDOW):
        _refuse(codes)
    return _Asked(np.repeat(np.arange(len(codes)), counts), positions, records["value"].astype(np.uint64))


def _refuse(codes: Sequence[bytes]) -> None:
    for code in codes:
        unpacked(code)
    raise InvalidInput("A code of fingerprints is damaged.")
