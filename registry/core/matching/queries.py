"""The codes that take part in a search, by the algorithm that made them, each with what may second it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Grade
from registry.core.errors import InvalidInput
from registry.core.fingerprints import (
    ANCHORS256,
    COLOUR42,
    DEEP256,
    DHASH256,
    FULL,
    PHASH64,
    PHASH256,
    WHOLE,
    Fingerprint,
)
from registry.core.matching.grades import colours_agree, grade, outlines_agree
from registry.core.matching.outlines import samples

_PICTURES: Final = frozenset({PHASH64, PHASH256, DHASH256})
_SURER: Final = _PICTURES - {PHASH64}


@dataclass(frozen=True, slots=True)
class Query:
    """A code of an item that takes part in a search, with what may second it."""

    item: int
    fingerprint: Fingerprint
    colours: int | None = None
    """Beside a dhash256: the same frame's."""
    outlines: Mapping[str, int] | None = None
    """Beside a phash256: the sample of the same frame's dhash256, by variant."""
    plain: bool = False
    """Beside a dhash256: whether the same frame has a phash256, so that it is no symmetric picture by itself."""
    frames: tuple[bytes, ...] = ()
    """Beside anchors: the phash256 of the item's frames."""
    frame: bytes | None = None
    """Beside anchors: the phash256 of the frame that they were found in, or in parts of which, if it has one."""

    def grade(self, algorithm: str, kind: str, variant: str, distance: int, aux: int) -> Grade | None:
        """The grade of a hit on a registered code that has this beside it."""
        if algorithm == DHASH256:
            agree = self.colours is not None and colours_agree(self.colours, aux)
            reached = grade(algorithm, kind, distance, seconded=agree)
            if not self.plain or reached is None:
                return reached
            return Grade.TRACE if self.colours is None else Grade.REVIEW if agree else None
        outlines = (self.outlines or {}).get(variant)
        agree = outlines is not None and outlines_agree(outlines, aux)
        return grade(algorithm, kind, distance, seconded=agree)


class Several:
    """The codes of one algorithm among those of many items: a query is made only of one that hits."""

    def __init__(self, algorithm: str, items: Sequence[Sequence[Fingerprint]]) -> None:
        self._algorithm = algorithm
        self._items = items
        self.owners: list[int] = []
        """Number of the item that each code is of."""
        self.fingerprints: list[Fingerprint] = []
        self._made: dict[int, Query] = {}

    def __len__(self) -> int:
        return len(self.fingerprints)

    def __getitem__(self, number: int) -> Query:
        if (query := self._made.get(number)) is None:
            owner = self.owners[number]
            query = _query(owner, self.fingerprints[number], self._items[owner])
            self._made[number] = query
        return query

    @property
    def codes(self) -> list[bytes]:
        """Their bytes."""
        return [f.code for f in self.fingerprints]

    def stacked(self, width: int) -> NDArray[np.uint8]:
        """(Q, width) bytes; `InvalidInput` if a code has another length."""
        codes = self.codes
        for number, code in enumerate(codes):
            if len(code) != width:
                raise _wrong_width(self._algorithm, width, self.owners[number], len(code))
        return np.frombuffer(b"".join(codes), np.uint8).reshape(-1, width)


@dataclass(frozen=True, slots=True)
class Alone:
    """Codes, each of which is all that is known of its item."""

    algorithm: str
    table: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, item: int) -> Query:
        kind = FULL if self.algorithm in _PICTURES else WHOLE
        return Query(item, Fingerprint(self.algorithm, kind, self.table[item].tobytes()))

    @property
    def codes(self) -> list[bytes]:
        """Their bytes."""
        return [code.tobytes() for code in self.table]

    def stacked(self, width: int) -> NDArray[np.uint8]:
        """(Q, width) bytes; `InvalidInput` if the codes have another length."""
        if self.table.shape[1] != width:
            raise _wrong_width(self.algorithm, width, 0, self.table.shape[1])
        return self.table


Asked = Several | Alone


def by_algorithm(items: Sequence[Sequence[Fingerprint]], algorithms: Iterable[str]) -> dict[str, Asked]:
    """The codes that take part, by algorithm. phash64 does only where it is all that is known of a picture."""
    asked = {algorithm: Several(algorithm, items) for algorithm in algorithms}
    for item, fingerprints in enumerate(items):
        for f in fingerprints:
            if f.algorithm == PHASH64 and any(other.algorithm in _SURER for other in fingerprints):
                continue
            if (several := asked.get(f.algorithm)) is not None:
                several.owners.append(item)
                several.fingerprints.append(f)
    return {algorithm: several for algorithm, several in asked.items() if several}


def _query(item: int, code: Fingerprint, beside: Sequence[Fingerprint]) -> Query:
    """A code of an item, with what may second it among the item's codes.

    On the registered side, dhash256 is listed only of frames without a phash256, that is of such as failed the
    symmetry gate. An item's dhash256 always takes part, since a copy may fall on the other side of the gate.
    """
    same_frame = {f.algorithm: f.code for f in beside if f.kind == code.kind}
    if code.algorithm == DHASH256:
        colour = same_frame.get(COLOUR42)
        number = None if colour is None else int.from_bytes(colour, "big")
        return Query(item, code, number, plain=PHASH256 in same_frame)
    if code.algorithm == PHASH256 and DHASH256 in same_frame:
        return Query(item, code, outlines=samples(same_frame[DHASH256]))
    if code.algorithm in (ANCHORS256, DEEP256):
        frames = {f.kind: f.code for f in beside if f.algorithm == PHASH256}
        anchored = next((f.kind for f in beside if f.algorithm == ANCHORS256), FULL)
        own = code.kind if code.algorithm == ANCHORS256 else anchored
        return Query(item, code, frames=tuple(frames.values()), frame=frames.get(own))
    return Query(item, code)


def _wrong_width(algorithm: str, width: int, item: int, found: int) -> InvalidInput:
    return InvalidInput(f"A code of {algorithm} has {width} bytes; item {item} has one of {found}.")
