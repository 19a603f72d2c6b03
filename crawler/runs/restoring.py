"""An item of a finished run as it was before the registry was asked, so that a newer edition may ask it anew.

Some codes are made only where they matter, and where they do depends on the registry: anchors and some colours of
pictures, and the signatures of texts if the run was lazy. They are in the papers if the run has made them; an item for
which the newer edition wants others has to be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from crawler.filter import Reading, split_parts
from crawler.runs.rereading import Row, reading_of
from registry.core.decisions import Verdict
from registry.core.fingerprints import (
    ANCHORS256,
    COLOUR42,
    DHASH256,
    FULL,
    MINHASH128,
    PHASH256,
    WINNOW32,
    Fingerprint,
)


class NotKept(Exception):
    """Codes are wanted that the run did not make."""


def restored(row: Row, codes: list[Row], *, all_at_once: bool) -> Reading:
    """The item with the codes that every run makes; those that are made later come from the papers.

    `all_at_once`: the run made all that it made without asking (`deep`, `metadata_only`). `NotKept` if an error makes
    it unclear which codes were made.
    """
    reading = reading_of(row, codes)
    parts = [_Part.of(part) for part in split_parts(reading.fingerprints)]
    if all_at_once or not any(part.waits for part in parts):
        return reading
    if (reading.gap or "").startswith("error."):
        raise NotKept
    was_open = Verdict(row["verdict"]) is not Verdict.DENY or any(part.later for part in parts)
    was_coloured = any(f.algorithm == COLOUR42 for part in parts for f in part.later)
    return replace(
        reading,
        fingerprints=tuple(f for part in parts for f in part.first),
        later=tuple(_later(parts, was_open=was_open, was_coloured=was_coloured)),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The codes of one of an item's contents."""

    first: Sequence[Fingerprint]
    later: Sequence[Fingerprint]
    frames: frozenset[str]
    """Of a picture, those that have codes."""
    plain: frozenset[str]
    """Those of them whose colours are made later, if at all."""
    lazy: bool
    """Whether it is a text whose signature is made later, if at all: then it stands behind the passages."""

    @property
    def waits(self) -> bool:
        """Whether some of its codes are made later, if at all."""
        return bool(self.frames) or self.lazy

    @classmethod
    def of(cls, codes: Sequence[Fingerprint]) -> _Part:
        names = [f.algorithm for f in codes]
        frames = frozenset(f.kind for f in codes if f.algorithm == DHASH256)
        plain = frozenset(f.kind for f in codes if f.algorithm == PHASH256)
        lazy = WINNOW32 in names and MINHASH128 not in names[: names.index(WINNOW32)]
        first: list[Fingerprint] = []
        later: list[Fingerprint] = []
        for f in codes:
            waited = f.algorithm == ANCHORS256 or (f.algorithm == COLOUR42 and f.kind in plain)
            (later if waited or (lazy and f.algorithm == MINHASH128) else first).append(f)
        return cls(first, later, frames, plain, lazy)

    def made(self, algorithm: str) -> tuple[Fingerprint, ...]:
        """Those that were made later by this algorithm."""
        return tuple(f for f in self.later if f.algorithm == algorithm)


def _later(parts: Sequence[_Part], *, was_open: bool, was_coloured: bool) -> Iterator[tuple[int, _Kept]]:
    end = 0
    for part in parts:
        end += len(part.first)
        if part.waits:
            yield (
                end,
                _Kept(
                    part.made(ANCHORS256) if was_open or FULL not in part.frames else None,
                    part.made(COLOUR42) if was_coloured or not part.plain else None,
                    part.made(MINHASH128) or (None if part.lazy else ()),
                ),
            )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a run has made later; `None` where it has not. See `fingerprints.model.Later`."""

    made_anchors: tuple[Fingerprint, ...] | None
    made_colours: tuple[Fingerprint, ...] | None
    made_signature: tuple[Fingerprint, ...] | None

    def anchors(self) -> tuple[Fingerprint, ...]:
        """As they stand in the papers."""
        return _made(self.made_anchors)

    def colours(self) -> tuple[Fingerprint, ...]:
        """As they stand in the papers."""
        return _made(self.made_colours)

    def signature(self) -> tuple[Fingerprint, ...]:
        """As it stands in the papers."""
        return _made(self.made_signature)


def _made(codes: tuple[Fingerprint, ...] | None) -> tuple[Fingerprint, ...]:
    if codes is None:
        raise NotKept
    return codes
