"""From the stored codes of a work to what its entries in the lists are: the same for snapshots and live checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.core.fingerprints import ANCHORS256, COLOUR42, DHASH256, PHASH256
from registry.core.fingerprints.anchors_records import PICTURE_SHIFT, records
from registry.core.matching.outlines import sample


class Coded(Protocol):
    """A code of a file, wherever it comes from."""

    @property
    def algorithm(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def code(self) -> bytes: ...


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One entry of one list, but for the work that it belongs to."""

    algorithm: str
    kind: str
    code: bytes
    aux: int = 0


def entries(files: Iterable[Sequence[Coded]]) -> Iterator[Entry]:
    """The entries of a work, in no particular order; `files` are its files with their codes.

    A frame's codes depend on each other. Its dhash256 is listed only where it has no phash256, that is where it is
    too symmetric for one, with its colour code in `aux`; a phash256 has a sample of the dhash256 in `aux`. The colour
    code by itself is no list, since it alone can identify nothing. Each anchor is an entry of its own, with the
    number of its picture among those of the work, by which anchors of different pictures are kept apart.
    """
    anchored: list[Coded] = []
    for file in files:
        codes = {(c.algorithm, c.kind): c.code for c in file}
        for coded in file:
            if coded.algorithm == ANCHORS256:
                anchored.append(coded)
            elif (listed := _entry(coded, codes)) is not None:
                yield listed
    for number, coded in enumerate(sorted(anchored, key=lambda c: (c.kind, c.code))):
        for code, place in records(coded.code):
            yield Entry(ANCHORS256, coded.kind, code, number % 256 << PICTURE_SHIFT | place)


def _entry(coded: Coded, codes: Mapping[tuple[str, str], bytes]) -> Entry | None:
    """The entry of a code of a frame with these codes."""
    algorithm, kind = coded.algorithm, coded.kind
    if algorithm == COLOUR42 or (algorithm == DHASH256 and (PHASH256, kind) in codes):
        return None
    aux = 0
    if algorithm == DHASH256:
        aux = int.from_bytes(codes.get((COLOUR42, kind), b""), "big")
    elif algorithm == PHASH256 and (outlines := codes.get((DHASH256, kind))) is not None:
        aux = sample(outlines)
    return Entry(algorithm, kind, coded.code, aux)
