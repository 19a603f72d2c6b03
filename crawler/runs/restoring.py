"""An item of a finished run as it was before the registry was asked, so that a newer edition may ask it anew.

Of a picture, some codes are made only where they matter, and where they do depends on the registry. They are in the
papers if the run has made them; an item for which the newer edition wants others has to be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from crawler.filter import Reading, split_parts
from crawler.runs.rereading import Row, reading_of
from registry.core.decisions import Verdict
from registry.core.fingerprints import ANCHORS256, COLOUR42, DHASH256, FULL, PHASH256, Fingerprint


class NotKept(Exception):
    """Codes are wanted that the run did not make."""


def restored(row: Row, codes: list[Row], *, all_at_once: bool) -> Reading:
    """The item with the codes that every run makes; those that are made later come from the papers.

    `all_at_once`: the run made all that it made without asking (`deep`, `metadata_only`). `NotKept` if an error makes
    it unclear which codes were made.
    """
    reading = reading_of(row, codes)
    if all_at_once or not any(f.algorithm == DHASH256 for f in reading.fingerprints):
        return reading
    if (reading.gap or "").startswith("error."):
        raise NotKept
    parts = [_Part.of(part) for part in split_parts(reading.fingerprints)]
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
    plain: bool
    """Whether there are frames whose colours are made later, if at all."""

    @classmethod
    def of(cls, codes: Sequence[Fingerprint]) -> _Part:
        plain = {f.kind for f in codes if f.algorithm == PHASH256}
        late = [f.algorithm == ANCHORS256 or (f.algorithm == COLOUR42 and f.kind in plain) for f in codes]
        pairs = list(zip(codes, late, strict=True))
        return cls([f for f, yes in pairs if not yes], [f for f, yes in pairs if yes], bool(plain))


def _later(parts: Sequence[_Part], *, was_open: bool, was_coloured: bool) -> Iterator[tuple[int, _Kept]]:
    end = 0
    for part in parts:
        end += len(part.first)
        frames = {f.kind for f in part.first if f.algorithm == DHASH256}
        if frames:
            anchors = tuple(f for f in part.later if f.algorithm == ANCHORS256)
            colours = tuple(f for f in part.later if f.algorithm == COLOUR42)
            yield (
                end,
                _Kept(
                    anchors if was_open or FULL not in frames else None,
                    colours if was_coloured or not part.plain else None,
                ),
            )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a run has made later; `None` where it has not. See `fingerprints.model.Later`."""

    made_anchors: tuple[Fingerprint, ...] | None
    made_colours: tuple[Fingerprint, ...] | None

    def anchors(self) -> tuple[Fingerprint, ...]:
        """As they stand in the papers."""
        return _made(self.made_anchors)

    def colours(self) -> tuple[Fingerprint, ...]:
        """As they stand in the papers."""
        return _made(self.made_colours)


def _made(codes: tuple[Fingerprint, ...] | None) -> tuple[Fingerprint, ...]:
    if codes is None:
        raise NotKept
    return codes
