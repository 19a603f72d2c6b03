"""From anchors of many items to the works that share them: seeds by one search, then work by work the geometry.

What many works of different content have in common (a logo, a watermark, the font of captions, the frame of a player)
must accuse nobody. An anchor of an item that meets works of more than four contents is part of such an element and
counts for nothing, neither as a seed nor beside one, and nor does what lies upon it. Works have one content if their
frames have like codes, or if what they share covers half of one, so that a picture that many have registered is told
from a mark on many pictures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.anchors_records import PICTURE_SHIFT, geometry, records
from registry.core.fingerprints.deep import place_of
from registry.core.matching.anchors import SEED, Agreement, Anchors, agreement, covered, distances, mirrored
from registry.core.matching.chain import ChainIndex
from registry.core.matching.codes import CodeIndex
from registry.core.matching.dihedral import variants
from registry.core.matching.likeness import likeness
from registry.core.matching.lists import ListColumns
from registry.core.matching.overlay import Overlay, overlay

MOST_CONTENTS: Final = 4
"""Works of more contents than these that an anchor meets make it a common element."""
_LOOKED_AT: Final = 64
"""Pictures compared to tell how many contents an anchor meets; the nearest, so that the answer is always the same."""
_SAME_FRAME: Final = 47
"""Bits between the phash256 of two works of one content."""
_SAME_CONTENT: Final = 0.5
"""Share of a frame that is covered by what two works of one content share."""

Found = tuple[Agreement, Overlay]
"""How an item and a registered picture agree, and what follows from it."""

PLAIN, MIRRORED = "part", "part_mirrored"
"""Names of the variants: nothing is known of the rest of either picture."""


class AnchorSearch:
    """The registered anchors, entry by entry in an index and picture by picture for the geometry."""

    def __init__(
        self,
        columns: ListColumns,
        index: CodeIndex | ChainIndex,
        frames: ListColumns | None = None,
        unpublished: NDArray[np.bool_] | None = None,
    ) -> None:
        """`frames`: the list of phash256, if there is one. `unpublished`: by work row, see `Matcher`."""
        self._columns = columns
        self._index = index
        self._works = _ByWork(columns.work_rows)
        self._frames = frames
        self._frame_works = None if frames is None else _ByWork(frames.work_rows)
        self._unpublished = unpublished

    def find(self, codes: Sequence[bytes], seed: int = SEED) -> Iterator[tuple[int, int, str, Found]]:
        """For each item, given by its records: (item, an entry of the picture, variant, how they agree).

        Only pictures of which at least one anchor agrees with the seed.

        `seed`: bits between two codes that may be the same place.
        """
        asked = [_anchors(code) for code in codes]
        items = [*asked, *(mirrored(anchors) for anchors in asked)]
        owner = np.repeat(np.arange(len(asked)), [len(a) for a in asked])
        first = np.searchsorted(owner, np.arange(len(asked)))
        plain = np.concatenate([a.codes for a in asked])
        turned = np.concatenate([a.codes for a in items[len(asked) :]])
        both = np.stack([plain, turned], axis=1).reshape(-1, plain.shape[1])
        hits = self._index.search(both, seed, family=2)
        place, turns_of_hit = np.divmod(hits.query.astype(np.int64), 2)
        item_of_hit = owner[place] + turns_of_hit * len(asked)
        for item in np.unique(item_of_hit).tolist():
            mine = item_of_hit == item
            turns, number = divmod(item, len(asked))
            anchor = place[mine] - first[number]
            yield from (
                (number, entry, (PLAIN, MIRRORED)[turns], found)
                for entry, found in self._agreements(
                    items[item], anchor, hits.row[mine].astype(np.int64), hits.distance[mine], seed
                )
            )

    def _agreements(
        self,
        item: Anchors,
        anchor: NDArray[np.int64],
        row: NDArray[np.int64],
        distance: NDArray[np.uint16],
        seed: int,
    ) -> Iterator[tuple[int, Found]]:
        """The pictures that one item's hits are in, each by an entry of it, as far as rare anchors agree."""
        nearest = np.lexsort((row, distance))
        anchor, row = anchor[nearest], row[nearest]
        rare = np.ones(len(item), np.bool_)
        if self._several_works(row):
            for one in np.unique(anchor).tolist():
                rare[one] = not self._many_contents(row[anchor == one].tolist())
            rare &= ~covered(item.geometry, ~rare)
            row = row[rare[anchor]]
        _, first = np.unique(self._pictures_of(row), return_index=True)
        pictures = {entry: self._picture(entry) for entry in row[np.sort(first)].tolist()}
        found = _agreeing(item, pictures, rare, seed)
        if len(found) > MOST_CONTENTS:
            met: dict[int, list[int]] = defaultdict(list)
            for entry, agreed in found.items():
                for one in agreed.part if agreed.confirmed else ():
                    met[one].append(entry)
            common = [one for one, among in met.items() if self._many_contents(among)]
            if common:
                rare[common] = False
                rare &= ~covered(item.geometry, ~rare)
                found = _agreeing(item, {entry: pictures[entry] for entry in found}, rare, seed)
        for entry, agreed in found.items():
            if agreed.confirmed:
                yield entry, (agreed, overlay(item, pictures[entry], agreed, rare))

    def frames_apart(self, entry: int, frames: Sequence[bytes]) -> int | None:
        """Least bits between these phash256 codes of an item, in all turns, and those of the work of this entry.

        `None` if either has none.
        """
        registered = self._frame_codes(entry)
        if not frames or not len(registered):
            return None
        asked = variants(np.frombuffer(b"".join(frames), np.uint8).reshape(-1, 32))
        return int(distances(asked.reshape(-1, 32), registered).min())

    def alike(self, entry: int, frame: bytes | None, places: NDArray[np.complex128]) -> float | None:
        """How alike the frame of an item and that of the picture of this entry are where they overlap.

        `frame`: the phash256 of the item's; `places`: see `in_frame`. `None` if either has none, or if hardly anything
        overlaps.
        """
        return None if frame is None else likeness(frame, self._frame_codes(entry, same_kind=True), places)

    # -- contents ------------------------------------------------------------------------------------------
    def _several_works(self, entries: NDArray[np.int64]) -> bool:
        """Whether these are in more than `MOST_CONTENTS` works, so that they can be of as many contents."""
        return (
            len(entries) > MOST_CONTENTS and len(np.unique(self._columns.work_rows[entries])) > MOST_CONTENTS
        )

    def _many_contents(self, entries: Sequence[int]) -> bool:
        """Whether these entries, the nearest first, are in works of more than `MOST_CONTENTS` contents."""
        nearest: dict[int, int] = {}
        for work, entry in zip(self._columns.work_rows[entries].tolist(), entries, strict=True):
            if self._unpublished is None or work >= len(self._unpublished) or not self._unpublished[work]:
                nearest.setdefault(work, entry)
        if len(nearest) <= MOST_CONTENTS:
            return False
        contents: list[int] = []
        for entry in islice(nearest.values(), _LOOKED_AT):
            if not any(self._same_content(entry, other) for other in contents):
                contents.append(entry)
            if len(contents) > MOST_CONTENTS:
                return True
        return False

    def _same_content(self, one: int, other: int) -> bool:
        """Whether the pictures that these entries are of show the same, as a whole or for the greater part."""
        frames, others = self._frame_codes(one), self._frame_codes(other)
        if len(frames) and len(others) and int(distances(frames, others).min()) <= _SAME_FRAME:
            return True
        shared = agreement(self._picture(one), self._picture(other))
        return shared is not None and shared.confirmed > 0 and shared.span >= _SAME_CONTENT

    def _frame_codes(self, entry: int, *, same_kind: bool = False) -> NDArray[np.uint8]:
        """(N, 32) phash256 of the work that this entry is of; with `same_kind` only full or trimmed ones, as it is."""
        if self._frames is None or self._frame_works is None:
            return np.empty((0, 32), np.uint8)
        rows = self._frame_works.rows_of(int(self._columns.work_rows[entry]))
        if same_kind:
            rows = rows[self._frames.kinds[rows] == self._columns.kinds[entry]]
        return self._frames.codes[rows]

    def _picture(self, entry: int) -> Anchors:
        """All anchors of the registered picture that this entry is of."""
        of_work = self._works.rows_of(int(self._columns.work_rows[entry]))
        rows = of_work[self._pictures_of(of_work) == self._pictures_of(np.array([entry]))]
        return Anchors(self._columns.codes[rows], geometry(self._columns.aux[rows]))

    def _pictures_of(self, rows: NDArray[np.integer]) -> NDArray[np.uint64]:
        """A number for each picture: work, frame, and which picture of the work."""
        picture = self._columns.aux[rows] >> np.uint64(PICTURE_SHIFT)
        picture |= self._columns.kinds[rows].astype(np.uint64) << np.uint64(8)
        work = self._columns.work_rows[rows].astype(np.uint64)
        return np.asarray(picture | work << np.uint64(16))


class _ByWork:
    """Where the entries of a work are in a list."""

    def __init__(self, work_rows: NDArray[np.uint32]) -> None:
        self._work_rows = work_rows

    @cached_property
    def _order(self) -> NDArray[np.intp] | None:
        """Entries by work; `None` if they are in this order, as lists that were published are."""
        rows = self._work_rows
        return None if bool(np.all(rows[:-1] <= rows[1:])) else np.argsort(rows, kind="stable")

    @cached_property
    def _sorted(self) -> NDArray[np.uint32]:
        return self._work_rows if self._order is None else self._work_rows[self._order]

    def rows_of(self, work: int) -> NDArray[np.intp]:
        """The entries of one work."""
        low = int(np.searchsorted(self._sorted, np.uint32(work), side="left"))
        high = int(np.searchsorted(self._sorted, np.uint32(work), side="right"))
        return np.arange(low, high) if self._order is None else self._order[low:high]


def in_frame(lying: Overlay, variant: str, view: str) -> NDArray[np.complex128]:
    """(16, 16) where the centres of the registered frame's cells lie in the item's, as shares of its sides.

    The overlay says where they lie in this view of the item, or in the mirror image of it.
    """
    corner, side = place_of(view)
    return corner + side * (1 - lying.cells.conj() if variant == MIRRORED else lying.cells)


def _agreeing(
    item: Anchors, pictures: Mapping[int, Anchors], allowed: NDArray[np.bool_], seed: int
) -> dict[int, Agreement]:
    """The pictures with a seed, in their order, and how they agree."""
    agreed = ((entry, agreement(item, picture, allowed, seed)) for entry, picture in pictures.items())
    return {entry: found for entry, found in agreed if found is not None}


def _anchors(code: bytes) -> Anchors:
    found = records(code)
    codes = np.frombuffer(b"".join(c for c, _ in found), np.uint8).reshape(-1, 32)
    return Anchors(codes, geometry(np.array([place for _, place in found], np.uint64)))
